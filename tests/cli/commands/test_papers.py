"""`papers list` and `papers show` print the lead of a paper; `papers export` writes references."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsletter.render.exports import FORMATS
from tests.cli.shell import Shell
from tests.render.exports.reading_back import by_json, by_rispy
from tests.sources.shapes.hf import hf_api
from tests.sources.shapes.records import Record

CLAIM = "We propose a ladder of laser pulses that entangles ions, e.g. calcium, over a metre of fibre."
RECORD = Record(
    id="2604.01001",
    title="Entangling Ions over a Metre of Fibre",
    abstract=f"Quantum networks need links between traps. Links are slow today. {CLAIM} It is simple.",
    authors=("Ada Example",),
    published=date(2026, 4, 10),
    categories=("quant-ph",),
)
BARE = replace(RECORD, id="2604.01002", title="A Paper of which only the Title is Known", abstract="")


def test_papers_print_their_lead_and_null_where_there_is_no_abstract(shell: Shell) -> None:
    file = shell.state_dir.parent / "monday.json"
    file.write_bytes(hf_api(2026)([RECORD, BARE], date(2026, 4, 13)))
    shell.ok("ingest", str(file), "--at", "2026-04-13T05:30")
    listed = {row["title"]: row for row in shell.ok("papers", "list", "--json").json}
    assert {title: row["lead"] for title, row in listed.items()} == {RECORD.title: CLAIM, BARE.title: None}
    known = str(listed[RECORD.title]["id"])
    assert shell.ok("papers", "show", known, "--json").json["lead"] == CLAIM
    assert CLAIM in " ".join(shell.ok("papers", "show", known).stdout.split())
    changed = shell.ok("papers", "topic", known, "--add", "circuits", "--json").json
    assert changed["lead"] == CLAIM


@pytest.mark.parametrize("form", FORMATS)
def test_export_writes_the_papers_that_list_lists(shell: Shell, form: str) -> None:
    file = shell.state_dir.parent / "monday.json"
    file.write_bytes(hf_api(2026)([RECORD, BARE], date(2026, 4, 13)))
    shell.ok("ingest", str(file), "--at", "2026-04-13T05:30")
    [paper] = [row for row in shell.ok("papers", "list", "--json").json if row["title"] == RECORD.title]
    shell.ok("papers", "topic", str(paper["id"]), "--add", "quantum")
    every = shell.ok("papers", "export", "--format", form).stdout
    assert "2604.01001" in every
    assert "2604.01002" in every
    chosen = shell.ok("papers", "export", "--format", form, "--topic", "quantum").stdout
    assert "2604.01001" in chosen
    assert "2604.01002" not in chosen
    out = shell.state_dir.parent / "papers.out"
    shell.ok("papers", "export", "--format", form, "--out", str(out))
    assert out.read_text() == every


@pytest.mark.parametrize(
    "asked",
    [
        ("--search", "ions fibre"),
        ("--search", '"weave fibre"'),
        ("--search", "ions", "--topic", "quantum"),
        ("--search", "fibre", "--edition", "next"),
        ("--search", "xyzzy"),
        ("--dump", "tuesday.json"),
        ("--dump", "monday.json", "--search", "fibre"),
    ],
    ids=" ".join,
)
def test_export_chooses_as_list_does(shell: Shell, asked: tuple[str, ...]) -> None:
    other = replace(RECORD, id="2604.01003", title="Fibre for Looms", abstract="We weave fibre with ions.")
    days = {"monday.json": ([RECORD, BARE], 13), "tuesday.json": ([other], 14)}
    for name, (records, day) in days.items():
        file = shell.state_dir.parent / name
        file.write_bytes(hf_api(2026)(records, date(2026, 4, day)))
        shell.ok("ingest", str(file), "--at", f"2026-04-{day}T05:30")
    every = shell.ok("papers", "list", "--json").json
    [first] = [row["id"] for row in every if row["title"] == RECORD.title]
    shell.ok("papers", "topic", str(first), "--add", "quantum")
    listed = [row["title"] for row in shell.ok("papers", "list", "--json", *asked).json]
    assert len(listed) < len(every)
    assert [item.title for item in by_json(exported(shell, "csl-json", *asked))] == listed
    assert [item.title for item in by_rispy(exported(shell, "ris", *asked))] == listed


def exported(shell: Shell, form: str, *asked: str) -> str:
    return shell.ok("papers", "export", "--format", form, *asked).stdout


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("--format", "word"), 2, "Known: bibtex, ris, csl-json, markdown"),
        (("--topic", "astrology"), 1, "there is no topic 'astrology'"),
        (("--edition", "99"), 1, "99"),
        (("--dump", "no such.txt"), 1, "no such.txt"),
        (("--edition", "x"), 1, "there is no edition 'x'"),
        (("--out", "/nowhere/at/all"), 1, "cannot write /nowhere/at/all"),
    ],
)
def test_export_says_what_is_wrong(shell: Shell, given: tuple[str, ...], code: int, words: str) -> None:
    answer = shell("papers", "export", *given)
    assert answer.code == code
    assert words in answer.stderr


def test_a_search_lists_the_papers_that_fit_the_best_first(shell: Shell) -> None:
    file = shell.state_dir.parent / "monday.json"
    other = replace(RECORD, id="2604.01003", title="Fibre for Looms", abstract="We weave fibre with ions.")
    file.write_bytes(hf_api(2026)([RECORD, BARE, other], date(2026, 4, 13)))
    shell.ok("ingest", str(file), "--at", "2026-04-13T05:30")

    def found(*arguments: str) -> list[str]:
        return [row["title"] for row in shell.ok("papers", "list", "--json", *arguments).json]

    assert found("--search", "ions fibre") == [RECORD.title, "Fibre for Looms"]
    assert found("--search", '"weave fibre"') == ["Fibre for Looms"]
    assert found("--search", "arXiv:2604.01002v2") == [BARE.title]
    [listed] = [row for row in shell.ok("papers", "list", "--json").json if row["title"] == RECORD.title]
    shell.ok("papers", "topic", str(listed["id"]), "--add", "quantum")
    assert found("--search", "ions", "--topic", "quantum") == [RECORD.title]
    assert found("--search", "fibre", "--edition", "next") == ["Fibre for Looms", RECORD.title]
    assert found("--search", "xyzzy") == []
    assert "Add a rarer word." in shell.ok("papers", "list", "--search", "the of").stderr
    assert "Fibre for Looms" in shell.ok("papers", "list", "--search", "loom*").stdout


@pytest.mark.parametrize(
    ("file", "begins"),
    [("a.bib", "@"), ("a.ris", "TY  -"), ("a.csl.json", "["), ("a.MD", "#"), ("a.txt", "@"), ("ris", "@")],
)
def test_the_end_of_the_file_decides_its_form_unless_an_option_does(
    shell: Shell, file: str, begins: str
) -> None:
    listing = shell.state_dir.parent / "monday.json"
    listing.write_bytes(hf_api(2026)([RECORD], date(2026, 4, 13)))
    shell.ok("ingest", str(listing), "--at", "2026-04-13T05:30")
    out = shell.state_dir.parent / file
    shell.ok("papers", "export", "--out", str(out))
    assert out.read_text().startswith(begins) or (begins == "#" and "2604.01001" in out.read_text())
    shell.ok("papers", "export", "--format", "ris", "--out", str(out))
    assert out.read_text().startswith("TY  -")


def test_papers_and_editions_name_their_pages(shell: Shell) -> None:
    listing = shell.state_dir.parent / "monday.json"
    listing.write_bytes(hf_api(2026)([RECORD], date(2026, 4, 13)))
    shell.ok("ingest", str(listing), "--at", "2026-04-13T05:30")
    assert shell.ok("editions", "show", "next", "--json").json["page"] is None
    shell.ok("editions", "publish", "--at", "2026-04-13T06:00")
    [row] = shell.ok("papers", "list", "--json").json
    page = f"http://localhost:8000/papers/{row['id']}-entangling-ions-over-a-metre-of-fibre"
    assert row["page"] == page
    assert shell.ok("papers", "show", str(row["id"]), "--json").json["page"] == page
    printed = shell.ok("papers", "show", str(row["id"])).stdout.split()
    assert f"http://localhost:8000/papers/{row['id']}" in printed  # without the title: it fits a terminal
    edition = shell.ok("editions", "show", "1", "--json").json["page"]
    assert edition == "http://localhost:8000/editions/1"
    assert edition in shell.ok("editions", "show", "1").stdout


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [
        (("show", "Attention"), "papers list --search Attention"),
        (("show", "Attention is all you need"), "papers list --search 'Attention is all you need'"),
        (("merge", "1", "2604.00001"), "papers list --search 2604.00001"),
        (("topic", "１", "--add", "quantum"), "papers list --search"),  # a full-width digit
    ],
)
def test_words_in_place_of_an_id_are_answered_with_a_search(
    shell: Shell, arguments: tuple[str, ...], next_step: str
) -> None:
    answer = shell("papers", *arguments)
    assert answer.code == 2
    assert next_step in " ".join(answer.stderr.replace("│", " ").split())


@pytest.mark.parametrize(("day", "code"), [("2026-04-15", 0), ("2026-04-16", 2), ("2031-01-01", 2)])
def test_a_listing_is_not_of_a_day_to_come(shell: Shell, day: str, code: int) -> None:
    file = shell.state_dir.parent / "monday.json"
    file.write_bytes(hf_api(2026)([RECORD, BARE], date(2026, 4, 13)))
    answer = shell("ingest", str(file), "--listed-on", day, "--at", "2026-04-13T05:30")
    assert answer.code == code
    assert ("has yet to come: today is 2026-04-13" in answer.stderr) == (code == 2)
    assert len(shell.ok("dumps", "list", "--json").json) == (0 if code else 1)


def test_no_dump_is_moved_to_a_day_to_come(shell: Shell) -> None:
    file = shell.state_dir.parent / "monday.json"
    file.write_bytes(hf_api(2026)([RECORD, BARE], date(2026, 4, 13)))
    shell.ok("ingest", str(file), "--at", "2026-04-13T05:30")
    answer = shell("dumps", "redate", "monday.json", "9999-01-01")
    assert (answer.code, "has yet to come" in answer.stderr) == (2, True)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("a.txt", "b.txt"), "/*.txt"),
        (("a.eml",), "/*.eml"),
        (("a.txt", "b.eml"), "/*"),
        (("a", "b.txt"), "/*"),
        ((), "/*"),
    ],
)
def test_a_folder_is_answered_with_the_files_in_it(
    shell: Shell, names: tuple[str, ...], pattern: str
) -> None:
    folder = shell.state_dir.parent / "listings"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("words")
    answer = shell("ingest", str(folder))
    assert f"Name the files in it: {folder}{pattern}" in answer.stderr.replace("\n", "") + " "
