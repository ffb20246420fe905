"""Archives that are no backup, or that want more than a backup may; and links that want to be in one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell

ABOUT: dict[str, Any] = {
    "format": 1,
    "version": "0.1.0",
    "made_at": "2026-01-01T00:00:00+00:00",
    "database": None,
    "revision": None,
    "files": {},
    "folders": {},
}


def _packed(*entries: tuple[tarfile.TarInfo, bytes], **about: Any) -> bytes:
    """An archive of these entries, and a manifest that says so."""
    files = {
        entry.name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for entry, data in entries
    }
    text = json.dumps(ABOUT | {"files": files} | about).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry, data in (*entries, _file("manifest.json", text)):
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _file(name: str, data: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    return entry, data


def _special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry, b""


def _sparse() -> bytes:
    """A member of the old GNU kind that claims a terabyte of holes."""
    entry = tarfile.TarInfo("state/holes")
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = b"S"
    block[386:398], block[398:410] = b"00000000000\0", b"00000000000\0"
    block[483:495] = b"17777777777\0"
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + b"\0" * 1024)


def _deep(depth: int = 100_000) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry, data = _file("manifest.json", b"[" * depth + b"]" * depth)
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


LINK, HARD, FIFO, DEVICE, BLOCK, FOLDER = (
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
)

ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    # what leads out
    "absolute path": (lambda: _packed(_file("/etc/cron.d/x")), "leads out of it"),
    "two slashes": (lambda: _packed(_file("//etc/cron.d/x")), "leads out of it"),
    "a folder up": (lambda: _packed(_file("../x")), "leads out of it"),
    "up inside": (lambda: _packed(_file("state/../../x")), "leads out of it"),
    "up to a sibling": (lambda: _packed(_file("state/a/../../database/sqlite")), "leads out of it"),
    "up at the end": (lambda: _packed(_file("state/..")), "leads out of it"),
    "another top folder": (lambda: _packed(_file("etc/passwd")), "does not belong there"),
    "no folder": (lambda: _packed(_file("newsletter.toml")), "does not belong there"),
    "the folder itself": (lambda: _packed(_file("state")), "does not belong there"),
    "a dot in it": (lambda: _packed(_file("state/./x")), "does not belong there"),
    "a folder of the list": (lambda: _packed(folders={"../x": 0o777}), "leads out of it"),
    "an absolute folder of the list": (lambda: _packed(folders={"/tmp/x": 0o777}), "leads out of it"),
    # what is no file
    "a link": (lambda: _packed(_special("state/x", LINK, "/etc/passwd")), "is no regular file"),
    "a link to a folder, and a file in it": (
        lambda: _packed(_special("state/x", LINK, "/tmp"), _file("state/x/y")),
        "is no regular file",
    ),
    "a hard link": (lambda: _packed(_special("state/x", HARD, "/etc/passwd")), "is no regular file"),
    "a hard link inside": (
        lambda: _packed(_file("state/a"), _special("state/x", HARD, "state/a")),
        "is no regular file",
    ),
    "a pipe": (lambda: _packed(_special("state/x", FIFO)), "is no regular file"),
    "a device": (lambda: _packed(_special("state/x", DEVICE)), "is no regular file"),
    "a disk": (lambda: _packed(_special("state/x", BLOCK)), "is no regular file"),
    "a folder as a member": (lambda: _packed(_special("state/x", FOLDER)), "is no regular file"),
    "holes": (_sparse, "is no regular file"),
    # what cannot be beside the others
    "the same twice": (lambda: _packed(_file("state/x"), _file("state/x", b"y")), "is in it twice"),
    "a file in a file": (lambda: _packed(_file("state/x"), _file("state/x/y")), "cannot be a file"),
    "a file for a folder": (lambda: _packed(_file("state/x/y"), _file("state/x")), "cannot be a file"),
    "a name too long": (lambda: _packed(_file("state/" + "x" * 300)), "cannot be a file"),
    "a folder for a file": (
        lambda: _packed(_file("state/x"), folders={"state/x": 0o700}),
        "is a folder and a file",
    ),
    # what is too large
    "a bomb": (lambda: _packed(_file("state/x", bytes(200 * 2**20))), "more than 200 times its size"),
    "a bomb of names": (
        lambda: gzip.compress(tarfile.TarInfo("state/x").tobuf() * 140_000 + bytes(1024)),
        "is in it twice",
    ),
    "a bomb behind the end": (
        lambda: gzip.compress(gzip.decompress(_packed()) + bytes(80 * 2**20)),
        "more than 200 times its size",
    ),
    # lists of contents
    "no list": (lambda: gzip.compress(bytes(10240)), "list of contents is missing"),
    "a deep list": (_deep, "list of contents cannot be read"),
    "a list without a file": (lambda: _packed(_file("state/x"), files={}), "is not what was put in"),
    "a list with more files": (
        lambda: _packed(files={"state/x": {"size": 1, "sha256": "0" * 64}}),
        "is not what was put in",
    ),
    "odd folders": (lambda: _packed(folders={"state/x": "0777"}), "list of contents cannot be read"),
    "odd instant": (lambda: _packed(made_at="2026-01-01"), "list of contents cannot be read"),
    "odd version": (lambda: _packed(version=["1"]), "list of contents cannot be read"),
    "odd files": (lambda: _packed(files=["state/x"]), "list of contents cannot be read"),
    "more keys": (lambda: _packed(owner="root"), "list of contents cannot be read"),
    "a newer format": (lambda: _packed(format=99, version="9.0"), "made by a newer version (9.0)"),
    "a newer database": (lambda: _packed(revision="9999"), "a database of a newer version (revision 9999"),
    "a second list": (
        lambda: _packed(_file("manifest.json", json.dumps(ABOUT).encode())),
        "stands behind the list of contents",
    ),
    "a database of another program": (
        lambda: _packed(_file("database/sqlite", _other_database()), database="sqlite"),
        "is not of a newsletter",
    ),
    "no database where one is announced": (lambda: _packed(database="sqlite"), "database in"),
    # other files
    "an empty file": (lambda: b"", "it is empty"),
    "a text": (lambda: b"Daily Papers\n", "is no backup\n"),
    "a database": (lambda: _other_database(), "is no backup, but a database"),
    "a zip archive": (lambda: b"PK\x03\x04" + bytes(100), "is no backup, but a zip archive"),
    "an xz archive": (lambda: b"\xfd7zXZ\0" + bytes(100), "is no backup, but packed by xz"),
    "a copy by pg_dump": (lambda: b"PGDMP" + bytes(100), "is no backup, but a copy by pg_dump"),
    "a tar archive": (lambda: gzip.decompress(_packed(_file("state/x"))), "unpacked from gzip"),
    "a packed text": (lambda: gzip.compress(b"Daily Papers\n" * 100), "is no whole backup"),
    "a cut archive": (lambda: _packed(_file("state/x", os.urandom(9000)))[:4000], "it is cut off"),
    "a flipped byte": (lambda: _flipped(_packed(_file("state/x", os.urandom(9000)))), "is no whole backup"),
    "rubbish behind it": (lambda: _packed() + b"rubbish", "is no whole backup"),
}


def _other_database() -> bytes:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a)")
    data = connection.serialize()
    connection.close()
    return data


def _flipped(data: bytes) -> bytes:
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


def _everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ARCHIVES)
def test_restore_says_what_is_wrong_and_writes_nothing(tmp_path: Path, name: str) -> None:
    make, words = ARCHIVES[name]
    file = tmp_path / "archive.tar.gz"
    file.write_bytes(make())
    before = _everything(tmp_path)
    for options in ((), ("--check",)):
        answer = Shell(tmp_path / "state")("restore", str(file), *options)
        assert (answer.code, answer.stdout) == (1, "")
        assert words in answer.stderr
        assert "unexpected" not in answer.stderr
        assert _everything(tmp_path) == before


def _folder(place: Path) -> Path:
    place.mkdir()
    return place


def _pipe(place: Path) -> Path:
    os.mkfifo(place)
    return place


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda place: place, "there is no file"),
        (_folder, "is a folder"),
        (_pipe, "is no regular file"),
        (lambda place: place.with_name("x" * 300), "cannot be read: File name too long"),
        (lambda place: place / "below", "there is no file"),
    ],
)
def test_restore_names_what_lies_there_instead_of_a_file(
    tmp_path: Path, place: Callable[[Path], Path], words: str
) -> None:
    answer = Shell(tmp_path / "state")("restore", str(place(tmp_path / "a")))
    assert answer.code == 1
    assert words in answer.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_restore_of_a_file_that_it_may_not_read_blames_the_file(tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    file.write_bytes(_packed())
    file.chmod(0)
    assert f"{file} cannot be read: Permission denied" in Shell(tmp_path / "s")("restore", str(file)).stderr


def test_restore_of_archives_with_changed_bytes_never_ends_unexpectedly(tmp_path: Path) -> None:
    plain = gzip.decompress(_packed(_file("state/a", b"words " * 50), _file("state/b/c")))
    chance = random.Random(5)
    file = tmp_path / "archive.tar.gz"
    for _ in range(150):
        data = bytearray(plain)
        for _ in range(chance.choice((1, 2, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        file.write_bytes(gzip.compress(bytes(data)))
        answer = Shell(tmp_path / "state")("restore", "--check", str(file))
        assert answer.code in (1, 3), answer.stderr
        assert "unexpected" not in answer.stderr
        assert "cannot be used" not in answer.stderr  # that would blame the state directory
    assert _everything(tmp_path) == {"archive.tar.gz"}


def test_backup_packs_no_link_of_the_inbox_and_says_so(shell: Shell, tmp_path: Path) -> None:
    outside = _folder(tmp_path / "outside")
    (outside / "secret").write_text("a secret of somebody", "utf-8")
    inbox = shell.state_dir / "inbox"
    (inbox / "link.txt").symlink_to(outside / "secret")
    (inbox / "folder").symlink_to(outside)
    (inbox / "nowhere.txt").symlink_to("gone")
    os.link(outside / "secret", inbox / "hard.txt")
    _pipe(inbox / "pipe.txt")
    _folder(inbox / "taken")
    (inbox / "taken/link.txt").symlink_to(outside / "secret")
    (inbox / "fine.txt").write_text("Daily Papers", "utf-8")
    file = tmp_path / "b.tar.gz"
    done = shell.ok("backup", str(file), "--json")
    assert sorted(done.json["backup"]["skipped"]) == [
        "inbox/folder: a link",
        "inbox/hard.txt: a hard link",
        "inbox/link.txt: a link",
        "inbox/nowhere.txt: a link",
        "inbox/pipe.txt: no regular file",
        "inbox/taken/link.txt: a link",
    ]
    assert "Not in it: inbox/link.txt: a link." in done.stderr
    with tarfile.open(file) as archive:
        names = [name for name in archive.getnames() if "inbox" in name]
    assert names == ["state/inbox/fine.txt"]
    assert b"a secret of somebody" not in gzip.decompress(file.read_bytes())


def test_backup_follows_links_that_the_operator_made(shell: Shell, tmp_path: Path) -> None:
    outside = _folder(tmp_path / "checkout")
    (outside / "own.txt").write_text("ours", "utf-8")
    (shell.state_dir / "templates").mkdir(exist_ok=True)
    (shell.state_dir / "templates/web").symlink_to(outside)
    (shell.state_dir / "templates/loop").symlink_to(shell.state_dir)
    (shell.state_dir / "templates/gone").symlink_to("nowhere")
    (tmp_path / "settings.toml").write_text('[brand]\nname = "Linked"\n', "utf-8")
    (shell.state_dir / "newsletter.toml").unlink()
    (shell.state_dir / "newsletter.toml").symlink_to(tmp_path / "settings.toml")
    file = tmp_path / "b.tar.gz"
    done = shell.ok("backup", str(file), "--json").json
    assert done["backup"]["skipped"] == ["templates/gone: a link to nothing"]
    other = Shell(tmp_path / "other")
    other.ok("restore", str(file))
    assert (other.state_dir / "templates/web/own.txt").read_text("utf-8") == "ours"
    assert not (other.state_dir / "newsletter.toml").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
def test_backup_follows_no_link_of_another_user(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret", "utf-8")
    link = shell.state_dir / "notes"
    link.symlink_to(tmp_path / "secret")
    os.lchown(link, 4711, 4711)
    done = shell.ok("backup", str(tmp_path / "b.tar.gz"), "--json").json
    assert done["backup"]["skipped"] == ["notes: a link of another user"]
