"""The promise, by killing: nothing lost; with `mend` nothing doubled; with `resend` at most the window."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from newsletter.delivery.outbox.handover import WINDOW
from tests.delivery.outbox.scenario import Outbox
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[3]


class KilledSender:
    """Runs that can be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, point: int = 0) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"run {point}\n")
        self._process.stdin.flush()
        return self._read("pid")

    def status(self) -> int:
        return self._read("done")

    def _read(self, word: str) -> int:
        assert self._process.stdout is not None
        name, number = self._process.stdout.readline().split()
        assert name == word
        return int(number)


@contextmanager
def killed_senders(box: Outbox, server: RecordingServer, mode: str) -> Iterator[KilledSender]:
    command = [
        sys.executable,
        "-m",
        "tests.pipeline.deliver.killed_sender",
        str(box.folder),
        str(server.port),
        mode,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield KilledSender(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def fill(box: Outbox, mails: int) -> list[int]:
    papers = box.papers(6)
    readers = box.readers(mails)
    third = mails // 3
    box.queue(readers[:third], box.digest(papers[:3]))
    box.queue(readers[third : 2 * third], box.digest(papers[2:5]))
    box.queue(readers[2 * third :], box.digest(papers[5:]))
    return papers


def kill_at_random(
    sender: KilledSender, server: RecordingServer, *, kills: int, stride: int, seed: int
) -> int:
    """Kill that many runs, each at a random moment after up to `stride` more messages.

    Returns how many were hit before their end.
    """
    chance = random.Random(seed)
    hit = 0
    for _ in range(kills):
        enough = len(server.accepted) + chance.randint(0, stride)
        pid = sender.start()
        give_up = time.monotonic() + 2.0
        while len(server.accepted) < enough and time.monotonic() < give_up:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        hit += sender.status() == -signal.SIGKILL
    return hit


def finish(sender: KilledSender) -> None:
    sender.start()
    assert sender.status() == 0


def check_mended(box: Outbox, server: RecordingServer) -> int:
    """Every reader got the mail once, or nobody knows and its papers are recaps, once. How many are those."""
    rows = box.rows()
    assert {row["state"] for row in rows.values()} <= {"sent", "uncertain"}
    accepted = Counter(int(address[1:].partition("@")[0]) for address in server.recipients())
    assert not [reader for reader, times in accepted.items() if times > 1], "doubled"
    uncertain = {id_: row for id_, row in rows.items() if row["state"] == "uncertain"}
    lost = [row for id_, row in rows.items() if id_ not in uncertain and not accepted[row["subscriber_id"]]]
    assert lost == []
    sizes = {1: 3, 2: 3, 3: 1}
    recaps = Counter(origin for _, kind, origin, carried, ended in box.debts())
    assert recaps == {id_: sizes[row["digest_id"]] for id_, row in uncertain.items()}
    assert all(debt[1] == "recap" and debt[3] is None and debt[4] is None for debt in box.debts())
    assert len({(debt[0], debt[2]) for debt in box.debts()}) == len(box.debts())
    return len(uncertain)


def check_resent(box: Outbox, server: RecordingServer, *, kills: int) -> int:
    """Every reader got the mail; doubles are the same bytes, and no more than the window for each kill."""
    assert {row["state"] for row in box.rows().values()} == {"sent"}
    assert box.debts() == []
    by_reader: dict[str, list[bytes]] = {}
    for mail in server.accepted:
        by_reader.setdefault(mail.recipient, []).append(mail.data)
    assert len(by_reader) == len(box.rows())
    doubled = 0
    for copies in by_reader.values():
        assert len(set(copies)) == 1
        message = message_from_bytes(copies[0], policy=policy.default)
        assert message["Message-ID"]
        doubled += len(copies) - 1
    assert doubled <= WINDOW * kills
    return doubled


def test_deliver_killed_at_each_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    fill(box, 300)
    with RecordingServer() as server, killed_senders(box, server, "mend") as sender:
        for point in range(1, 40):  # commits, and each read and write of a socket
            sender.start(point)
            assert sender.status() in (-signal.SIGKILL, 0)
        finish(sender)
        check_mended(box, server)


def test_deliver_killed_at_random_loses_and_doubles_nothing(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    fill(box, 1200)
    with RecordingServer() as server, killed_senders(box, server, "mend") as sender:
        assert kill_at_random(sender, server, kills=8, stride=50, seed=1) > 3
        finish(sender)
        check_mended(box, server)


def test_deliver_killed_at_random_resends_the_same_bytes_and_no_more_than_the_window(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    fill(box, 1200)
    with RecordingServer() as server, killed_senders(box, server, "resend") as sender:
        hit = kill_at_random(sender, server, kills=8, stride=50, seed=2)
        finish(sender)
        check_resent(box, server, kills=hit)


@pytest.mark.prove
@pytest.mark.parametrize("mode", ["mend", "resend"])
def test_deliver_killed_200_times_over_20_000_mails(tmp_path: Path, mode: str) -> None:
    """200 kill -9 over 20,000 mails: 0 lost; mend doubles 0 and recaps each once, resend ≤ 50 a kill."""
    box = Outbox(tmp_path)
    fill(box, 20_000)
    with RecordingServer() as server, killed_senders(box, server, mode) as sender:
        hit = kill_at_random(sender, server, kills=200, stride=60, seed=3)
        assert hit > 150
        finish(sender)
        if mode == "mend":
            left = check_mended(box, server)
            sys.stdout.write(f"{hit} kills, {left} uncertain and recapped, 0 lost, 0 doubled\n")
        else:
            doubled = check_resent(box, server, kills=hit)
            sys.stdout.write(f"{hit} kills, {doubled} doubled ({doubled / hit:.1f} a kill), 0 lost\n")


@pytest.mark.prove
@pytest.mark.parametrize("mode", ["mend", "resend"])
def test_deliver_killed_at_each_point_of_a_long_run(tmp_path: Path, mode: str) -> None:
    """Killed at each commit, and each read and write of a socket, in turn: 0 lost; mend doubles 0."""
    box = Outbox(tmp_path)
    fill(box, 12_000)
    with RecordingServer() as server, killed_senders(box, server, mode) as sender:
        hit = 0
        for point in range(1, 300):
            sender.start(point)
            hit += sender.status() == -signal.SIGKILL
        finish(sender)
        if mode == "mend":
            left = check_mended(box, server)
            sys.stdout.write(f"{hit} points, {left} uncertain and recapped, 0 lost, 0 doubled\n")
        else:
            doubled = check_resent(box, server, kills=hit)
            sys.stdout.write(f"{hit} points, {doubled} doubled, 0 lost\n")
