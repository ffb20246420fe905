"""Ingest on small pages: what is stored, what is reported, and what bad input comes to."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from newsletter.core.papers.listing import Entry
from newsletter.papers import dump_archive
from tests.pipeline.intake.scenario import DumpScenario, PrintedPaper, abstract_of, page, reworded


@pytest.fixture
def scenario(tmp_path: Path) -> DumpScenario:
    return DumpScenario(tmp_path)


def entry(title: str, **values: Any) -> Entry:
    return Entry(**({"position": 0, "line": 0, "title": title, "abstract": abstract_of(title)} | values))


def half_read_page() -> bytes:
    """Two pages saved into one file: only the first can be read."""
    return page("Mar 3", "Quantum Lattices", "Circuits") + b"\n\n" + page("Mar 4", "Spikes", "Photons")


def figures(report: Any) -> tuple[str, int, int, int, int]:
    return (report.status.value, report.entries, report.new, report.known, report.revised)


def test_ingest_stores_papers_and_reports_them(scenario: DumpScenario) -> None:
    report = scenario.drop(
        "a.txt",
        page(
            "Mar 3",
            PrintedPaper(title="Quantum Lattices", comments=4),
            PrintedPaper(
                title="Circuits of Spikes", authors="acme Acme Research Labs", printed="Jul 9, 2024"
            ),
        ),
    )
    assert report.as_json() == {
        "file": str(scenario.folder / "a.txt"),
        "status": "ingested",
        "format": "daily-papers",
        "listed_on": "2026-03-03",
        "listed_on_from": "clock",
        "guess": True,
        "entries": 2,
        "new": 2,
        "known": 0,
        "revised": 0,
        "quarantined": [],
        "possibly_same": [],
        "error": None,
    }
    first, second = scenario.papers()
    assert first == {
        "id": first["id"],
        "title": "Quantum Lattices",
        "abstract": abstract_of("Quantum Lattices"),
        "authors": 3,
        "author_names": [],
        "organization": None,
        "published_on": "2026-02-03",
        "comments": 4,
        "code_url": None,
        "url": None,
        "listing_url": None,
        "project_url": None,
        "arxiv_id": None,
        "doi": None,
        "categories": [],
        "sources": ["daily-papers"],
        "upvotes": None,
        "upvotes_on": None,
        "first_listed_on": "2026-03-03",
        "edition": None,
        "topics": [{"topic": "quantum", "score": 0.9, "evidence": ["quantum"], "by": "rules"}],
        "maybe": [],
        "backfill": False,
        "revision": 1,
    }
    assert (second["title"], second["authors"], second["published_on"]) == (
        "Circuits of Spikes",
        None,
        "2024-07-09",
    )
    assert second["organization"] == "Acme Research Labs"
    json.dumps(scenario.papers())


def test_ingest_the_same_bytes_under_another_name_changes_nothing(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices", "Circuits of Spikes")
    scenario.drop("a.txt", data)
    before = scenario.state()
    report = scenario.drop("b.txt", data)
    assert figures(report) == ("unchanged", 2, 0, 2, 0)
    assert report.error is None
    assert scenario.state() == before


def test_ingest_keeps_the_bytes_under_their_hash(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices")
    scenario.drop("a.txt", data)
    sha256 = dump_archive.sha256_of(data)
    assert [path.relative_to(scenario.archive) for path in scenario.archive.rglob("*.*")] == [
        Path(sha256[:2]) / f"{sha256}.txt"
    ]
    assert dump_archive.load_bytes(scenario.archive, sha256) == data


def test_ingest_recognises_a_paper_by_its_title_whatever_its_typesetting(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Poincaré Maps: 2.5D Spike-Routing in C++"))
    report = scenario.drop(
        "b.txt",
        page(
            "Mar 4",
            PrintedPaper(
                title="POINCARE MAPS -- 2.5D spike routing in C++",
                abstract=abstract_of("Poincaré Maps: 2.5D Spike-Routing in C++"),
            ),
            "Poincaré Maps: 2.5D Spike-Routing in C",
            "Poincaré Maps: 25D Spike-Routing in C++",
        ),
    )
    assert figures(report) == ("ingested", 3, 2, 1, 0)


def test_ingest_counts_a_changed_abstract_as_revision_and_keeps_the_old_one(scenario: DumpScenario) -> None:
    old = abstract_of("Quantum Lattices")
    new = reworded(old)
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.publish()
    report = scenario.drop("b.txt", page("Mar 4", PrintedPaper(title="Quantum Lattices", abstract=new)))
    assert figures(report) == ("ingested", 1, 0, 1, 1)
    shown = scenario.show(scenario.id_of("Quantum Lattices"))
    assert (shown["abstract"], shown["revision"]) == (new, 2)
    assert [(text["number"], text["abstract"]) for text in shown["revisions"]] == [(1, old), (2, new)]
    assert scenario.news() == set()


def test_ingest_takes_another_rendering_for_no_revision(scenario: DumpScenario) -> None:
    text = abstract_of("x") + " The gain is 10 percent for α particles."
    scenario.drop("a.txt", page("Mar 3", PrintedPaper(title="Quantum Lattices", abstract=text)))
    other = text.replace("α", r"$\alpha$").replace("lattice", r"\textbf{lattice}").replace(". ", ".  ")
    report = scenario.drop("b.txt", page("Mar 4", PrintedPaper(title="Quantum  Lattices", abstract=other)))
    assert other != text
    assert figures(report) == ("ingested", 1, 0, 1, 0)
    assert scenario.papers()[0]["abstract"] == text


def test_ingest_an_older_dump_later_overwrites_no_newer_text(scenario: DumpScenario) -> None:
    new, old = abstract_of("new"), abstract_of("old")
    scenario.drop("b.txt", page("Mar 4", PrintedPaper(title="Quantum Lattices", abstract=new)))
    report = scenario.drop("a.txt", page("Mar 3", PrintedPaper(title="Quantum Lattices", abstract=old)))
    assert figures(report) == ("ingested", 1, 0, 1, 0)
    shown = scenario.show(scenario.id_of("Quantum Lattices"))
    assert (shown["abstract"], shown["revision"], shown["first_listed_on"]) == (new, 1, "2026-03-03")
    assert [(text["number"], text["abstract"]) for text in shown["revisions"]] == [(1, new), (2, old)]


def test_ingest_fills_gaps_without_revision_or_news(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", PrintedPaper(title="Quantum Lattices", authors=None)))
    scenario.publish()
    report = scenario.drop(
        "b.txt",
        page(
            "Mar 4",
            PrintedPaper(
                title="Quantum Lattices", authors="acme Acme Labs", printed="Jul 9, 2024", comments=3
            ),
        ),
    )
    assert figures(report) == ("ingested", 1, 0, 1, 0)
    row = scenario.papers()[0]
    assert (row["organization"], row["published_on"], row["comments"]) == ("Acme Labs", "2024-07-09", 3)
    assert scenario.news() == set()
    scenario.drop(
        "c.txt", page("Mar 5", PrintedPaper(title="Quantum Lattices", authors="9 authors", comments=2))
    )
    row = scenario.papers()[0]
    assert (row["organization"], row["authors"], row["comments"]) == ("Acme Labs", 9, 3)


def test_ingest_lets_no_empty_abstract_replace_a_full_one(scenario: DumpScenario) -> None:
    scenario.list_entries(entry("Quantum Lattices"), on=date(2026, 3, 3))
    taken = scenario.list_entries(entry("Quantum Lattices", abstract=""), on=date(2026, 3, 4))
    assert (taken.new, taken.known, taken.revised) == (0, 1, 0)
    assert scenario.papers()[0]["abstract"] == abstract_of("Quantum Lattices")


def test_ingest_fills_an_empty_abstract_and_matches_its_topics(scenario: DumpScenario) -> None:
    scenario.list_entries(entry("Lattices", abstract=""), on=date(2026, 3, 4))
    taken = scenario.list_entries(
        entry("Lattices", abstract=abstract_of("x") + " Quantum."), on=date(2026, 3, 3)
    )
    assert (taken.new, taken.known, taken.revised) == (0, 1, 0)
    row = scenario.papers()[0]
    assert (row["abstract"], row["revision"]) == (abstract_of("x") + " Quantum.", 1)
    assert [topic["topic"] for topic in row["maybe"]] == ["quantum"]


def test_ingest_a_title_twice_in_one_dump_is_one_paper_listed_twice(scenario: DumpScenario) -> None:
    report = scenario.drop("a.txt", page("Mar 3", "Quantum Lattices", "Circuits", "Quantum Lattices"))
    assert figures(report) == ("ingested", 3, 2, 1, 0)
    assert scenario.titles() == ["Quantum Lattices", "Circuits"]
    assert len(scenario.show(scenario.id_of("Quantum Lattices"))["listings"]) == 2


def test_ingest_goes_by_identifier_when_the_title_changed(scenario: DumpScenario) -> None:
    scenario.list_entries(
        entry("Quantum Lattices", identifiers=(("arxiv", "2401.01234v1"),)), on=date(2026, 3, 3)
    )
    taken = scenario.list_entries(
        entry("Lattices, Revisited", url="https://arxiv.org/abs/2401.01234v2"), on=date(2026, 3, 4)
    )
    assert (taken.new, taken.known, taken.revised) == (0, 1, 1)
    assert scenario.titles() == ["Lattices, Revisited"]
    again = scenario.list_entries(entry("Quantum Lattices"), on=date(2026, 3, 1))  # by the title it once had
    assert (again.new, again.known, again.revised) == (0, 1, 0)


def test_ingest_takes_two_identifiers_of_one_scheme_for_two_papers(scenario: DumpScenario) -> None:
    scenario.list_entries(
        entry("Quantum Lattices", identifiers=(("arxiv", "2401.00001"),)), on=date(2026, 3, 3)
    )
    taken = scenario.list_entries(
        entry("Quantum Lattices", identifiers=(("arxiv", "2401.00002"),)),
        entry("Quantum Lattices", identifiers=(("arxiv", "2401.00003"),)),
        entry("Quantum Lattices"),  # no identifier: the earliest of that title
        on=date(2026, 3, 4),
    )
    assert (taken.new, taken.known) == (2, 1)


def test_ingest_reports_a_new_title_over_a_known_abstract_as_possibly_the_same(
    scenario: DumpScenario,
) -> None:
    text = abstract_of("x")
    scenario.drop(
        "a.txt", page("Mar 3", PrintedPaper(title="Quantum Lattices", abstract=text), "Something Else")
    )
    report = scenario.drop(
        "b.txt", page("Mar 4", PrintedPaper(title="On Lattices", abstract=reworded(text, 0.15)))
    )
    assert figures(report) == ("ingested", 1, 1, 0, 0)
    [pair] = report.possibly_same
    assert (pair.title, pair.other_title) == ("On Lattices", "Quantum Lattices")
    assert 0.6 < pair.overlap < 1
    assert pair.id == scenario.id_of("On Lattices")
    assert pair.other_id == scenario.id_of("Quantum Lattices")


def test_ingest_finds_possibly_same_papers_within_one_dump(scenario: DumpScenario) -> None:
    text = abstract_of("x")
    report = scenario.drop(
        "a.txt",
        page(
            "Mar 3",
            PrintedPaper(title="Quantum Lattices", abstract=text),
            PrintedPaper(title="On Lattices", abstract=text),
        ),
    )
    assert report.new == 2
    assert [(pair.title, pair.other_title, pair.overlap) for pair in report.possibly_same] == [
        ("On Lattices", "Quantum Lattices", 1.0)
    ]


def test_ingest_backfill_is_known_but_never_news(scenario: DumpScenario) -> None:
    scenario.drop("old.txt", page("Mar 1", "Quantum Lattices", "Circuits"), backfill=True)
    assert scenario.news() == set()
    report = scenario.drop("a.txt", page("Mar 3", "Quantum Lattices", "Spikes"))
    assert figures(report) == ("ingested", 2, 1, 1, 0)
    assert scenario.news() == {("Spikes", "everything")}


def test_ingest_backfill_after_the_fact_takes_no_news_back(scenario: DumpScenario) -> None:
    scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"))
    scenario.drop("old.txt", page("Mar 1", "Quantum Lattices", "Circuits"), backfill=True)
    assert scenario.news() == {("Quantum Lattices", "everything"), ("Quantum Lattices", "quantum")}


def test_ingest_holds_a_dump_of_which_too_much_is_unread(scenario: DumpScenario) -> None:
    data = half_read_page()
    before = scenario.state()
    report = scenario.drop("a.txt", data)
    assert figures(report) == ("held", 2, 0, 0, 0)
    assert report.error is not None
    assert "a.txt" in report.error
    assert "release" in report.error
    assert report.quarantined
    after = scenario.state()
    assert {**after, "dumps": [], "listed": []} == before
    assert [row[:3] for row in after["dumps"]] == [("a.txt", dump_archive.sha256_of(data), "held")]
    assert dump_archive.load_bytes(scenario.archive, dump_archive.sha256_of(data)) == data
    again = scenario.drop("a.txt", data)
    assert (again.status, again.error) == (report.status, report.error)
    assert scenario.state() == after


def test_ingest_quarantines_what_it_cannot_read_and_goes_on(scenario: DumpScenario) -> None:
    titles = [f"Spikes of Kind {number}" for number in range(12)]
    data = page("Mar 3", *titles).replace(b"Spikes of Kind 5\n\n", b"", 1)
    report = scenario.drop("a.txt", data)
    assert report.status == "ingested"
    quarantined = report.as_json()["quarantined"]
    assert quarantined
    assert all(item["line"] > 30 and item["reason"] for item in quarantined)
    assert report.new == 11


def test_ingest_reads_a_dump_without_any_author_block(scenario: DumpScenario) -> None:
    papers = [PrintedPaper(title=f"Spikes of Kind {number}", authors=None) for number in range(9)]
    assert figures(scenario.drop("a.txt", page("Mar 3", *papers))) == ("ingested", 9, 9, 0, 0)


def test_ingest_refuses_what_is_no_dump_and_goes_on_with_the_others(scenario: DumpScenario) -> None:
    folder = scenario.folder
    (folder / "folder").mkdir()
    bad = {
        "missing.txt": None,
        "empty.txt": b"",
        "blank.txt": b" \n\n  \n",
        "header.txt": page("Mar 3"),
        "binary.txt": bytes(range(256)) * 20,
        "site.txt": b"Breaking news\n\nWeather: rain\n\nSports: they won\n",
    }
    for name, data in bad.items():
        if data is not None:
            (folder / name).write_bytes(data)
    big = folder / "big.txt"
    with big.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    (folder / "good.txt").write_bytes(page("Mar 3", "Quantum Lattices"))
    names = [*bad, "folder", "big.txt", "good.txt"]
    reports = scenario.drop_files([folder / name for name in names])
    assert [report.status.value for report in reports] == ["refused"] * (len(names) - 1) + ["ingested"]
    for name, report in zip(names[:-1], reports, strict=False):
        assert report.error is not None
        assert str(folder / name) in report.error, name
        assert ". " in report.error, f"{name}: no word on what to do"
    assert scenario.titles() == ["Quantum Lattices"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_ingest_refuses_an_unreadable_file(scenario: DumpScenario) -> None:
    path = scenario.folder / "secret.txt"
    path.write_bytes(page("Mar 3", "Quantum Lattices"))
    path.chmod(0)
    assert scenario.drop_files([path])[0].status == "refused"


def test_ingest_never_opens_a_pipe(scenario: DumpScenario) -> None:
    path = scenario.folder / "pipe"
    os.mkfifo(path)
    assert scenario.drop_files([path])[0].status == "refused"


def test_ingest_reads_windows_line_ends_bom_and_cut_files(scenario: DumpScenario) -> None:
    data = page("Mar 3", "Quantum Lattices", "Circuits of Café")
    variants = {
        "crlf.txt": data.replace(b"\n", b"\r\n"),
        "bom.txt": b"\xef\xbb\xbf" + data,
        "cp1252.txt": data.decode().encode("cp1252", "replace"),
        "cut.txt": data[: data.index(b"  \xe2\x80\xa2", len(data) // 2) - 30],
    }
    for name, variant in variants.items():
        assert scenario.drop(name, variant).status == "ingested", name
    assert scenario.titles() == ["Quantum Lattices", "Circuits of Café"]


def test_ingest_takes_the_year_from_a_paper_that_is_known_with_its_year(scenario: DumpScenario) -> None:
    scenario.drop(
        "a.txt",
        page("Mar 3", PrintedPaper(title="Quantum Lattices", printed="Jan 9, 2024")),
        listed_on=date(2025, 3, 3),
    )
    report = scenario.drop("b.txt", page("Mar 2", PrintedPaper(title="Quantum Lattices", printed="Jan 9")))
    assert (report.listed_on, report.listed_on_from) == (date(2024, 3, 2), "known-papers")


def test_ingest_takes_the_year_from_the_option_and_stores_it(scenario: DumpScenario) -> None:
    report = scenario.drop("a.txt", page("Mar 3", "Quantum Lattices"), listed_on=date(2023, 3, 4))
    assert (report.listed_on, report.listed_on_from, report.guess) == (date(2023, 3, 4), "option", False)
    assert scenario.papers()[0]["published_on"] == "2023-02-03"


def test_ingest_takes_the_year_from_the_file_name(scenario: DumpScenario) -> None:
    report = scenario.drop("listing-2024-03-03.txt", page("Mar 3", "Quantum Lattices"))
    assert (report.listed_on, report.listed_on_from) == (date(2024, 3, 3), "filename")
