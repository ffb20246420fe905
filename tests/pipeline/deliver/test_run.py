"""Delivering as a whole: real database, real server, real messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.db.engine import reading, writing
from newsletter.db.schema import digests, runs
from newsletter.delivery.outbox.handover import WINDOW
from newsletter.delivery.outbox.recovery import Uncertain
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.ops.alarms.facts import gather
from newsletter.pipeline.deliver.options import DeliveryOptions, DeliveryReport
from newsletter.pipeline.deliver.run import deliver
from newsletter.scheduler.shutdown import stop_on_signals
from tests.delivery.outbox.scenario import BUILDER, NOW, Outbox
from tests.pipeline.deliver.killed_sender import options_for
from tests.smtp_servers.misbehaving import FAULTS, MisbehavingServer
from tests.smtp_servers.recording import RecordingServer, ServerRules

# Real sockets with limits of a second: a machine that other tests load may miss one.
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


def run(
    box: Outbox, server: RecordingServer, *, options: DeliveryOptions | None = None, **columns: Any
) -> DeliveryReport:
    return deliver(box.engine, options or options_for(server.port, box.locks), **{"now": NOW, **columns})


def refusing(*readers: int, reply: bytes = b"550 5.1.1 no such user") -> ServerRules:
    addresses = {f"r{reader}@mail.example" for reader in readers}
    return ServerRules(refuse=lambda address: reply if address in addresses else None)


def states(box: Outbox) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in box.states().values():
        found[state] = found.get(state, 0) + 1
    return found


def test_deliver_sends_each_reader_their_mail_once(box: Outbox) -> None:
    box.queue(box.readers(130), box.digest())
    box.queue(box.readers(70), box.digest(body=b"Other \x00my.greeting\x00\r\n"))
    with RecordingServer() as server:
        assert run(box, server) == DeliveryReport(sent=200)
        assert run(box, server) == DeliveryReport()
        assert sorted(server.recipients()) == sorted(f"r{n}@mail.example" for n in range(1, 201))
        mail = next(got for got in server.accepted if got.recipient == "r150@mail.example")
    message = message_from_bytes(mail.data, policy=policy.default)
    assert message["Subject"] == "Digest 2"
    assert message["Message-ID"] == BUILDER.message_id(150, "digest", "key 2")
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Other reader 150"]
    assert states(box) == {"sent": 200}
    with reading(box.engine) as connection:
        written = connection.execute(select(runs.c.verb, runs.c.at, runs.c.done).order_by(runs.c.id)).all()
    assert [tuple(row) for row in written] == [("deliver", NOW, 200), ("deliver", NOW, 0)]


def test_deliver_only_one_subscriber(box: Outbox) -> None:
    box.queue(box.readers(5), box.digest())
    with RecordingServer() as server:
        assert run(box, server, only=3) == DeliveryReport(sent=1)
        assert server.recipients() == ["r3@mail.example"]


def test_deliver_counts_each_fate(box: Outbox) -> None:
    box.queue(box.readers(10), box.digest())
    box.queue(box.readers(1), box.digest(), expires_at=NOW)
    box.change(5, state="unsubscribed")
    box.change(6, state="suppressed")
    replies = {
        "r1@mail.example": b"550 5.1.1 nobody",
        "r2@mail.example": b"450 4.2.2 full",
        "r3@mail.example": b"552 5.2.2 over quota",
    }
    with RecordingServer(rules=ServerRules(refuse=replies.get)) as server:
        assert run(box, server) == DeliveryReport(
            sent=5, deferred=1, failed=2, skipped={"expired": 1, "unsubscribed": 1, "suppressed": 1}
        )
    by_state = {1: "failed", 2: "deferred", 3: "failed", 5: "skipped", 6: "skipped", 11: "skipped"}
    assert box.states() == {n: by_state.get(n, "sent") for n in range(1, 12)}


def test_deliver_retries_later_with_the_same_bytes(box: Outbox) -> None:
    box.queue(box.readers(3), box.digest())
    with MisbehavingServer(conversation=FAULTS["dot_451"], times=1) as server:
        assert run(box, server) == DeliveryReport(sent=2, deferred=1)
        assert run(box, server) == DeliveryReport()
        box.change(1, version=2)
        box.change(2, version=2)
        box.change(3, version=2)
        assert run(box, server, now=NOW + timedelta(minutes=5)) == DeliveryReport(sent=1)
        assert sorted(server.recipients()) == [f"r{n}@mail.example" for n in (1, 2, 3)]


def test_deliver_that_is_uncertain_mends_or_resends(box: Outbox) -> None:
    (paper,) = box.papers(1)
    box.queue(box.readers(3), box.digest([paper]))
    with MisbehavingServer(conversation=FAULTS["accept_and_drop"], times=1) as server:
        assert run(box, server) == DeliveryReport(sent=2, uncertain=1)
    assert [debt[:2] for debt in box.debts()] == [(paper, "recap")]
    box.queue(box.readers(2), box.digest([paper], body=b"again\r\n"))
    with MisbehavingServer(conversation=FAULTS["accept_and_drop"], times=1) as server:
        options = options_for(server.port, box.locks, Uncertain.RESEND)
        assert run(box, server, options=options) == DeliveryReport(sent=1, deferred=1)
        assert run(box, server, options=options, now=NOW + timedelta(minutes=5)) == DeliveryReport(sent=1)
        by_reader: dict[str, set[bytes]] = {}
        for got in server.accepted:
            by_reader.setdefault(got.recipient, set()).add(got.data)
        assert len(server.accepted) == 3
        assert [len(copies) for copies in by_reader.values()] == [1, 1]
    assert len(box.debts()) == 1


def test_deliver_resends_an_uncertain_confirmation_whatever_the_mode(box: Outbox) -> None:
    box.queue(box.readers(1, state="pending", confirmed_at=None), box.digest(kind="confirm"), kind="confirm")
    with MisbehavingServer(conversation=FAULTS["accept_and_drop"], times=1) as server:
        assert run(box, server) == DeliveryReport(deferred=1)
        assert run(box, server, now=NOW + timedelta(minutes=5)) == DeliveryReport(sent=1)


# When the relay is wrong


def test_deliver_leaves_all_untouched_when_the_relay_is_down(box: Outbox) -> None:
    box.queue(box.readers(60), box.digest())
    before = box.rows()
    with RecordingServer() as server:
        pass
    counts = run(box, server)
    assert isinstance(counts.stopped, RelayError)
    assert counts.stopped.fault is Fault.REFUSED
    assert (counts.sent, counts.deferred) == (0, 0)
    assert box.rows() == before


def test_deliver_leaves_all_untouched_when_the_login_is_refused(box: Outbox) -> None:
    box.queue(box.readers(60), box.digest())
    before = box.rows()
    with RecordingServer(rules=ServerRules(login=("me", "right"))) as server:
        relay = Relay(
            host="localhost", port=server.port, security=Security.NONE, username="me", password="wrong"
        )
        options = DeliveryOptions(
            relays=[relay],
            builder=BUILDER,
            links=lambda mail: {"greeting": str(mail.id)},
            locks_dir=box.locks,
            suppression_key=b"suppression key of the tests",
            wall=lambda: NOW,
        )
        counts = run(box, server, options=options)
    assert isinstance(counts.stopped, RelayError)
    assert counts.stopped.fault is Fault.LOGIN
    assert box.rows() == before


def test_deliver_stops_when_the_relay_backs_off_and_keeps_what_it_sent(box: Outbox) -> None:
    box.queue(box.readers(20), box.digest())
    with MisbehavingServer(conversation=FAULTS["mail_421"]) as server:
        counts = run(box, server)
    assert isinstance(counts.stopped, RelayError)
    assert counts.stopped.fault is Fault.BUSY
    rows = box.rows().values()
    assert {row["attempts"] for row in rows} == {0}
    assert {row["state"] for row in rows} == {"deferred", "queued"}
    assert sum(row["state"] == "deferred" for row in rows) == counts.deferred


def test_deliver_stops_and_suppresses_nobody_when_most_of_the_first_are_refused(box: Outbox) -> None:
    box.queue(box.readers(200), box.digest())
    with RecordingServer(rules=refusing(*(n for n in range(1, 200) if n % 3))) as server:
        counts = run(box, server)
        accepted = len(server.accepted)
    assert counts.stopped is not None
    assert "were refused because of their recipients" in str(counts.stopped)
    assert box.suppressed() == []
    assert counts.failed == 0
    assert counts.deferred > 5
    assert states(box) == {
        "sent": accepted,
        "deferred": counts.deferred,
        "queued": 200 - accepted - counts.deferred,
    }
    assert counts.sent == accepted <= 2 * WINDOW


def test_deliver_suppresses_a_few_once_the_first_fifty_are_in(box: Outbox) -> None:
    box.queue(box.readers(120), box.digest())
    with RecordingServer(rules=refusing(1, 2, 3, 100)) as server:
        counts = run(box, server)
    assert counts == DeliveryReport(sent=116, failed=4)
    assert box.suppressed() == [1, 2, 3, 100]
    assert {n: box.states()[n] for n in (1, 2, 3, 100)} == dict.fromkeys((1, 2, 3, 100), "failed")
    assert {box.rows()[n]["attempts"] for n in (1, 2, 3, 100)} == {1}


def test_deliver_pauses_a_domain_that_refuses_by_policy(box: Outbox) -> None:
    box.queue(box.readers(300, domain="strict.example"), box.digest())
    box.queue(box.readers(50), box.digest())
    rules = ServerRules(
        refuse=lambda address: b"550 5.7.1 policy" if address.endswith("strict.example") else None
    )
    with RecordingServer(rules=rules) as server:
        assert run(box, server) == DeliveryReport(sent=50, deferred=300)
        asked = sum(line.startswith(b"RCPT") and b"strict" in line for line in server.lines)
    assert asked <= 2 * WINDOW
    assert {row["attempts"] for row in box.rows().values() if row["state"] == "deferred"} == {0}


def test_deliver_of_a_mail_that_cannot_be_joined_holds_up_nobody(box: Outbox) -> None:
    (paper,) = box.papers(1)
    box.queue(box.readers(2), box.digest([paper], body=b"\x00my.unknown\x00\r\n"))
    box.queue(box.readers(2), box.digest([paper]))
    with RecordingServer() as server:
        assert run(box, server) == DeliveryReport(sent=2, failed=2)
    assert box.rows()[1]["reason"].startswith("cannot be assembled")
    assert [debt[:3] for debt in box.debts()] == [(paper, "returned", 1), (paper, "returned", 2)]


@pytest.mark.parametrize(
    "columns",
    [
        {"parts": {"html": [1], "text": [9999]}},  # a piece that is gone
        {"parts": {"html": [1], "text": 7}},
        {"values": ["no object"]},
    ],
    ids=["no such piece", "no pieces", "no values"],
)
def test_deliver_of_content_that_cannot_be_read_holds_up_nobody(box: Outbox, columns: dict[str, Any]) -> None:
    (paper,) = box.papers(1)
    broken, whole = box.digest([paper]), box.digest([paper])
    with writing(box.engine) as connection:
        connection.execute(update(digests).where(digests.c.id == broken).values(columns))
    readers = box.readers(4)
    box.queue(readers[:2], broken)
    box.queue(readers[2:], whole)
    with RecordingServer() as server:
        assert run(box, server) == DeliveryReport(sent=2, failed=2)
        assert run(box, server) == DeliveryReport()
        assert sorted(server.recipients()) == ["r3@mail.example", "r4@mail.example"]
    assert box.rows()[1]["reason"].startswith("cannot be assembled: its content is damaged (")
    assert [debt[:3] for debt in box.debts()] == [(paper, "returned", 1), (paper, "returned", 2)]
    with reading(box.engine) as connection:
        soon, later = (gather(connection, state_dir=Path(), now=NOW + timedelta(hours=h)) for h in (1, 25))
    assert (soon.failed, soon.failed_because[:19], later.failed) == (2, "cannot be assembled", 0)


# Crashes and signals in this process


def test_deliver_after_an_error_gives_back_what_has_not_left(box: Outbox) -> None:
    box.queue(box.readers(300), box.digest())

    class BrokenError(Exception):
        pass

    points = iter(range(1000))

    def passed(_point: str) -> None:
        if next(points) == 12:
            raise BrokenError

    with RecordingServer() as server:
        with pytest.raises(BrokenError):
            run(box, server, passed=passed)
        assert set(states(box)) <= {"queued", "sent", "handing over"}
        before = states(box)
        assert before.get("handing over", 0) <= WINDOW
        counts = run(box, server)
        assert counts.uncertain == before.get("handing over", 0)
        assert counts.sent == before["queued"]
        assert set(states(box)) <= {"sent", "uncertain"}
        assert len(server.recipients()) == len(set(server.recipients()))


def test_deliver_asked_to_stop_finishes_what_is_in_flight(box: Outbox) -> None:
    box.queue(box.readers(200), box.digest())
    with RecordingServer(rules=ServerRules(delay=0.02)) as server:
        counts = run(box, server, stop=lambda: len(server.accepted) >= 5)
        accepted = len(server.accepted)
    assert counts.interrupted
    assert counts.sent == accepted
    assert 0 < accepted < 200
    assert states(box) == {"sent": accepted, "queued": 200 - accepted}


SIGNALLED = """
import sys
from pathlib import Path
from newsletter.db.engine import default_url, open_engine
from newsletter.pipeline.deliver.run import deliver
from newsletter.scheduler.shutdown import stop_on_signals
from tests.delivery.outbox.scenario import NOW
from tests.pipeline.deliver.killed_sender import options_for
folder = Path(sys.argv[1])
with stop_on_signals() as stop:
    print("ready", flush=True)
    options = options_for(int(sys.argv[2]), folder / "locks")
    counts = deliver(open_engine(default_url(folder)), options, now=NOW, stop=stop)
print(counts.sent, counts.interrupted)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_deliver_leaves_in_order_on_a_signal(box: Outbox, number: signal.Signals) -> None:
    box.queue(box.readers(500), box.digest())
    with RecordingServer(rules=ServerRules(delay=0.02)) as server:
        command = [sys.executable, "-c", SIGNALLED, str(box.folder), str(server.port)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while len(server.accepted) < 20:
            time.sleep(0.01)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
        accepted = len(server.accepted)
    assert process.returncode == 0
    assert output == f"{accepted} True\n"
    assert states(box) == {"sent": accepted, "queued": 500 - accepted}


def test_stop_on_signals_puts_the_old_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGTERM) == before


# Several senders


def test_two_senders_share_the_work_and_double_nothing(box: Outbox) -> None:
    box.queue(box.readers(600), box.digest())
    counts: list[DeliveryReport] = []
    with RecordingServer() as server:
        threads = [threading.Thread(target=lambda: counts.append(run(box, server))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(server.recipients()) == sorted(f"r{n}@mail.example" for n in range(1, 601))
    assert sum(count.sent for count in counts) == 600
    assert states(box) == {"sent": 600}


@pytest.mark.parametrize("name", ["greylisted_450", "drop_after_dot", "unknown_550", "close_after_two"])
def test_deliver_against_a_misbehaving_server_loses_nothing(box: Outbox, name: str) -> None:
    box.queue(box.readers(100), box.digest())
    with MisbehavingServer(conversation=FAULTS[name], times=4) as server:
        counts = run(box, server)
        accepted = server.recipients()
    assert counts.sent + counts.deferred + counts.failed + counts.uncertain == 100
    assert len(accepted) == len(set(accepted)) == counts.sent
    assert not set(states(box)) & {"leased", "handing over", "queued"}
