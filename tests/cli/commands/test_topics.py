"""Topics from the command line: shown, measured, tried out, corrected, learned."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.pipeline.intake.scenario import PrintedPaper, page

ROBOTS = """
[topics.robotics]
title = "Robotics"
description = "Machines that move about."
phrases = ["robot"]
"""
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def abstract_of(seed: object) -> str:
    """Sixty words of no topic, others for every seed."""
    chance = random.Random(str(seed))
    return " ".join(chance.choice(NUMBERS) + chance.choice(["fold", "some", "th"]) for _ in range(60)) + "."


def printed(seed: object) -> str:
    """As `abstract_of`, in sentences, which a listing must have to be read."""
    words = abstract_of(seed).rstrip(".").split()
    fours = zip(*[iter(words)] * 4, strict=True)
    return " ".join(
        f"We find that the {a} of the {b} is in a {c} and not to the {d}." for a, b, c, d in fours
    )


LISTED = (
    PrintedPaper(title="A robot that folds", abstract=printed(1) + " The robot folds."),
    PrintedPaper(title="Spiking neural networks", abstract=printed(2) + " Spiking neurons on Loihi."),
    PrintedPaper(title="A quadruped on sand", abstract=printed(3) + " It walks on four legs of steel."),
    PrintedPaper(title="Seven ways to bake bread", abstract=printed(4)),
)


@pytest.fixture
def robots(shell: Shell, tmp_path: Path) -> Shell:
    """A newsletter with a topic of its own and four papers."""
    settings = shell.state_dir / "newsletter.toml"
    settings.write_text(settings.read_text("utf-8") + ROBOTS, "utf-8")
    dump = tmp_path / "page.txt"
    dump.write_bytes(page("Apr 16", *LISTED))
    shell.ok("ingest", str(dump), "--listed-on", "2026-04-16", "--at", "2026-04-16T06:00")
    return shell


def labels(folder: Path, *rows: dict[str, object]) -> str:
    file = folder / "labels.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return str(file)


def test_show_prints_rules_and_learned_terms(robots: Shell) -> None:
    own = robots.ok("topics", "show", "robotics", "--json").json
    assert (own["title"], own["learned"], own["section_at"]) == ("Robotics", None, 0.5)
    assert [rule["phrases"] for rule in own["rules"]] == [["robot"]]
    shipped = robots.ok("topics", "show", "neuromorphic", "--json").json
    assert shipped["learned"]["positives"] > 40
    assert "spiking" in shipped["learned"]["speak_for"]
    assert all(row["precision"] > 0.8 for row in shipped["learned"]["precision"] if row["score"] >= 0.5)
    assert "learned from" in robots.ok("topics", "show", "neuromorphic").stdout
    assert robots("topics", "show", "astrology").code == 1


def test_check_separates_sure_and_doubtful_topics(robots: Shell, tmp_path: Path) -> None:
    dump = tmp_path / "other.txt"
    doubtful = PrintedPaper(title="Bread", abstract=printed(9) + " A robot kneads.")
    dump.write_bytes(page("Apr 17", LISTED[0], doubtful))
    rows = robots.ok("topics", "check", str(dump), "--json").json
    assert [[match["topic"] for match in row["topics"]] for row in rows] == [["robotics"], []]
    assert [[match["topic"] for match in row["maybe"]] for row in rows] == [[], ["robotics"]]
    assert "robotics?" in robots.ok("topics", "check", str(dump)).stdout


def test_evaluate_takes_missing_abstracts_from_the_store_and_names_mistakes(
    robots: Shell, tmp_path: Path
) -> None:
    file = labels(
        tmp_path,
        {"title": "A robot that folds", "topics": ["robotics"]},
        {"title": "Spiking neural networks", "topics": ["neuromorphic"]},
        {"title": "A quadruped on sand", "topics": ["robotics"], "borderline": True},
    )
    found = robots.ok("topics", "evaluate", file, "--json").json
    by_topic = {row["topic"]: row for row in found["topics"]}
    assert (found["papers"], found["false_alarms"]) == (3, 0)
    assert (by_topic["neuromorphic"]["f1"], by_topic["robotics"]["recall"]) == (1.0, 0.5)
    assert found["mistakes"] == [
        {"title": "A quadruped on sand", "given": [], "labels": ["robotics"], "borderline": True}
    ]
    assert "macro F1" in robots.ok("topics", "evaluate", file).stdout
    wrong = robots("topics", "evaluate", "-", stdin='{"title": 3}')
    assert (wrong.code, "line 1" in wrong.stderr) == (2, True)


def test_rules_are_tried_out_before_they_go_live(robots: Shell, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(ROBOTS.replace('"robot"', '"quadruped", "legs"'), "utf-8")
    at = ("--at", "2026-04-20T06:00")
    found = robots.ok("topics", "test", str(rules), "--against", "30", *at, "--json").json
    (row,) = [row for row in found["topics"] if row["topic"] == "robotics"]
    assert found["papers"] == 4
    assert [paper["title"] for paper in row["gained"]] == ["A quadruped on sand"]
    assert [paper["title"] for paper in row["lost"]] == ["A robot that folds"]
    assert row["gained"][0]["evidence"] == ["quadruped", "legs"]
    assert "robotics: 1 before, 1 after (+1, -1)" in robots.ok("topics", "test", str(rules), *at).stdout
    later = robots.ok("topics", "test", str(rules), "--against", "3", "--at", "2026-05-20T06:00", "--json")
    assert later.json["papers"] == 0
    robots.ok("papers", "topic", "1", "--remove", "robotics")  # what an admin decided stays decided
    (row,) = [
        row
        for row in robots.ok("topics", "test", str(rules), *at, "--json").json["topics"]
        if row["topic"] == "robotics"
    ]
    assert row["lost"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[topics", "is no TOML: Expected ']' at the end of a table declaration (at "),
        ("[smtp]\nhost = 'x'", "must hold tables [topics.SLUG] and nothing else"),
        ("topics = 3", "must hold tables [topics.SLUG] and nothing else"),
        ("", "must hold tables [topics.SLUG] and nothing else"),
        ("\udcff", "is no TOML: 'utf-8' codec can't decode byte 0xff in position 0"),
        ("[topics.robotics]\nphrase = 3", "topics.robotics.phrase is unknown"),
        (ROBOTS.replace('robot"', '("'), "topics.robotics.phrases holds an unusable phrase: '('"),
    ],
)
def test_a_file_that_holds_no_rules_is_refused_by_name(
    robots: Shell, tmp_path: Path, text: str, message: str
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_bytes(text.encode("utf-8", "surrogateescape"))
    answer = robots("topics", "test", str(rules))
    assert answer.code == 78
    first, hint = answer.stderr.strip().split("\n")
    assert first.startswith(f"Error: {rules}")
    assert first.count(message) == 1
    assert hint


def test_stored_papers_are_matched_by_a_topic_that_is_added_later(robots: Shell) -> None:
    settings = robots.state_dir / "newsletter.toml"
    settings.write_text(settings.read_text("utf-8").replace('"robot"', '"quadruped", "legs"'), "utf-8")
    robots.ok("papers", "topic", "4", "--add", "robotics")
    before = robots.ok("papers", "list", "--topic", "robotics", "--json").json
    assert [paper["id"] for paper in before] == [1, 4]
    assert robots.ok("topics", "rematch").stdout == "4 papers matched again.\n"
    after = robots.ok("papers", "list", "--topic", "robotics", "--json").json
    assert [paper["id"] for paper in after] == [3, 4]
    assert robots.ok("topics", "rematch", "--json").json == {"papers": 4}


def test_corrections_are_shown_next_to_what_the_rules_found(robots: Shell) -> None:
    robots.ok("papers", "topic", "1", "--remove", "robotics", "--at", "2026-04-16T07:00")
    answered = robots.ok("papers", "topic", "1", "--add", "quantum", "--at", "2026-04-16T07:00").stdout
    assert answered == "Paper 1 “A robot that folds” is in: quantum.\n"
    shown = " ".join(robots.ok("papers", "show", "1").stdout.split())
    assert "you decided not robotics, quantum" in shown
    assert [topic["topic"] for topic in robots.ok("papers", "show", "1", "--json").json["topics"]] == [
        "quantum"
    ]
    explained = robots.ok("topics", "explain", "1", "--json").json
    assert explained["corrections"] == [
        {"topic": "robotics", "belongs": False, "at": "2026-04-16T07:00:00+00:00"},
        {"topic": "quantum", "belongs": True, "at": "2026-04-16T07:00:00+00:00"},
    ]
    printed = robots.ok("topics", "explain", "1").stdout
    assert "You decided that it is not of robotics; that wins.\nYou decided that it is of quantum" in printed
    robots.ok("dumps", "replay", "page.txt", "--at", "2026-04-16T08:00")
    assert [topic["topic"] for topic in robots.ok("papers", "show", "1", "--json").json["topics"]] == [
        "quantum"
    ]


def test_training_learns_from_labels_and_corrections_and_touches_no_edition(
    robots: Shell, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    walkers = [
        {
            "title": f"Walk {n}",
            "abstract": abstract_of(f"w{n}") + " Legs of steel walk on four legs.",
            "topics": ["robotics"],
        }
        for n in range(12)
    ]
    others = [{"title": f"Loaf {n}", "abstract": abstract_of(f"o{n}"), "topics": []} for n in range(24)]
    file = labels(tmp_path, *walkers, *others)
    robots.ok("editions", "publish", "--at", "2026-04-16T07:00")
    frozen = robots.ok("editions", "list", "--json").json
    robots.ok("papers", "topic", "3", "--add", "robotics")
    before = robots.ok("topics", "train", file, "--folds", "3", "--dry-run", "--json").json
    assert before["written"] is None
    assert not (robots.state_dir / "topic-weights.json.gz").exists()
    trained = robots.ok("topics", "train", file, "--folds", "3", "--json").json
    outcomes = {row["topic"]: (row["outcome"], row["judged"]) for row in trained["topics"]}
    assert outcomes["robotics"] == ("learned", 37)
    assert outcomes["quantum"] == ("too few labels", 0)
    assert trained["held_out"]["labels.jsonl"]["papers"] == 36
    assert trained["written"] == str(robots.state_dir / "topic-weights.json.gz")
    line = json.dumps(
        {"id": 1, "title": "New", "abstract": abstract_of("new") + " Legs of steel walk on four legs."}
    )
    answer = json.loads(robots.ok("topics", "classify", "-", stdin=line).stdout)
    assert answer["topics"] == ["robotics"]
    assert set(answer["evidence"]["robotics"]) & {"leg", "steel walk", "steel", "walk"}
    assert robots.ok("topics", "show", "neuromorphic", "--json").json["learned"]["positives"] > 40
    assert robots.ok("editions", "list", "--json").json == frozen
    assert "nothing written" in robots.ok("topics", "train", file, "--folds", "3", "--dry-run").stdout


def test_broken_weights_are_named_with_what_to_do(robots: Shell) -> None:
    (robots.state_dir / "topic-weights.json.gz").write_bytes(b"nonsense")
    answer = robots("topics", "classify", "-", stdin='{"title": "x"}')
    assert answer.code == 1
    assert "topics train" in answer.stderr


@pytest.mark.parametrize(
    ("table", "slug", "word"),
    [
        ("[topics.quantum]\npublic = false", "quantum", "private"),
        (f"{ROBOTS}public = false", "robotics", "private"),
        (ROBOTS, "robotics", "public"),
        ("[topics.quantum]\npublic = false", "circuits", "public"),
    ],
)
def test_list_says_which_topics_are_private(shell: Shell, table: str, slug: str, word: str) -> None:
    shell.settings(table)
    [line] = [line for line in shell.ok("topics", "list").stdout.splitlines() if line.startswith(slug)]
    assert word in line.split()
    rows = {row["slug"]: row["public"] for row in shell.ok("topics", "list", "--json").json}
    assert rows[slug] is (word == "public")
