"""`newsletter bounces parse`: its JSON, its table, its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.inbound.hostile_messages import HOSTILE
from tests.inbound.made_messages import OURS, dsn, feedback, plain

GROUP = "Final-Recipient: rfc822; {0}@readers.example\nAction: failed\nStatus: {1}\n\n"
BOUNCE = dsn(GROUP.format("ada", "5.1.1") + GROUP.format("bob", "5.7.26"))


def test_json_has_an_object_for_each_file_in_order(shell: Shell, tmp_path: Path) -> None:
    files = {
        "z.eml": BOUNCE,
        "a.eml": feedback("abuse"),
        "b.eml": plain("I am away.", subject="Out of office", sender="a@readers.example"),
        "c.eml": plain("", subject="unsubscribe", sender="a@readers.example", more=""),
        "d.eml": dsn("Final-Recipient: rfc822; ada@readers.example\nAction: delayed\nStatus: 4.4.1\n"),
        "e.eml": b"",
        "f.eml": HOSTILE["nested parts"](100_000),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    answer = shell("bounces", "parse", "--json", *(str(tmp_path / name) for name in files))
    assert answer.code == 0
    assert [(Path(row["file"]).name, row["class"]) for row in answer.json] == [
        ("z.eml", "bounce"),
        ("a.eml", "complaint"),
        ("b.eml", "auto-reply"),
        ("c.eml", "unsubscribe"),
        ("d.eml", "delivery-report"),
        ("e.eml", "other"),
        ("f.eml", "other"),
    ]
    assert [row["recipients"] for row in answer.json[1:]] == [[]] * 6
    assert answer.json[5]["why"] == "it cannot be read: it is empty"
    ada, bob = answer.json[0]["recipients"]
    assert ada == {
        "address": "ada@readers.example",
        "original": None,
        "kind": "hard",
        "status": "5.1.1",
        "reason": "unknown-mailbox",
        "about": "recipient",
        "subscriber": None,
        "diagnostic": "",
    }
    assert (bob["kind"], bob["about"], bob["reason"]) == ("soft", "us", "authentication")
    assert answer.json[0]["names"]["envelope_ids"] == ["7.ab12.0123456789"]
    assert answer.json[0]["names"]["return_paths"] == [OURS]


def test_folder_and_stdin(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "mail" / "new"
    folder.mkdir(parents=True)
    (folder / "2").write_bytes(BOUNCE)
    (folder / "1").write_bytes(feedback("abuse"))
    (folder / ".hidden").write_bytes(BOUNCE)
    answer = shell("bounces", "parse", "--json", str(tmp_path / "mail"), "-", stdin=BOUNCE)
    assert [row["class"] for row in answer.json] == ["complaint", "bounce", "bounce"]
    assert answer.json[2]["file"] == "-"


def test_table_names_recipient_and_reason(shell: Shell) -> None:
    answer = shell("bounces", "parse", "-", stdin=BOUNCE)
    assert answer.code == 0
    assert "ada@readers.example" in answer.stdout
    assert "unknown-mailbox" in answer.stdout


def test_file_that_cannot_be_opened(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(BOUNCE)
    both = shell("bounces", "parse", "--json", str(tmp_path / "no.eml"), str(tmp_path / "a.eml"))
    assert (both.code, [row["class"] for row in both.json]) == (3, ["other", "bounce"])
    alone = shell("bounces", "parse", str(tmp_path / "no.eml"))
    assert alone.code == 1
    assert "cannot be opened: No such file" in alone.stdout


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_mbox_is_an_object_for_each_message(shell: Shell, tmp_path: Path, end: bytes) -> None:
    messages = [BOUNCE, feedback("abuse"), plain("> quoted\nFrom here on: nothing.\n"), BOUNCE]
    box = b"\n".join(b"From MAILER-DAEMON Tue Dec  1 00:00:00 2026\n" + one + b"\n" for one in messages)
    (tmp_path / "all.mbox").write_bytes(box.replace(b"\r\n", b"\n").replace(b"\n", end))
    (tmp_path / "one.eml").write_bytes(BOUNCE)
    files = [str(tmp_path / name) for name in ("all.mbox", "one.eml")]
    rows = shell.ok("bounces", "parse", "--json", *files).json
    kinds = ["bounce", "complaint", "other", "bounce"]
    assert [(row["file"], row["class"]) for row in rows] == [
        *((files[0], kind) for kind in kinds),
        (files[1], "bounce"),
    ]
    assert [len(row["recipients"]) for row in rows] == [2, 0, 0, 2, 2]
