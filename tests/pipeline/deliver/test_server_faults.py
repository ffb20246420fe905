"""All faults at once, at random, through the whole of delivering: nothing lost, doubled or wrongly blamed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.pipeline.deliver.options import DeliveryReport
from newsletter.pipeline.deliver.run import deliver
from tests.delivery.outbox.scenario import NOW, Outbox
from tests.delivery.smtp.test_server_faults import SHORT
from tests.marks import first_quick
from tests.pipeline.deliver.killed_sender import options_for
from tests.smtp_servers.misbehaving import FAULTS, MisbehavingServer
from tests.smtp_servers.recording import Conversation, RecordingServer, ServerRules

# Real sockets with limits of a second: a machine that other tests load may miss one.
STALLS = {"greeting_none", "silent_after_dot", "silent_after_mail", "byte_by_byte_slowly", "body_not_read"}
KINDS = [kind for name, kind in FAULTS.items() if "tls" not in name and not name.startswith("auth")]


@dataclass(slots=True)
class ChaoticServer(MisbehavingServer):
    """Each connection has a fault of its own, which strikes every so often."""

    chance: random.Random = field(default_factory=lambda: random.Random(5))
    unknown: set[str] = field(default_factory=set)  # whom it called unknown, rightly or not

    def strikes(self) -> bool:
        with self.fault_lock:
            return self.chance.random() < 0.1

    def pick(self) -> type[Conversation]:
        with self.fault_lock:
            kind = self.chance.choice(KINDS)
            if kind.__name__ in STALLS and self.chance.random() < 0.7:
                kind = Conversation
        server = self

        class Listening(kind):  # type: ignore[misc, valid-type]
            asked = ""

            def rcpt(self, argument: str) -> None:
                self.asked = argument.partition("<")[2].partition(">")[0]
                super().rcpt(argument)

            def say(self, text: bytes, end: bytes = b"\r\n") -> None:
                if text.startswith(b"550 5.1.1"):
                    server.unknown.add(self.asked)
                super().say(text, end)

        return Listening


def storm(box: Outbox, mails: int) -> tuple[Counter[str], int]:
    """Send until nothing waits any more; (final states, runs that it took)."""
    box.queue(box.readers(mails), box.digest(box.papers(2)), expires_at=NOW + timedelta(days=300))
    total = DeliveryReport()
    with ChaoticServer(rules=ServerRules(extensions=("PIPELINING", "SIZE"))) as server:
        options = options_for(server.port, box.locks)
        (relay,) = options.relays
        options = replace(
            options,
            relays=[
                replace(
                    relay, connections=8, messages_per_connection=20, timeouts=SHORT, retry_delays=(0.01,) * 5
                )
            ],
        )
        runs = 0
        while Counter(box.states().values()).keys() & {"queued", "deferred"}:
            counts = deliver(box.engine, options, now=NOW + runs * timedelta(hours=5), stop=lambda: False)
            runs += 1
            assert runs < 300
            total.sent += counts.sent
            assert not set(box.states().values()) & {"leased", "handing over"}
        accepted = Counter(server.recipients())
    rows = box.rows().values()
    assert max(accepted.values()) == 1
    for row in rows:
        times = accepted[f"r{row['subscriber_id']}@mail.example"]
        if row["state"] == "sent":
            assert times == 1
        elif row["state"] == "failed":
            assert times == 0
        else:
            assert row["state"] == "uncertain"
    suppressed = box.suppressed()
    assert {f"r{reader}@mail.example" for reader in suppressed} <= server.unknown
    assert len(suppressed) == sum(row["state"] == "failed" and row["reason"] is None for row in rows)
    recaps = Counter(origin for _, kind, origin, _, _ in box.debts() if kind == "recap")
    assert recaps == {row["id"]: 2 for row in rows if row["state"] == "uncertain"}
    assert total.sent == sum(row["state"] == "sent" for row in rows)
    return Counter(row["state"] for row in rows), runs


def test_deliver_through_a_storm_of_faults(tmp_path: Path) -> None:
    states, _ = storm(Outbox(tmp_path), 200)
    assert states["sent"] > 100


@pytest.mark.prove
def test_deliver_5000_mails_through_a_storm_of_faults(tmp_path: Path) -> None:
    """All faults at random over 5,000 mails: none lost, doubled or wrongly blamed; no hang, no busy loop."""
    states, _ = storm(Outbox(tmp_path), 5_000)
    assert states["sent"] > 3_500


@pytest.mark.parametrize("name", first_quick((name for name in FAULTS if FAULTS[name] in KINDS), 8))
def test_deliver_with_one_faulty_relay_ends_and_doubles_nothing(tmp_path: Path, name: str) -> None:
    """Each fault at one of two relays: the other sends on; none lost, doubled, stuck or wrongly blamed."""
    box = Outbox(tmp_path)
    box.queue(box.readers(100), box.digest(), expires_at=None)
    with MisbehavingServer(conversation=FAULTS[name]) as bad, RecordingServer() as good:
        relays = [
            Relay(
                host="127.0.0.1",
                port=server.port,
                security=Security.NONE,
                timeouts=SHORT,
                retry_delays=(0.05,),
            )
            for server in (bad, good)
        ]
        options = replace(
            options_for(good.port, box.locks),
            relays=relays,
        )
        deliver(box.engine, options, now=NOW)
        accepted = Counter(bad.recipients()) + Counter(good.recipients())
    states = {f"r{row['subscriber_id']}@mail.example": row["state"] for row in box.rows().values()}
    assert set(states.values()) <= {"sent", "deferred", "failed", "uncertain", "queued"}
    assert max(accepted.values()) == 1
    sent = {address for address, state in states.items() if state == "sent"}
    assert sent <= set(accepted)
    assert {states[address] for address in accepted} <= {"sent", "uncertain"}
    assert box.suppressed() == []
    assert len(good.accepted) >= 25
