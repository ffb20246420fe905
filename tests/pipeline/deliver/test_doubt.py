"""Refusals of recipients by a relay that has shown nothing yet: across runs and days, in small lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from newsletter.core.alarms import AlarmPolicy, alarms_of
from newsletter.db.engine import reading
from newsletter.ops.alarms.facts import gather
from newsletter.pipeline.deliver.options import DeliveryReport
from newsletter.pipeline.deliver.run import deliver
from subscribers.lifecycle import strikes
from tests.delivery.outbox.scenario import NOW, Outbox
from tests.marks import first_quick
from tests.pipeline.deliver.killed_sender import options_for
from tests.smtp_servers.recording import RecordingServer, ServerRules

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
UNKNOWN = b"550 User unknown"


class Server(RecordingServer):
    """Refuses these names; None: everybody."""

    __slots__ = ("refused", "tried", "words")
    refused: set[str] | None

    def __init__(self) -> None:
        super().__init__(rules=ServerRules(refuse=self._refuse))
        self.refused, self.words = None, UNKNOWN
        self.tried: Counter[str] = Counter()

    def _refuse(self, address: str) -> bytes | None:
        name = address.partition("@")[0]
        self.tried[name] += 1
        return self.words if self.refused is None or name in self.refused else None


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def run(
    box: Outbox, server: Server, at: datetime, *, second: Server | None = None, weight: float = 0
) -> DeliveryReport:
    """second: another relay, and its weight."""
    options = options_for(server.port, box.locks)
    if second is not None:
        relays = [*options.relays, replace(options.relays[0], port=second.port, weight=weight)]
        options = replace(options, relays=relays)
    return deliver(box.engine, options, now=at)


def queue(box: Outbox, readers: range | list[int], at: datetime) -> None:
    """Their digest of that day, as composing would queue it."""
    alive = [reader for reader in readers if reader not in box.suppressed()]
    box.queue(alive, box.digest(), composed_at=at, next_attempt_at=at, expires_at=at + DAY)


def alarm_keys(box: Outbox, at: datetime) -> list[str]:
    with reading(box.engine) as connection:
        facts = gather(connection, state_dir=box.folder, now=at)
    return [alarm.key for alarm in alarms_of(facts, AlarmPolicy())]


LISTS = [  # the server's words, readers, days that went well before
    (UNKNOWN, 1, 0),
    (UNKNOWN, 2, 2),
    (b"550 5.1.1 no such user", 3, 2),
    (b"550 5.2.1 disabled", 3, 0),
    (UNKNOWN, 3, 0),
    (UNKNOWN, 19, 2),
    (b"554 delivery error: dd", 2, 2),
    (b"550 5.2.1 disabled", 1, 2),
    (b"550 5.1.10 RESOLVER.ADR.RecipientNotFound", 19, 0),
]


@pytest.mark.parametrize(("words", "number", "good_days"), first_quick(LISTS, 4))
def test_relay_that_takes_nobody_suppresses_nobody_on_any_day(
    box: Outbox, server: Server, words: bytes, number: int, good_days: int
) -> None:
    """From the first send on, or after some days that went well."""
    box.readers(number)
    server.words = words
    for day in range(good_days + 6):
        server.refused = None if day >= good_days else set()
        at = NOW + day * DAY
        queue(box, range(1, number + 1), at)
        for hour in range(0, 24, 3):
            run(box, server, at + hour * HOUR)
    assert (box.suppressed(), strikes_of(box)) == ([], {})
    assert "refused" in alarm_keys(box, at + 23 * HOUR)
    server.refused = set()  # mended
    at += DAY
    queue(box, range(1, number + 1), at)
    assert run(box, server, at).sent == number
    assert alarm_keys(box, at) == []
    with reading(box.engine) as connection:
        assert strikes.struck(connection) == set()


def strikes_of(box: Outbox) -> dict[str, int]:
    with reading(box.engine) as connection:
        return strikes.by_reason(connection)


def test_relay_breaks_while_readers_come_one_by_one(box: Outbox, server: Server) -> None:
    """20 readers, each at an hour of their own: the relay takes nobody from noon to evening."""
    box.readers(20)
    for day in range(3):
        for hour in range(24):
            at = NOW + day * DAY + hour * HOUR
            server.refused = None if day == 1 and 12 <= hour < 18 else set()
            if hour < 20:
                queue(box, [hour + 1], at)
            run(box, server, at)
    assert box.suppressed() == []
    assert len(server.accepted) == 3 * 20
    with reading(box.engine) as connection:
        assert strikes.struck(connection) == set()


def test_dead_address_alone_at_its_hour_is_suppressed_once_others_were_accepted(
    box: Outbox, server: Server
) -> None:
    box.readers(5)
    server.refused = {"r3"}
    for hour in range(6):
        if hour < 5:
            queue(box, [hour + 1], NOW + hour * HOUR)
        run(box, server, NOW + hour * HOUR)
    assert box.suppressed() == [3]
    assert len(server.accepted) == 4


@pytest.mark.parametrize("weight", [0, 1])
def test_dead_address_alone_at_its_hour_is_suppressed_beside_a_second_relay(
    box: Outbox, server: Server, weight: float
) -> None:
    box.readers(5)
    with Server() as second:
        server.refused = second.refused = {"r3"}
        for hour in range(24 * 3):
            at = NOW + hour * HOUR
            if hour % 24 < 5 and hour % 24 + 1 not in box.suppressed():
                queue(box, [hour % 24 + 1], at)
            run(box, server, at, second=second, weight=weight)
    assert box.suppressed() == [3]


def test_relay_that_takes_nobody_suppresses_nobody_beside_one_that_works(box: Outbox, server: Server) -> None:
    box.readers(6)
    with Server() as second:
        server.refused, second.refused = set(), None
        for hour in range(24 * 3):
            at = NOW + hour * HOUR
            if hour % 24 < 3:
                queue(box, [2 * (hour % 24) + 1, 2 * (hour % 24) + 2], at)
            run(box, server, at, second=second, weight=1)
        assert second.tried
    assert (box.suppressed(), strikes_of(box)) == ([], {})


def test_dead_addresses_tried_after_all_others_are_suppressed(box: Outbox, server: Server) -> None:
    """A quota let the good ones go first: 8 of 30 are dead, 5 are slow."""
    box.readers(30)
    dead = {f"r{number}" for number in range(1, 9)}
    server.refused = dead
    queue(box, range(9, 26), NOW - HOUR)
    run(box, server, NOW - HOUR)
    queue(box, [*range(1, 9), 26, 27, 28], NOW)
    assert run(box, server, NOW).sent == 3
    assert box.suppressed() == []
    queue(box, [29, 30], NOW + HOUR)
    run(box, server, NOW + HOUR)
    assert box.suppressed() == []  # the server has accepted 5 since, and refuses 8
    queue(box, range(9, 26), NOW + DAY)
    for hours in range(6):
        run(box, server, NOW + DAY + hours * HOUR)
    queue(box, range(1, 9), NOW + DAY + 6 * HOUR)
    run(box, server, NOW + DAY + 6 * HOUR)
    assert box.suppressed() == list(range(1, 9))


def test_relay_that_takes_only_its_own_readers_suppresses_none_of_the_others(
    box: Outbox, server: Server
) -> None:
    box.readers(10)
    for day in range(8):
        server.refused = set() if day < 2 else {f"r{number}" for number in range(5, 11)}
        for hour in range(0, 24, 2):
            at = NOW + day * DAY + hour * HOUR
            if hour == 0:
                queue(box, range(1, 11), at)
            run(box, server, at)
    assert (box.suppressed(), strikes_of(box)) == ([], {})
    assert "refused" in alarm_keys(box, at)


def test_message_in_doubt_is_tried_ever_more_seldom_and_goes_to_the_next_day(
    box: Outbox, server: Server
) -> None:
    box.readers(1)
    queue(box, [1], NOW)
    for minutes in range(0, 24 * 60, 15):
        run(box, server, NOW + timedelta(minutes=minutes))
    assert 5 <= server.tried["r1"] <= 10
    report = run(box, server, NOW + DAY)
    assert report.skipped == {"expired": 1}


def test_strikes_behind_a_relay_that_took_nobody_do_not_count_later(box: Outbox, server: Server) -> None:
    """Five days of a wrong server, then a full mailbox among good ones: the first strike."""
    box.readers(4)
    server.words = b"552 5.2.2 mailbox full"
    for day in range(7):
        server.refused = None if day < 5 else {"r2"}
        queue(box, range(1, 5), NOW + day * DAY)
        run(box, server, NOW + day * DAY)
    assert box.suppressed() == []
    assert strikes_of(box) == {"full": 2}
