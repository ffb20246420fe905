"""`backup` and `restore`: all of it, while it runs; nothing newer; and nobody is mailed twice."""

from __future__ import annotations

import io
import shutil
import sqlite3
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from newsletter.db.migrate import known_revisions
from newsletter.ops.backups import create
from newsletter.samples import dumps
from tests.cli.shell import Shell

HEAD = known_revisions()[-1]


@pytest.fixture
def full(shell: Shell) -> Shell:
    """A newsletter with a reader, a dump, a template of its own, a DKIM key and a dump that waits."""
    shell.ok("subscribers", "add", "ada@readers.example", "--topic", "circuits", "--confirmed")
    shell.ok("ingest", str(dumps()[0]))
    shell.ok("dkim", "keygen")
    (shell.state_dir / "templates/web").mkdir(parents=True)
    (shell.state_dir / "templates/web/own.html.j2").write_text("<p>ours</p>", "utf-8")
    shutil.copy(dumps()[1], shell.state_dir / "inbox/waiting.txt")
    (shell.state_dir / "locks").mkdir()
    (shell.state_dir / "locks/host-1.lock").write_text("")
    return shell


def _contents(folder: Path) -> dict[str, bytes]:
    """All files but the database and what is not backed up."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
        and not file.name.startswith("newsletter.sqlite3")
        and file.relative_to(folder).parts[0] not in ("locks", "backups")
    }


def _tables(shell: Shell) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in names}
    connection.close()
    return found  # type: ignore[return-value]


def _backup(shell: Shell, *options: str) -> Path:
    return Path(shell.ok("backup", *options, "--json").json["backup"]["file"])


def test_restored_newsletter_equals_the_one_that_was_backed_up(full: Shell, tmp_path: Path) -> None:
    file = _backup(full, str(tmp_path / "copy.tar.gz"))
    other = Shell(tmp_path / "other")
    report = other.ok("restore", str(file), "--json").json
    assert (report["revision"], report["database"], report["uncertain"], report["aside"]) == (
        HEAD,
        "sqlite",
        0,
        None,
    )
    assert _contents(other.state_dir) == _contents(full.state_dir)
    assert _tables(other) == _tables(full)
    assert "inbox/waiting.txt" in _contents(other.state_dir)
    other.ok("audit")


def test_backup_and_what_is_restored_are_private(full: Shell, tmp_path: Path) -> None:
    (full.state_dir / "inbox").chmod(0o2777)
    file = _backup(full)
    assert file.parent == full.state_dir / "backups"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    other = Shell(tmp_path / "other")
    other.ok("restore", str(file))
    paths = list(other.state_dir.rglob("*"))
    assert [path for path in paths if path.is_file() and path.stat().st_mode & 0o077] == []
    assert [path for path in paths if path.is_dir() and path.stat().st_mode & 0o007] == []
    assert (other.state_dir / "inbox").stat().st_mode & 0o7777 == 0o2770  # a group may still drop dumps
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_backup_does_not_hold_other_backups_or_locks(full: Shell) -> None:
    _backup(full, str(full.state_dir / "here.tar.gz"))
    first = _backup(full)
    with tarfile.open(first) as archive:
        names = archive.getnames()
    assert [name for name in names if "locks" in name or "backup" in name or "sqlite3" in name] == []
    assert "database/sqlite" in names
    assert names[-1] == "manifest.json"


def test_backup_keeps_the_latest_and_removes_nothing_else(full: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"newsletter-backup-2026010{day}T000000Z.tar.gz").write_text("old")
    (folder / "letters.txt").write_text("mine")
    made = full.ok("backup", str(folder), "--keep", "2", "--json").json["backup"]
    assert made["removed"] == [f"newsletter-backup-2026010{day}T000000Z.tar.gz" for day in (1, 2)]
    left = {path.name for path in folder.iterdir()}
    assert left == {Path(made["file"]).name, "newsletter-backup-20260103T000000Z.tar.gz", "letters.txt"}


def test_backup_replaces_no_file_and_leaves_none_behind(full: Shell, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")
    assert full("backup", str(tmp_path / "copy")).code == 1
    assert (tmp_path / "copy").read_text() == "mine"
    assert full("backup", str(tmp_path / "missing/copy")).code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "state"]


def test_backup_names_files_outside_the_state_directory(full: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SECRET_KEY", "given")
    assert full.ok("backup", "--json").json["not_in_it"] == ["environment variable NEWSLETTER_SECRET_KEY"]


def test_backup_does_not_hold_what_was_erased(shell: Shell, tmp_path: Path) -> None:
    for name in ("ada", "gone"):
        shell.ok("subscribers", "add", f"{name}@readers.example", "--topic", "circuits", "--confirmed")
    shell.ok("subscribers", "forget", "gone@readers.example")
    with tarfile.open(_backup(shell)) as archive:
        copied = archive.extractfile("database/sqlite")
        assert copied is not None
        data = copied.read()
    assert (b"ada@readers" in data, b"gone@readers" in data) == (True, False)


def test_backup_of_a_damaged_database_fails_and_leaves_no_file(full: Shell, tmp_path: Path) -> None:
    file = full.state_dir / "newsletter.sqlite3"
    data = bytearray(file.read_bytes())
    data[8192:-8192] = b"\xa5" * (len(data) - 16384)
    file.write_bytes(data)
    answer = full("backup", str(tmp_path / "copy"))
    assert answer.code == 1
    assert "database" in answer.stderr
    assert not (tmp_path / "copy").exists()


def test_backup_without_init_is_refused(bare: Shell) -> None:
    assert bare("backup").code == 1
    assert not bare.state_dir.exists()


def test_restore_into_a_full_directory_needs_force_and_puts_aside(full: Shell) -> None:
    file = _backup(full)
    full.ok("subscribers", "add", "later@readers.example", "--topic", "quantum", "--confirmed")
    before = _contents(full.state_dir), _tables(full)
    refused = full("restore", str(file))
    assert refused.code == 1
    assert "not empty" in refused.stderr
    assert (_contents(full.state_dir), _tables(full)) == before
    aside = Path(full.ok("restore", str(file), "--force", "--json").json["aside"])
    assert full("subscribers", "show", "later@readers.example").code == 1
    old = Shell(aside)
    old.ok("subscribers", "show", "later@readers.example")
    assert (_contents(aside), _tables(old)) == before
    full.ok("restore", str(file), "--force")  # what was put aside, and backups, stay where they are
    assert (aside.is_dir(), file.is_file()) == (True, True)


def test_restore_over_a_running_newsletter_is_refused(full: Shell) -> None:
    file = _backup(full)
    connection = sqlite3.connect(full.state_dir / "newsletter.sqlite3")
    connection.execute("SELECT count(*) FROM papers").fetchone()
    answer = full("restore", str(file), "--force")
    connection.close()
    assert answer.code == 1
    assert "is running" in answer.stderr
    full.ok("restore", str(file), "--force")


def _rewritten(file: Path, target: Path, change: Any) -> Path:
    """The archive with each member passed through `change(name, data)`; None drops it."""
    with tarfile.open(file) as source, tarfile.open(target, "w:gz") as out:
        for entry in source:
            opened = source.extractfile(entry)
            assert opened is not None
            changed = change(entry.name, opened.read())
            if changed is not None:
                header = tarfile.TarInfo(changed[0])
                header.size = len(changed[1])
                out.addfile(header, io.BytesIO(changed[1]))
    return target


def _newer_format(name: str, data: bytes) -> tuple[str, bytes]:
    return name, data.replace(b'"format": 1', b'"format": 2') if name == "manifest.json" else data


def _newer_revision(name: str, data: bytes) -> tuple[str, bytes]:
    changed = data.replace(f'"revision": "{HEAD}"'.encode(), b'"revision": "9999"')
    return name, changed if name == "manifest.json" else data


def _changed_file(name: str, data: bytes) -> tuple[str, bytes]:
    return name, data + b" " if name.endswith("newsletter.toml") else data


def _without_key(name: str, data: bytes) -> tuple[str, bytes] | None:
    return None if name.endswith("secret_key") else (name, data)


def _one_more(name: str, data: bytes) -> tuple[str, bytes]:
    return ("state/../../escaped" if name.endswith("own.html.j2") else name), data


def _no_manifest(name: str, data: bytes) -> tuple[str, bytes] | None:
    return None if name == "manifest.json" else (name, data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_newer_format, "newer version"),
        (_newer_revision, "newer version"),
        (_changed_file, "not what was put in"),
        (_without_key, "not what was put in"),
        (_one_more, "leads out of it"),
        (_no_manifest, "list of contents is missing"),
    ],
)
def test_restore_refuses_newer_and_damaged_backups(
    full: Shell, tmp_path: Path, change: Any, words: str
) -> None:
    file = _rewritten(_backup(full), tmp_path / "changed.tar.gz", change)
    other = Shell(tmp_path / "other")
    for options in ((), ("--check",)):
        answer = other("restore", str(file), *options)
        assert (answer.code, answer.stdout) == (1, "")
        assert words in answer.stderr
    assert not other.state_dir.exists()
    assert not (tmp_path / "escaped").exists()


def test_restore_refuses_a_file_that_is_cut_or_none_at_all(full: Shell, tmp_path: Path) -> None:
    whole = _backup(full).read_bytes()
    other = Shell(tmp_path / "other")
    for data in (whole[: len(whole) // 2], whole[:-40], b"a letter to my aunt", b""):
        (tmp_path / "file").write_bytes(data)
        words = "is no backup" if data.startswith(b"a letter") else "no whole backup"
        assert words in other("restore", str(tmp_path / "file")).stderr
    assert "there is no file" in other("restore", str(tmp_path / "missing")).stderr
    assert not other.state_dir.exists()


def test_restore_check_changes_nothing(full: Shell) -> None:
    file = _backup(full)
    before = _contents(full.state_dir), _tables(full)
    report = full.ok("restore", str(file), "--check", "--json").json
    assert (report["checked_only"], report["database"]) == (True, "sqlite")
    assert (_contents(full.state_dir), _tables(full)) == before


def test_restore_brings_an_older_database_up_to_this_version(shell: Shell, tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from newsletter.db.engine import default_url, open_engine, writing
    from newsletter.db.migrate import MIGRATIONS

    (shell.state_dir / "newsletter.sqlite3").unlink()
    engine = open_engine(default_url(shell.state_dir))
    with writing(engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    file = _backup(shell)  # before an upgrade is when one wants it
    other = Shell(tmp_path / "other")
    assert other.ok("restore", str(file), "--json").json["revision"] == HEAD
    other.ok("audit")


def test_restore_elsewhere_never_touches_the_database_that_settings_name(
    shell: Shell, tmp_path: Path
) -> None:
    own = tmp_path / "own.sqlite3"
    shell.settings(f'database_url = "sqlite:///{own}"\n')
    shell.ok("init")
    file = _backup(shell)
    other = Shell(tmp_path / "other")
    answer = other("restore", str(file))
    assert answer.code == 1
    assert str(own) in answer.stderr
    own.rename(tmp_path / "moved")
    other.ok("restore", str(file))
    assert own.stat().st_mode & 0o777 == 0o600
    other.ok("audit")


def test_backup_of_postgresql_without_pg_dump_holds_the_rest_and_says_so(
    bare: Shell, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEWSLETTER_DATABASE_URL", postgres_url)
    bare.ok("init")
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = bare("backup", "--json")
    assert (answer.code, answer.json["backup"]["database"]) == (3, None)
    assert "pg_dump is not installed" in answer.stderr
    assert "postgresql-client" in answer.stderr
    other = Shell(tmp_path / "other")
    answer = other("restore", answer.json["backup"]["file"])
    assert answer.code == 3
    assert "holds no database" in answer.stderr
    assert (other.state_dir / "credentials/secret_key").exists()


def test_backup_into_a_folder_that_is_not_there_makes_it(full: Shell, tmp_path: Path) -> None:
    place = tmp_path / "nightly"
    for _ in range(2):
        full.ok("backup", str(place), "--keep", "1")
        time.sleep(1.1)  # its name has whole seconds
    assert len(list(place.glob("newsletter-backup-*.tar.gz"))) == 1
    assert place.stat().st_mode & 0o777 == 0o700


def test_dump_that_is_taken_while_a_backup_is_made_is_not_lost(
    full: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = create.copy_to
    inbox = full.state_dir / "inbox"

    def copy_and_go_on(target: Path, *, url: str) -> None:  # as a scheduler does right behind the copy
        copy(target, url=url)
        full.ok("ingest", str(inbox / "waiting.txt"))
        (inbox / "taken").mkdir()
        (inbox / "waiting.txt").rename(inbox / "taken/waiting.txt")

    monkeypatch.setattr(create, "copy_to", copy_and_go_on)
    made = _backup(full, str(tmp_path / "b.tar.gz"))
    elsewhere = Shell(tmp_path / "elsewhere")
    elsewhere.ok("restore", str(made))
    waiting = elsewhere.state_dir / "inbox/waiting.txt"
    assert [dump["status"] for dump in elsewhere.ok("ingest", str(waiting), "--json").json["dumps"]] == [
        "ingested"
    ]


def test_restore_over_a_database_of_another_name_that_is_used_is_refused(full: Shell, tmp_path: Path) -> None:
    made = _backup(full, str(tmp_path / "b.tar.gz"))
    other = full.state_dir / "other.db"
    shutil.copy(full.state_dir / "newsletter.sqlite3", other)
    connection = sqlite3.connect(other)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("SELECT count(*) FROM papers").fetchone()
    try:
        answer = full("restore", "--force", str(made))
    finally:
        connection.close()
    assert answer.code == 1
    assert "is running" in answer.stderr
    assert other.exists()


def test_backup_through_a_link_does_not_hold_the_live_database(full: Shell, tmp_path: Path) -> None:
    real = full.state_dir / "real.db"
    (full.state_dir / "newsletter.sqlite3").rename(real)
    full.settings(f'database_url = "sqlite:///{real}"\n')
    link = tmp_path / "link"
    link.symlink_to(full.state_dir)
    with tarfile.open(_backup(Shell(link), str(tmp_path / "b.tar.gz"))) as archive:
        assert [name for name in archive.getnames() if "real.db" in name] == []
