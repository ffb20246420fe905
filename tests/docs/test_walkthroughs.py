"""Runs the commands of each documentation page in order; each must succeed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import CommandResult, Shell
from tests.docs.test_docs import COMMAND_LINE, PAGES, ROOT
from tests.pipeline.intake.scenario import PrintedPaper, abstract_of, page
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

NOUNS = ("routing", "annealing", "sensing", "simulation", "decoding")
BACKUP = "newsletter-backup-20270115T031500Z.tar.gz"
MAILCHIMP = "Email Address,First Name,Last Name,MEMBER_RATING\n{},Ada,Lovelace,2\n"
FILES = {
    "members.csv": "email,name,topics,VIP lounge\nada@example.org,Ada,circuits,yes\n",
    "members.txt": "Emmy Noether <emmy@example.org>\n",
    "bounced.txt": "gone@example.org\n",
    "subscribers.csv": "uuid,email,name,attributes,status\n1,grace@example.org,Grace,{},enabled\n",
    "unconfirmed.csv": "uuid,email,name,attributes,status\n2,mary@example.org,Mary,{},enabled\n",
    "unsubscribed.csv": "uuid,email,name,attributes,status\n3,left@example.org,Left,{},enabled\n",
    "subscribed_email_audience_export_0a1b2c3d4e.csv": MAILCHIMP.format("hedy@example.org"),
    "unsubscribed_email_audience_export_0a1b2c3d4e.csv": MAILCHIMP.format("away@example.org"),
    "cleaned_email_audience_export_0a1b2c3d4e.csv": MAILCHIMP.format("bounced@example.org"),
}
PLACES = {
    "/var/lib/newsletter": "state",
    "/var/backups/newsletter": "backups",
    "/var/www": "www",
    "/srv/papers": "papers",
    "/root": "root",
}
POSTGRESQL = "postgresql://newsletter@db.example.org/newsletter"  # stands for a database that is moved to
NEVER_ENDS = {"run", "serve", "schedule", "worker"}
MAY_FIND_FAULT = {"doctor", "watch"}  # exit 1: they found a fault, such as a DNS without an answer
SETTINGS = """
sender = "Research papers <papers@example.org>"
base_url = "http://127.0.0.1:8000"

[smtp]
host = "127.0.0.1"
port = {port}
security = "none"

[web]
port = 0
"""


def _lines(text: str) -> list[str]:
    found = []
    for block in re.findall(
        r"^ *```(?:sh|console|crontab)\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL
    ):
        matches = (COMMAND_LINE.match(line.strip()) for line in block.splitlines())
        found += [match.group(1) for match in matches if match]
    return found


WALKS = [found for found in PAGES if _lines(found.read_text("utf-8"))]


@pytest.fixture(scope="module")
def mail_server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, mail_server: RecordingServer) -> Path:
    """A newsletter of some days: twelve editions, 120 papers, one reader."""
    shell = Shell(tmp_path_factory.mktemp("settled") / "state")
    shell.ok("init")
    shell.settings(SETTINGS.format(port=mail_server.port))
    dump = shell.state_dir.parent / "dump.txt"
    for day in range(1, 13):
        papers = [
            PrintedPaper(
                title=(title := f"Qubit {a} for quantum {b} number {day}{a}{b}"),
                abstract=f"We propose {title}, with results. {abstract_of(title)}",
            )
            for a in NOUNS
            for b in ("codes", "chips")
        ]
        dump.write_bytes(page(f"Apr {day}", *papers))
        shell.ok("ingest", str(dump), "--listed-on", f"2026-04-{day:02}")
        shell.ok("editions", "publish")
    shell.ok("subscribers", "add", "you@example.org", "--topic", "quantum", "--confirmed")
    return shell.state_dir


def _words_of(line: str, folder: Path, moved_to: str) -> list[str]:
    """The words of a command, with the paths of a real machine moved into the folder.

    moved_to: the URL of the database that a move leads to.
    """
    for place, name in PLACES.items():
        line = line.replace(place, str(folder / name))
    line = line.replace(POSTGRESQL, moved_to)
    if line == "newsletter demo":  # it needs an own folder
        line = f"newsletter --state-dir {folder}/demo-state demo"
    words = shlex.split(re.split(r"\s>", line)[0], comments=True)[1:]
    return words if "--state-dir" in words else ["--state-dir", str(folder / "state"), *words]


def _prepare(words: list[str], folder: Path) -> None:
    """Make the conditions that the page describes: existing files, or an empty machine."""
    if words[2] == "restore":
        (made,) = sorted(folder.glob("*/newsletter-backup-*.tar.gz"))[-1:]
        for place in (folder, made.parent):
            if not (place / BACKUP).exists():
                shutil.copy(made, place / BACKUP)
        if not {"--check", "--force"} & set(words):
            (folder / "state").rename(folder / "state-before")
    if words[1].endswith("papers"):
        shutil.copytree(folder / "state", words[1], dirs_exist_ok=True)
    if words[2:] == ["editions", "hold", "next"]:  # the page speaks of papers that just came in
        Shell(folder / "state").ok("ingest", str(folder / "2025-12-12.txt"))


def _start_and_stop(words: list[str]) -> CommandResult:
    """Start a program that does not end, and stop it after its first line of output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    output = process.stderr.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=30)
    return CommandResult(code=process.returncode, stdout="", stderr=output + rest)


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: str(walk.relative_to(ROOT)))
def test_commands_of_a_page_do_their_work(
    walk: Path,
    settled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    text = walk.read_text("utf-8")
    moved_to = f"sqlite:///{tmp_path}/moved.sqlite3"
    if "newsletter worker" in text:
        moved_to = request.getfixturevalue("empty_postgres_url")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(settled, tmp_path / "state")
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, "utf-8")
    for name in ("backups", "root", "www"):
        (tmp_path / name).mkdir()
    (tmp_path / "2025-12-12.txt").write_bytes(
        page("Dec 12", PrintedPaper(title="An analog circuit that sizes itself"))
    )
    tables = r"^```toml\n(\[(?:topics\.robotics|sources\.samples)\].*?)^```"  # no source here asks a server
    table = re.search(tables, text, flags=re.MULTILINE | re.DOTALL)
    if table:
        (tmp_path / "robotics.toml").write_text(table.group(1), "utf-8")
        with (tmp_path / "state/newsletter.toml").open("a", encoding="utf-8") as settings:
            settings.write(table.group(1))
    for line in _lines(text):
        words = _words_of(line, tmp_path, moved_to)
        assert all(Path(word).is_relative_to(tmp_path) for word in words if word.startswith("/")), line
        _prepare(words, tmp_path)
        answer = _start_and_stop(words) if words[2] in NEVER_ENDS else Shell(Path(words[1]))(*words[2:])
        output = f"{line}\n{answer.stdout}{answer.stderr}"
        assert answer.code in ({0, 1} if words[2] in MAY_FIND_FAULT else {0}), output
        assert "Traceback" not in output
        if "--to" in words:  # the page says to change this setting now
            monkeypatch.setenv("NEWSLETTER_DATABASE_URL", words[words.index("--to") + 1])
