"""`newsletter samples`: what a package of pip holds, in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.samples import listings
from tests.cli.shell import Shell


def test_samples_are_copied_and_can_be_taken_in(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    copied = shell.ok("samples", str(folder), "--json").json["copied"]
    assert copied == [str(folder / dump.name) for dump in listings()]
    assert [Path(file).read_bytes() for file in copied] == [dump.read_bytes() for dump in listings()]
    take_in = f"Take one in:\n  newsletter ingest {folder}/2026-04-17.txt\n"
    printed = shell.ok("samples", str(folder)).stdout
    assert printed == f"All 7 listings are in {folder} already: nothing was copied. {take_in}"
    for file in copied[:2]:
        Path(file).unlink()
    assert shell.ok("samples", str(folder)).stdout == f"Copied 2 listings to {folder}. {take_in}"
    assert shell.ok("samples", str(folder), "--json").json["copied"] == []
    assert {dump["status"] for dump in shell.ok("ingest", *copied, "--json").json["dumps"]} == {"ingested"}


def _own_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "2026-04-15.txt").write_text("mine")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (_own_file, "2026-04-15.txt exists and is no sample"),
        (lambda folder: folder.write_text("a file"), "cannot be written to"),
        (lambda folder: folder.symlink_to("/dev/null"), "cannot be written to"),
        (lambda folder: (folder / "2026-04-13.txt").mkdir(parents=True), "cannot be written to"),
    ],
)
def test_nothing_of_others_is_replaced(shell: Shell, tmp_path: Path, prepare: object, words: str) -> None:
    folder = tmp_path / "there"
    assert callable(prepare)
    prepare(folder)
    before = sorted(file.name for file in tmp_path.rglob("*"))
    refused = shell("samples", str(folder))
    assert (refused.code, words in refused.stderr) == (1, True)
    assert sorted(file.name for file in tmp_path.rglob("*")) == before
