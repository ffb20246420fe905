"""`papers list` and `papers show` print the lead of a paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.cli.shell import Shell
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
