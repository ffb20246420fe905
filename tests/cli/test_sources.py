"""`newsletter sources` tells of folders in words that fit them, and counts what was new."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell


@pytest.mark.parametrize(
    ("path", "words"),
    [("nowhere", "No such file"), ("a-file", "Not a directory"), ("a/b/c", "No such file")],
)
def test_a_folder_that_cannot_be_read_is_named_whole(shell: Shell, path: str, words: str) -> None:
    (shell.state_dir.parent / "a-file").touch()
    whole = shell.state_dir.parent / path
    shell.settings(f'[sources.group]\nkind = "folder"\npath = "{whole}"')
    answer = shell("sources", "test", "group")
    assert answer.code == 1
    assert words in answer.stderr
    assert str(whole) in answer.stderr.replace("\n", "")
    assert "Check `path` in the table [sources.group]" in answer.stderr
    assert "network" not in answer.stderr


def test_fetch_counts_the_dumps_that_had_not_come_before(shell: Shell) -> None:
    folder = shell.state_dir.parent / "listings"
    shell.ok("samples", str(folder))
    shell.ok("ingest", str(folder / "2026-04-16.txt"), "--at", "2026-04-16T05:00")
    shell.settings(f'[sources.group]\nkind = "folder"\npath = "{folder}"')
    told = shell.ok("sources", "fetch", "group").stdout.splitlines()
    cells = dict(zip(told[0].split(), told[-1].split(), strict=False))
    assert (cells["dumps"], cells["entries"]) == ("6", "49")
