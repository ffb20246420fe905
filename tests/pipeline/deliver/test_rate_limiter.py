"""Limits, pauses and several relays: real database, real servers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.core.mail.rates import Rate, parse_rates
from newsletter.core.mail.retry import POLICY_RETRY
from newsletter.db.engine import reading
from newsletter.db.schema import deliveries, mail_counts, pauses
from newsletter.delivery.outbox.rate_counters import Limits
from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.pipeline.deliver.options import DeliveryOptions, DeliveryReport
from newsletter.pipeline.deliver.rate_limiter import PORTION
from newsletter.pipeline.deliver.run import deliver
from tests.delivery.outbox.scenario import NOW, Outbox
from tests.pipeline.deliver.killed_sender import options_for
from tests.smtp_servers.recording import Conversation, HangupError, RecordingServer, ServerRules

# Real sockets with limits of a second: a machine that other tests load may miss one.


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


class Wall:
    """The real time, as a limit sees it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def limited(box: Outbox, server: RecordingServer, wall: Wall, **rules: object) -> DeliveryOptions:
    limits = Limits(**rules)  # type: ignore[arg-type]
    return replace(options_for(server.port, box.locks, limits=limits), wall=wall)


def test_a_limit_on_all_mail_leaves_the_rest_to_a_run_after_it_opens(box: Outbox) -> None:
    box.queue(box.readers(25), box.digest())
    wall = Wall()
    with RecordingServer() as server:
        options = limited(box, server, wall, everything=parse_rates("10/hour"))
        first = deliver(box.engine, options, now=NOW)
        assert (first.sent, first.deferred) == (10, 0)
        assert str(first.stopped).startswith(
            "the limit on all mail (10/hour) is reached; the next mail may go at 2026-03-02 08:06 UTC"
        )
        assert Counter(box.states().values()) == {"sent": 10, "queued": 15}
        wall.at += timedelta(minutes=63)
        assert deliver(box.engine, options, now=NOW).sent == 0  # another run does not begin again
        wall.at += timedelta(minutes=3)
        assert deliver(box.engine, options, now=NOW).sent == 10
        wall.at += timedelta(minutes=66)
        assert deliver(box.engine, options, now=NOW) == DeliveryReport(sent=5)
        assert len(set(server.recipients())) == len(server.recipients()) == 25


def test_a_limit_that_opens_soon_is_waited_for(box: Outbox) -> None:
    box.queue(box.readers(12), box.digest())
    with RecordingServer() as server:
        options = options_for(server.port, box.locks, limits=Limits(everything=(Rate(5, 1),)))
        assert deliver(box.engine, options, now=NOW) == DeliveryReport(sent=12)
        assert len(server.recipients()) == 12


def test_quota_that_a_run_did_not_use_is_given_back(box: Outbox) -> None:
    box.queue(box.readers(3), box.digest())
    wall = Wall()
    with RecordingServer() as server:
        options = limited(
            box,
            server,
            wall,
            everything=parse_rates("1000/day"),
            relays={f"127.0.0.1:{server.port}": parse_rates("500/hour")},
            each_domain=parse_rates("100/hour"),
        )
        assert deliver(box.engine, options, now=NOW) == DeliveryReport(sent=3)
    with reading(box.engine) as connection:
        counted = connection.execute(select(mail_counts.c.scope, mail_counts.c.mails)).all()
    assert dict(counted) == {
        "": 3,
        f"relay 127.0.0.1:{server.port}": 3,
        "domain mail.example": 3,
    }


def test_stopped_run_gives_its_quota_back(box: Outbox) -> None:
    box.queue(box.readers(300), box.digest())
    wall = Wall()
    with RecordingServer() as server:
        options = limited(
            box, server, wall, everything=parse_rates("1000/day"), each_domain=parse_rates("1000/day")
        )
        counts = deliver(box.engine, options, now=NOW, stop=lambda: len(server.recipients()) >= 5)
        sent = len(server.recipients())
    assert counts.interrupted
    assert 0 < counts.sent == sent < 300
    with reading(box.engine) as connection:
        counted = connection.execute(select(mail_counts.c.mails)).scalars().all()
    assert counted == [sent, sent]


def test_a_crash_loses_no_more_than_a_portion_of_a_limit(box: Outbox) -> None:
    box.queue(box.readers(300), box.digest())
    wall = Wall()

    class CrashError(Exception):
        pass

    def crash(point: str) -> None:
        points[point] += 1
        if point == "committed" and points[point] == 5:
            raise CrashError

    points: Counter[str] = Counter()
    with RecordingServer() as server:
        options = limited(box, server, wall, everything=parse_rates("1000/day"))
        with pytest.raises(CrashError):
            deliver(box.engine, options, now=NOW, passed=crash)
        sent = len(server.recipients())
    with reading(box.engine) as connection:
        (counted,) = connection.execute(select(mail_counts.c.mails)).scalars().all()
    assert sent <= counted <= sent + PORTION + 50


def test_a_domains_limit_spreads_its_mail_over_windows_and_holds_up_nobody_else(box: Outbox) -> None:
    box.queue(box.readers(25, domain="slow.example"), box.digest(), expires_at=None)
    box.queue(box.readers(10, domain="quick.example"), box.digest(), expires_at=None)
    wall = Wall()
    with RecordingServer() as server:
        options = limited(box, server, wall, domains={"slow.example": parse_rates("10/hour")})
        counts = deliver(box.engine, options, now=NOW)
        assert (counts.sent, counts.deferred, counts.stopped) == (20, 15, None)
        with reading(box.engine) as connection:
            waits = connection.execute(
                select(deliveries.c.next_attempt_at, deliveries.c.attempts, deliveries.c.reply_text).where(
                    deliveries.c.state == "deferred"
                )
            ).all()
        words = "not tried: the limit of its domain is reached"
        opens = NOW + timedelta(minutes=66)
        assert Counter(map(tuple, waits)) == {
            (opens, 0, words): 10,
            (opens + timedelta(hours=1), 0, words): 5,
        }
        for minutes, total in ((70, 30), (140, 35)):
            wall.at = NOW + timedelta(minutes=minutes)
            deliver(box.engine, options, now=wall.at)
            assert len(set(server.recipients())) == len(server.recipients()) == total


def test_a_domain_that_refuses_us_rests_and_another_run_leaves_it_alone(box: Outbox) -> None:
    box.queue(box.readers(120, domain="strict.example"), box.digest(), expires_at=None)
    box.queue(box.readers(5, domain="quick.example"), box.digest(), expires_at=None)

    def refuse(address: str) -> bytes | None:
        return b"550 5.7.1 not from there" if address.endswith("@strict.example") else None

    with RecordingServer(rules=ServerRules(refuse=refuse)) as server:
        options = options_for(server.port, box.locks, connections=1)
        counts = deliver(box.engine, options, now=NOW)
        asked = len([line for line in server.lines if b"RCPT TO:<" in line and b"@strict" in line])
        assert (counts.sent, counts.deferred, counts.failed) == (5, 120, 0)
        assert asked <= 50  # what was on its way when the third answer came
        box.queue(box.readers(2, domain="strict.example"), box.digest(), expires_at=None)
        assert deliver(box.engine, options, now=NOW + timedelta(minutes=1)) == DeliveryReport(deferred=2)
        again = len([line for line in server.lines if b"RCPT TO:<" in line and b"@strict" in line])
        assert again == asked
    with reading(box.engine) as connection:
        (pause,) = connection.execute(select(pauses)).all()
        attempts = connection.execute(select(deliveries.c.attempts).distinct()).scalars().all()
    assert (pause.domain, pause.until, pause.reason) == (
        "strict.example",
        NOW + POLICY_RETRY,
        "550 5.7.1 not from there",
    )
    assert set(attempts) == {0, 1}
    assert set(box.states().values()) == {"sent", "deferred"}


def _relay(server: RecordingServer, **columns: object) -> Relay:
    relay = Relay(
        host="127.0.0.1", port=server.port, security=Security.NONE, connections=2, retry_delays=(0.01,)
    )
    return replace(relay, **columns)


def test_relays_share_the_mail_by_weight_and_a_standby_gets_none(box: Outbox) -> None:
    box.queue(box.readers(200), box.digest())
    with RecordingServer() as heavy, RecordingServer() as light, RecordingServer() as standby:
        relays = [_relay(heavy, weight=3), _relay(light), _relay(standby, weight=0)]
        options = replace(options_for(heavy.port, box.locks), relays=relays)
        assert deliver(box.engine, options, now=NOW) == DeliveryReport(sent=200)
        assert [len(server.recipients()) for server in (heavy, light, standby)] == [150, 50, 0]
        every = heavy.recipients() + light.recipients()
    assert len(set(every)) == 200


def test_a_relay_that_is_down_loses_its_share_and_the_run_goes_on(box: Outbox) -> None:
    box.queue(box.readers(100), box.digest())
    with RecordingServer() as gone:
        pass
    with RecordingServer() as works:
        options = replace(options_for(works.port, box.locks), relays=[_relay(gone, weight=9), _relay(works)])
        counts = deliver(box.engine, options, now=NOW)
        assert (counts.sent, counts.deferred, counts.stopped) == (100, 0, None)
        assert [trouble.message.split(": ")[0] for trouble in counts.relay_errors] == [
            f"the mail server 127.0.0.1:{gone.port}"
        ]
        assert len(set(works.recipients())) == len(works.recipients()) == 100


def test_a_relay_that_refuses_our_sender_is_left_for_the_other(box: Outbox) -> None:
    box.queue(box.readers(100), box.digest(), expires_at=None)
    with (
        RecordingServer(rules=ServerRules(refuse_sender=b"550 5.7.1 not you")) as strict,
        RecordingServer() as works,
    ):
        options = replace(options_for(works.port, box.locks), relays=[_relay(strict), _relay(works)])
        counts = deliver(box.engine, options, now=NOW)
        assert counts.stopped is None
        assert counts.sent == len(works.recipients()) >= 75
        assert counts.sent + counts.deferred == 100
        assert [trouble.message for trouble in counts.relay_errors] == [
            f"the mail server 127.0.0.1:{strict.port}: it refuses us: 550 5.7.1 not you"
        ]


def test_each_relay_keeps_to_its_own_limit(box: Outbox) -> None:
    box.queue(box.readers(60), box.digest())
    wall = Wall()
    with RecordingServer() as tight, RecordingServer() as free:
        options = replace(
            options_for(
                free.port,
                box.locks,
                limits=Limits(relays={f"127.0.0.1:{tight.port}": parse_rates("10/hour")}),
            ),
            relays=[_relay(tight), _relay(free)],
            wall=wall,
        )
        assert deliver(box.engine, options, now=NOW) == DeliveryReport(sent=60)
        assert [len(server.recipients()) for server in (tight, free)] == [10, 50]
        box.queue(box.readers(20), box.digest())
        only = replace(options, relays=[_relay(tight)])
        counts = deliver(box.engine, only, now=NOW)
        assert counts.sent == 0
        assert f"the limit on 127.0.0.1:{tight.port} (10/hour) is reached" in str(counts.stopped)
        wall.at += timedelta(minutes=66)
        assert deliver(box.engine, only, now=NOW).sent == 10


class Dying(Conversation):
    """Its server goes down for good after some messages."""

    def mail(self, argument: str) -> None:
        if len(self.server.accepted) >= 10:
            self.server.__exit__()
            raise HangupError
        super().mail(argument)


def test_mail_of_a_dead_relay_goes_back_when_the_others_limit_is_reached(box: Outbox) -> None:
    box.queue(box.readers(100), box.digest(), expires_at=None)
    wall = Wall()
    with RecordingServer(conversation=Dying) as dies, RecordingServer() as tight:
        limits = Limits(relays={f"127.0.0.1:{tight.port}": parse_rates("20/hour")})
        options = replace(
            options_for(tight.port, box.locks, limits=limits),
            relays=[_relay(dies, connections=1), _relay(tight)],
            wall=wall,
        )
        counts = deliver(box.engine, options, now=NOW)
        assert f"the limit on 127.0.0.1:{tight.port} (20/hour) is reached" in str(counts.stopped)
        assert (len(dies.accepted), len(tight.accepted)) == (10, 20)
        assert Counter(box.states().values()) == {"sent": 30, "queued": 70}


def test_run_does_not_wait_for_mail_that_comes_back_after_a_stop(box: Outbox) -> None:
    box.queue(box.readers(20), box.digest(), expires_at=None)
    asked = threading.Event()

    class Restarting(Conversation):
        def mail(self, argument: str) -> None:
            if self.mails == 3:
                asked.set()
                time.sleep(0.5)
                self.server.__exit__()
                raise HangupError
            super().mail(argument)

    with RecordingServer(conversation=Restarting) as server:
        options = replace(options_for(server.port, box.locks), relays=[_relay(server, connections=1)])
        counts = deliver(box.engine, options, now=NOW, stop=asked.is_set)
    assert (counts.sent, counts.interrupted) == (3, True)
    assert Counter(box.states().values()) == {"sent": 3, "queued": 17}


def test_one_slow_mail_does_not_hold_up_mail_that_a_limit_allows(box: Outbox) -> None:
    box.queue(box.readers(20), box.digest(), expires_at=None)
    done: list[str] = []
    others_done = threading.Event()  # all but one, which may stand behind the slow one
    in_time: list[bool] = []

    class Slow(Conversation):
        def accept(self, body: bytes) -> None:
            if self.recipient == "r1@mail.example":
                in_time.append(others_done.wait(25))
            done.append(self.recipient or "")
            if len(done) == 18:
                others_done.set()
            super().accept(body)

    with RecordingServer(conversation=Slow) as server:
        options = options_for(server.port, box.locks, limits=Limits(everything=(Rate(10, 1),)))
        assert deliver(box.engine, options, now=NOW) == DeliveryReport(sent=20)
    assert in_time == [True]


def test_a_relay_that_is_down_uses_up_none_of_its_limit(box: Outbox) -> None:
    box.queue(box.readers(5), box.digest())
    with RecordingServer() as gone:
        pass
    with RecordingServer() as works:
        limits = Limits(relays={f"127.0.0.1:{gone.port}": parse_rates("500/day")})
        options = replace(
            options_for(works.port, box.locks, limits=limits), relays=[_relay(gone), _relay(works)]
        )
        assert deliver(box.engine, options, now=NOW).sent == 5
    with reading(box.engine) as connection:
        assert connection.execute(select(mail_counts.c.mails)).scalars().all() == [0]


def _all_unknown(_address: str) -> bytes:
    return b"550 5.1.1 no such user"


@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_a_relay_that_knows_none_of_our_readers_suppresses_nobody(box: Outbox, weight: float) -> None:
    box.queue(box.readers(200), box.digest(), expires_at=None)
    with RecordingServer() as works, RecordingServer(rules=ServerRules(refuse=_all_unknown)) as wrong:
        options = replace(
            options_for(works.port, box.locks),
            relays=[_relay(works), _relay(wrong, weight=weight)],
        )
        counts = deliver(box.engine, options, now=NOW)
        assert (box.suppressed(), counts.failed, counts.stopped) == ([], 0, None)
        assert counts.sent == len(works.recipients())
        assert counts.sent + counts.deferred == 200


def test_a_wrong_relay_that_takes_over_when_another_dies_suppresses_nobody(box: Outbox) -> None:
    box.queue(box.readers(300), box.digest(), expires_at=None)

    def at_points(point: str) -> None:
        if point == "committed" and len(works.accepted) > 60 and not gone:
            stack.close()
            gone.append(True)

    gone: list[bool] = []
    with ExitStack() as stack, RecordingServer(rules=ServerRules(refuse=_all_unknown)) as wrong:
        works = stack.enter_context(RecordingServer())
        options = replace(
            options_for(works.port, box.locks),
            relays=[_relay(works), _relay(wrong, weight=0)],
        )
        counts = deliver(box.engine, options, now=NOW, passed=at_points)
    assert gone
    assert (box.suppressed(), counts.failed) == ([], 0)
    assert "refused as unknown addresses" in str(counts.stopped) or counts.relay_errors
