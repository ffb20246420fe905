"""Looking after dumps: dates mended, dumps taken back, held ones released, kept bytes read again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.core.errors import NewsletterError, NotFoundError, StorageError, UsageError
from newsletter.papers import dump_archive
from newsletter.pipeline.intake.dumps import list_dumps, show_dump
from tests.pipeline.intake.scenario import (
    NOW,
    DumpScenario,
    PrintedPaper,
    WordMatcher,
    abstract_of,
    page,
    reworded,
)


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[DumpScenario]:
    scenario = DumpScenario(tmp_path, url=database_url)
    yield scenario
    scenario.engine.dispose()


def half_read_page() -> bytes:
    """Two pages saved into one file: only the first can be read."""
    return page("Mar 3", "Quantum Lattices", "Circuits") + b"\n\n" + page("Mar 4", "Spikes", "Photons")


def test_list_dumps_shows_each_in_the_order_of_arrival(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices")
    scenario.drop("b.txt", data)
    scenario.drop("a.txt", half_read_page())
    first, second = list_dumps(scenario.engine)
    assert first == {
        "file": "b.txt",
        "sha256": dump_archive.sha256_of(data),
        "status": "ingested",
        "format": "daily-papers",
        "listed_on": "2026-03-03",
        "listed_on_from": "clock",
        "entries": 1,
        "new": 1,
        "known": 0,
        "revised": 0,
        "backfill": False,
        "received_at": NOW.isoformat(),
        "ingested_at": NOW.isoformat(),
        "size": len(data),
        "unread_lines": 0,
        "error": None,
    }
    assert (second["file"], second["status"], second["listed_on"]) == ("a.txt", "held", None)
    assert second["error"]


def test_show_dump_lists_papers_and_what_was_not_read(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", half_read_page())
    shown = show_dump(scenario.engine, "a.txt")
    assert shown["papers"] == []
    assert shown["quarantined"][0]["text"] == "Daily Papers"
    scenario.release("a.txt")
    listed = show_dump(scenario.engine, "a.txt")["papers"]
    assert [(row["position"], row["title"]) for row in listed] == [(1, "Quantum Lattices"), (2, "Circuits")]


def test_dumps_are_found_by_name_path_and_hash(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices")
    scenario.drop("a.txt", data)
    sha256 = dump_archive.sha256_of(data)
    for name in ("a.txt", "/elsewhere/a.txt", sha256, sha256[:8], sha256[:8].upper()):
        assert show_dump(scenario.engine, name)["sha256"] == sha256
    for name in ("b.txt", sha256[:3], "", "%"):
        with pytest.raises(NotFoundError, match="dumps list"):
            show_dump(scenario.engine, name)


def test_dumps_of_one_name_must_be_named_by_hash(scenario: DumpScenario) -> None:
    one, two = page("Mar 3", "Quantum Lattices"), page("Mar 4", "Circuits")
    scenario.drop("a.txt", one)
    scenario.drop("a.txt", two)
    with pytest.raises(NotFoundError, match=dump_archive.sha256_of(one)[:12]):
        show_dump(scenario.engine, "a.txt")


def test_redate_mends_the_dump_and_the_papers_dated_from_it(scenario: DumpScenario) -> None:
    scenario.drop(
        "a.txt", page("Mar 3", "Quantum Lattices", PrintedPaper(title="Circuits", printed="Jul 9, 2020"))
    )
    row = scenario.redate("a.txt", "2024-03-03")
    assert (row["listed_on"], row["listed_on_from"]) == ("2024-03-03", "option")
    assert [(paper["first_listed_on"], paper["published_on"]) for paper in scenario.papers()] == [
        ("2024-03-03", "2024-02-03"),
        ("2024-03-03", "2020-07-09"),
    ]


def test_redate_leaves_papers_that_an_earlier_dump_dates(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.drop("b.txt", page("Mar 4", "Quantum Lattices", "Circuits"))
    scenario.redate("b.txt", "2026-03-09")
    assert [(paper["title"], paper["first_listed_on"]) for paper in scenario.papers()] == [
        ("Quantum Lattices", "2026-03-03"),
        ("Circuits", "2026-03-09"),
    ]
    scenario.redate("a.txt", "2026-03-20")
    assert [(paper["title"], paper["first_listed_on"]) for paper in scenario.papers()] == [
        ("Quantum Lattices", "2026-03-09"),
        ("Circuits", "2026-03-09"),
    ]


def test_redate_of_a_held_dump_counts_at_its_release(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", half_read_page())
    scenario.redate("a.txt", "2024-03-03")
    row = scenario.release("a.txt")
    assert (row["status"], row["listed_on"], row["listed_on_from"]) == ("ingested", "2024-03-03", "option")


def test_withdraw_takes_back_the_news_that_only_this_dump_brought(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices", "Circuits"))
    scenario.drop("b.txt", page("Mar 4", "Circuits", "Spikes"))
    row = scenario.withdraw("a.txt")
    assert row["status"] == "withdrawn"
    assert scenario.news() == {("Circuits", "everything"), ("Circuits", "circuits"), ("Spikes", "everything")}
    assert scenario.withdraw("a.txt") == row


def test_withdraw_ends_the_pairs_of_editions_and_a_later_dump_makes_them_news_again(
    scenario: DumpScenario,
) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices", "Spikes"))
    scenario.drop("b.txt", page("Mar 4", "Spikes"))
    scenario.publish()
    scenario.withdraw("a.txt")
    gone = {("Quantum Lattices", "everything"), ("Quantum Lattices", "quantum")}
    assert scenario.withdrawn_pairs() == gone
    assert scenario.news() == set()
    scenario.now += timedelta(days=1)
    report = scenario.drop("c.txt", page("Mar 5", "Quantum Lattices", "Spikes"))
    assert (report.new, report.known) == (1, 1)
    assert scenario.news() == gone
    assert scenario.publish() == 2
    assert [row["edition"] for row in scenario.papers(edition=2)] == [2]


def test_withdraw_then_the_same_bytes_again_is_a_new_ingest(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices")
    scenario.drop("a.txt", data)
    scenario.publish()
    scenario.withdraw("a.txt")
    scenario.now += timedelta(days=1)
    report = scenario.drop("a.txt", data, backfill=True)
    assert (report.status, report.new, report.known) == ("ingested", 1, 0)
    assert scenario.news() == set()
    scenario.withdraw("a.txt")
    report = scenario.drop("a.txt", data)
    assert (report.status, report.new, report.known) == ("ingested", 1, 0)
    assert scenario.news() == {("Quantum Lattices", "everything"), ("Quantum Lattices", "quantum")}
    [row] = list_dumps(scenario.engine)
    assert (row["received_at"], row["ingested_at"]) == (NOW.isoformat(), scenario.now.isoformat())


def test_withdraw_leaves_no_news_where_only_an_archive_lists_the_paper(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.drop("old.txt", page("Mar 1", "Quantum Lattices"), backfill=True)
    scenario.withdraw("a.txt")
    assert scenario.news() == set()
    assert scenario.papers()[0]["backfill"]


def test_withdraw_lets_a_text_fall_back(scenario: DumpScenario) -> None:
    old = abstract_of("x")
    new = reworded(old, 0.3) + " Quantum."
    scenario.drop("a.txt", page("Mar 3", PrintedPaper(title="Lattices", abstract=old)))
    scenario.drop("b.txt", page("Mar 4", PrintedPaper(title="Lattices", abstract=new)))
    assert scenario.papers()[0]["abstract"] == new
    scenario.withdraw("b.txt")
    row = scenario.papers()[0]
    assert (row["abstract"], row["revision"], row["maybe"]) == (old, 1, [])


def test_withdraw_keeps_a_text_that_a_later_dump_repeated(scenario: DumpScenario) -> None:
    old, new = abstract_of("x"), abstract_of("y")
    scenario.drop("a.txt", page("Mar 3", PrintedPaper(title="Lattices", abstract=old)))
    scenario.drop("b.txt", page("Mar 4", PrintedPaper(title="Lattices", abstract=new)))
    scenario.drop("c.txt", page("Mar 5", PrintedPaper(title="Lattices", abstract=new)))
    scenario.withdraw("b.txt")
    assert scenario.papers()[0]["abstract"] == new


def test_withdraw_of_a_held_dump_only_closes_it(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", half_read_page())
    assert scenario.withdraw("a.txt")["status"] == "withdrawn"
    with pytest.raises(UsageError, match="withdrawn"):
        scenario.release("a.txt")


def test_release_takes_in_what_could_be_read(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", half_read_page(), backfill=True)
    scenario.now += timedelta(hours=1)
    row = scenario.release("a.txt")
    assert (row["status"], row["entries"], row["new"], row["error"]) == ("ingested", 2, 2, None)
    assert row["backfill"]
    assert row["ingested_at"] == scenario.now.isoformat()
    assert scenario.titles() == ["Quantum Lattices", "Circuits"]
    before = scenario.state()
    scenario.release("a.txt")
    assert scenario.state() == before


def test_replay_changes_nothing_when_the_parser_reads_the_same(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices", "Circuits", "Circuits"))
    scenario.drop("b.txt", page("Mar 4", PrintedPaper(title="Circuits", abstract=abstract_of("y")), "Spikes"))
    scenario.publish()
    before = scenario.state()
    scenario.now += timedelta(days=3)
    for name in ("a.txt", "b.txt", "a.txt"):
        scenario.replay(name)
    assert scenario.state() == before
    assert scenario.news() == set()


def test_replay_matches_the_papers_by_the_present_topics(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.publish()
    scenario.drop("b.txt", page("Mar 4", "Quantum Lattices", "Lattices of Steel"))
    scenario.matcher = WordMatcher("lattices")
    scenario.replay("b.txt")
    assert [[topic["topic"] for topic in row["topics"]] for row in scenario.papers()] == [["lattices"]] * 2
    assert scenario.news() == {("Lattices of Steel", "everything"), ("Lattices of Steel", "lattices")}


def test_replay_uses_the_date_as_it_was_decided(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Apr 16", "Quantum Lattices"))
    scenario.now += timedelta(days=400)
    row = scenario.replay("a.txt")
    assert (row["listed_on"], row["listed_on_from"]) == ("2026-04-16", "clock")


def test_replay_of_a_held_dump_judges_it_anew(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", half_read_page())
    assert scenario.replay("a.txt")["status"] == "held"


def test_replay_needs_the_kept_bytes(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices")
    scenario.drop("a.txt", data)
    path = dump_archive.path_of(scenario.archive, dump_archive.sha256_of(data))
    path.write_bytes(data + b"x")
    with pytest.raises(StorageError, match="changed on disk"):
        scenario.replay("a.txt")
    path.unlink()
    with pytest.raises(StorageError, match="missing"):
        scenario.replay("a.txt")


def test_every_action_names_an_unknown_dump(scenario: DumpScenario) -> None:
    for action in (scenario.withdraw, scenario.release, scenario.replay):
        with pytest.raises(NewsletterError, match=r"there is no dump 'x\.txt'"):
            action("x.txt")
