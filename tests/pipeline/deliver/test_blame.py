"""Whose fault a refusal is, and what follows: rests, strikes, suppressions. Real servers, real database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from newsletter.core.alarms import AlarmPolicy, alarms_of
from newsletter.db.engine import reading, writing
from newsletter.delivery.outbox import relay_rests
from newsletter.delivery.smtp.relay import Fault, RelayError
from newsletter.ops.alarms.facts import gather
from newsletter.pipeline.deliver.options import DeliveryReport
from newsletter.pipeline.deliver.run import deliver
from subscribers.lifecycle import strikes
from tests.delivery.outbox.scenario import NOW, Outbox
from tests.pipeline.deliver.killed_sender import options_for
from tests.smtp_servers.misbehaving import MisbehavingServer
from tests.smtp_servers.recording import Conversation, RecordingServer, ServerRules

DAY = timedelta(days=1)


class LimitedConversation(Conversation):
    """Accepts so many messages, then answers MAIL, RCPT or the final dot with its refusal."""

    server: LimitedServer

    def mail(self, argument: str) -> None:
        if self.server.refuses("mail"):
            self.say(self.server.refusal)
        else:
            super().mail(argument)

    def rcpt(self, argument: str) -> None:
        if self.server.refuses("rcpt"):
            self.say(self.server.refusal)
        else:
            super().rcpt(argument)

    def dot(self, body: bytes) -> None:
        if self.server.refuses("dot"):
            self.say(self.server.refusal)
            self.sender = self.recipient = None
        else:
            super().dot(body)


class LimitedServer(MisbehavingServer):
    """A provider with a quota of `quota` messages. None: no quota."""

    __slots__ = ("phase", "quota", "refusal")
    quota: int | None
    phase: str
    refusal: bytes

    def __init__(self) -> None:
        super().__init__(conversation=LimitedConversation)
        self.quota, self.phase, self.refusal = None, "mail", b""

    def refuses(self, phase: str) -> bool:
        return phase == self.phase and self.quota is not None and len(self.accepted) >= self.quota


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


@pytest.fixture
def provider() -> Iterator[LimitedServer]:
    with LimitedServer() as server:
        yield server


def run(box: Outbox, server: RecordingServer, at: datetime = NOW) -> DeliveryReport:
    return deliver(box.engine, options_for(server.port, box.locks), now=at)


def attempts(box: Outbox) -> Counter[tuple[str, int]]:
    return Counter((row["state"], row["attempts"]) for row in box.rows().values())


def alarms(box: Outbox, at: datetime) -> dict[str, tuple[str, str]]:
    with reading(box.engine) as connection:
        facts = gather(connection, state_dir=box.folder, now=at)
    return {alarm.key: (alarm.words, alarm.hint) for alarm in alarms_of(facts, AlarmPolicy())}


OURS = [
    ("mail", b"550 5.4.5 Daily user sending quota exceeded"),
    ("dot", b"554 Message rejected: Email address is not verified."),
    ("mail", b"550 5.7.60 Client does not have permissions to send as this sender"),
    ("dot", b"454 Throttling failure: Daily message quota exceeded."),
    ("rcpt", b"553 5.7.1 <news@x.example>: Sender address rejected: not owned by user ada"),
    ("mail", b"550 no, not you"),  # words that nobody knows, to everybody
]


@pytest.mark.parametrize(("phase", "refusal"), OURS, ids=[words.decode()[:40] for _, words in OURS])
def test_refusal_about_us_costs_no_reader_their_mail(
    box: Outbox, provider: LimitedServer, phase: str, refusal: bytes
) -> None:
    box.queue(box.readers(30), box.digest(), expires_at=None)
    provider.quota, provider.phase, provider.refusal = 5, phase, refusal
    report = run(box, provider)
    assert isinstance(report.stopped, RelayError)
    assert (report.sent, report.failed) == (len(provider.accepted), 0)
    assert report.sent < 30
    assert {n for state, n in attempts(box) if state != "sent"} == {0}  # attempts unspent
    words, hint = alarms(box, NOW)[f"relay 127.0.0.1:{provider.port}"]
    assert refusal.decode().split("@")[0].split("<")[0] in words
    assert "newsletter smtp check" in hint
    provider.quota = None
    later = run(box, provider, NOW + timedelta(minutes=1))  # it rests: nothing is tried
    assert isinstance(later.stopped, RelayError)
    assert (later.stopped.fault, later.sent) == (Fault.RESTS, 0)
    with reading(box.engine) as connection:
        (rest,) = relay_rests.all_rests(connection)
    after = max(rest.until, NOW + timedelta(hours=1))
    assert run(box, provider, after).stopped is None
    assert sorted(provider.recipients()) == sorted(f"r{n}@mail.example" for n in range(1, 31))
    assert box.suppressed() == []
    assert alarms(box, after) == {}


def test_relay_that_goes_on_refusing_rests_longer_and_a_quota_till_another_hour() -> None:
    def ends(reason: str) -> list[timedelta]:
        return [relay_rests.end_of_rest(reason, rounds, NOW) - NOW for rounds in range(8)]

    quarter, hour = timedelta(minutes=15), timedelta(hours=1)
    assert ends("sender") == [quarter, 2 * quarter, hour, 2 * hour, *[4 * hour] * 4]
    assert ends("quota") == [hour, 2 * hour, 4 * hour, 8 * hour, 16 * hour, *[24 * hour] * 3]


def test_another_relay_takes_over_from_one_that_refuses_us(box: Outbox, provider: LimitedServer) -> None:
    box.queue(box.readers(40), box.digest())
    provider.quota, provider.refusal = 5, b"550 5.4.5 Daily user sending quota exceeded"
    with RecordingServer() as other:
        options = options_for(provider.port, box.locks)
        both = [*options.relays, *options_for(other.port, box.locks).relays]
        report = deliver(box.engine, replace(options, relays=both), now=NOW)
        assert report.stopped is None
        assert report.sent + report.deferred == 40
        assert report.sent == len(provider.accepted) + len(other.accepted)
        assert len(other.accepted) >= 20


def test_dead_addresses_of_a_small_list_are_suppressed_and_all_others_served(box: Outbox) -> None:
    """30 readers of whom 6 are dead, first in line."""
    box.queue(box.readers(30), box.digest())
    dead = {f"r{n}@mail.example" for n in range(1, 7)}
    rules = ServerRules(refuse=lambda address: b"550 5.1.1 no such user" if address in dead else None)
    with RecordingServer(rules=rules) as server:
        report = run(box, server)
        assert (report.sent, report.failed, report.stopped) == (24, 6, None)
    assert box.suppressed() == [1, 2, 3, 4, 5, 6]
    words, hint = alarms(box, NOW)["suppressed"]
    assert words.startswith("6 addresses were suppressed within a day")
    assert "unsuppress" in hint


STRIKES = [
    (b"550 5.2.1 account disabled", "disabled"),
    (b"552 5.2.2 mailbox full", "full"),
    (b"550 5.5.1 not today", "unclear"),
    (b"554 delivery error: dd", "refused-by-recipient"),
    (b"550 5.7.1 access denied", "policy"),  # of one recipient alone
]


@pytest.mark.parametrize(("refusal", "reason"), STRIKES, ids=[reason for _, reason in STRIKES])
def test_recipient_that_refuses_three_digests_over_four_days_is_suppressed(
    box: Outbox, refusal: bytes, reason: str
) -> None:
    (dead, *_) = box.readers(10)
    rules = ServerRules(refuse=lambda address: refusal if address == "r1@mail.example" else None)
    with RecordingServer(rules=rules) as server:
        suppressed = []
        for day in (0, 2, 4):
            at = NOW + day * DAY
            columns = {"composed_at": at, "next_attempt_at": at, "expires_at": at + DAY}
            box.queue([n for n in range(1, 11) if n not in box.suppressed()], box.digest(), **columns)
            run(box, server, at)
            suppressed.append(box.suppressed())
            with reading(box.engine) as connection:
                assert strikes.by_reason(connection) == {reason: 1 + day // 2}
        assert suppressed == [[], [], [dead]]


def test_an_accepted_message_between_strikes_leaves_them_not_in_a_row(box: Outbox) -> None:
    box.readers(5)
    refused = {"r1@mail.example"}
    rules = ServerRules(refuse=lambda address: b"552 5.2.2 full" if address in refused else None)
    with RecordingServer(rules=rules) as server:
        for day in range(6):
            at = NOW + day * DAY
            box.queue(range(1, 6), box.digest(), composed_at=at, next_attempt_at=at, expires_at=at + DAY)
            if day == 3:
                refused.clear()
            run(box, server, at)
            refused.add("r1@mail.example")
    assert box.suppressed() == []  # that of day 3 may have arrived


def test_strikes_pass_when_an_accepted_message_has_not_come_back_for_three_days(box: Outbox) -> None:
    box.readers(5)
    rules = ServerRules(refuse=lambda address: b"552 5.2.2 full" if address == "r1@mail.example" else None)
    with RecordingServer(rules=rules) as server:
        for day, struck in enumerate(({1}, {1}, {1}, {1}, set())):
            at = NOW + day * DAY
            box.queue(range(1, 6), box.digest(), composed_at=at, next_attempt_at=at, expires_at=at + DAY)
            run(box, server, at)
            rules.refuse = lambda _address: None
            with reading(box.engine) as connection:
                assert strikes.struck(connection) == struck


def test_relay_that_refuses_everybody_with_a_mailboxs_words_is_not_believed(box: Outbox) -> None:
    box.queue(box.readers(60), box.digest())
    with RecordingServer(rules=ServerRules(refuse=lambda _: b"550 5.1.1 no such user")) as server:
        report = run(box, server)
        assert isinstance(report.stopped, RelayError)
        assert report.failed == 0
    assert box.suppressed() == []
    with reading(box.engine) as connection:
        assert strikes.by_reason(connection) == {}
        assert len(relay_rests.all_rests(connection)) == 1


def test_greylisting_rests_no_domain_and_all_are_served_soon(box: Outbox) -> None:
    """400 readers of one domain; the server lets each in 10 minutes after its first try."""
    box.queue(box.readers(400), box.digest(), expires_at=None)
    now = [NOW]
    first: dict[str, datetime] = {}

    def greylist(address: str) -> bytes | None:
        seen = first.setdefault(address, now[0])
        return None if now[0] - seen >= timedelta(minutes=10) else b"451 4.7.1 Greylisted, come back"

    with RecordingServer(rules=ServerRules(refuse=greylist)) as server:
        for minute in range(56):
            now[0] = NOW + timedelta(minutes=minute)
            run(box, server, now[0])
            if len(server.accepted) == 400:
                break
        assert len(server.accepted) == 400
        assert minute <= 10 + 45
    assert box.suppressed() == []


def test_end_of_a_rest_by_hand_lets_the_next_run_send(box: Outbox, provider: LimitedServer) -> None:
    box.queue(box.readers(10), box.digest())
    provider.quota, provider.refusal = 0, b"550 5.4.5 Daily user sending quota exceeded"
    assert run(box, provider).sent == 0
    provider.quota = None
    with writing(box.engine) as connection:
        relay_rests.forget(connection, [f"127.0.0.1:{provider.port}"])
    report = run(box, provider, NOW + timedelta(hours=2))
    assert (report.sent, report.stopped) == (10, None)


def test_one_recipient_whose_refusal_reads_like_ours_rests_no_relay(box: Outbox) -> None:
    box.queue(box.readers(30), box.digest())
    words = b"550 You are not permitted to send to this group"
    rules = ServerRules(refuse=lambda address: words if address == "r3@mail.example" else None)
    with RecordingServer(rules=rules) as server:
        report = run(box, server)
        assert (report.sent, report.deferred, report.stopped) == (29, 1, None)
    with reading(box.engine) as connection:
        assert relay_rests.all_rests(connection) == []


def test_block_list_is_no_strike_against_its_readers(box: Outbox) -> None:
    box.queue(box.readers(10), box.digest())
    words = b"554 5.7.1 Client host [203.0.113.9] blocked using zen.spamhaus.org"
    rules = ServerRules(refuse=lambda address: words if address == "r1@mail.example" else None)
    with RecordingServer(rules=rules) as server:
        assert run(box, server).deferred == 1
    with reading(box.engine) as connection:
        assert strikes.struck(connection) == set()


def test_subscriber_who_is_gone_gets_no_strike_and_harms_no_commit(box: Outbox) -> None:
    with writing(box.engine) as connection:
        assert strikes.add(connection, 99, message_key="k", reason="full", note="", now=NOW) is None
    (reader,) = box.readers(1)
    box.change(reader, address=None)  # erased
    with writing(box.engine) as connection:
        assert strikes.add(connection, reader, message_key="k", reason="full", note="", now=NOW) is None


def test_address_stands_in_no_stored_reply(box: Outbox, provider: LimitedServer) -> None:
    box.queue(box.readers(10), box.digest(), expires_at=None)
    provider.quota, provider.phase = 0, "rcpt"
    provider.refusal = b"554 5.7.1 <r1@mail.example>: Relay access denied"
    run(box, provider)
    with reading(box.engine) as connection:
        (rest,) = relay_rests.all_rests(connection)
    assert "Relay access denied" in rest.reply
    assert "@" not in rest.reply
    assert not any("@" in (row["reply_text"] or "") for row in box.rows().values())
