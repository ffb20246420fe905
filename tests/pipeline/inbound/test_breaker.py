"""Many “no such user” at once are held, until an admin says whether they are true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.core.alarms import AlarmPolicy, alarms_of
from newsletter.core.mail.bounce_policy import MOST_UNKNOWN, Effect, too_many_unknown
from newsletter.db.engine import reading, writing
from newsletter.ops.alarms.facts import gather
from newsletter.pipeline.inbound.breaker import settle
from subscribers.lifecycle import unsubscribe
from tests.pipeline.inbound.post_office import PostOffice
from tests.pipeline.inbound.reports import bounce
from tests.pipeline.whole_newsletter import utc
from tests.smtp_servers.recording import RecordingServer

READERS = [f"reader{number}@broken.example" for number in range(1, 21)]
FULL = ("5.2.2", "552 5.2.2 the mailbox is full")


@pytest.fixture
def office(tmp_path: Path, server: RecordingServer) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path, server)
    for address in READERS:
        office.reader(address, "circuits", "interpretability", joined="2026-04-12T12:00")
    yield office
    office.engine.dispose()


def come_back(office: PostOffice, addresses: list[str], *words: str) -> Counter[Effect]:
    return Counter(
        office.take(bounce(office.mail_to(address), *words, number=number), "2026-04-13T09:00").done
        for number, address in enumerate(addresses)
    )


def states(office: PostOffice) -> Counter[str]:
    return Counter(office.person(address).state.value for address in READERS)


@pytest.mark.parametrize(
    ("unknown", "mails", "expected"),
    [
        (0, 0, False),
        (5, 5, False),
        (6, 6, True),
        (6, 30, False),
        (7, 30, True),
        (10, 50, False),
        (11, 50, True),
    ],
)
def test_bounds(unknown: int, mails: int, expected: bool) -> None:
    assert too_many_unknown(unknown, mails) is expected


@pytest.mark.parametrize(
    ("dead", "words", "expected"),
    [
        (4, (), {Effect.SUPPRESSED: 4}),  # a fifth of the list
        (6, (), {Effect.SUPPRESSED: 6}),
        (20, (), {Effect.SUPPRESSED: MOST_UNKNOWN + 1, Effect.HELD: 20 - MOST_UNKNOWN - 1}),
        (20, FULL, {Effect.STRIKE: 20}),  # says nothing about who exists
    ],
)
def test_only_many_unknown_addresses_are_held(
    office: PostOffice, dead: int, words: tuple[str, ...], expected: dict[Effect, int]
) -> None:
    office.digest(13, READERS[0])
    assert come_back(office, READERS[:dead], *words) == expected
    suppressed = expected.get(Effect.SUPPRESSED, 0)
    assert states(office)["suppressed"] == suppressed
    with reading(office.engine) as connection:
        facts = gather(connection, state_dir=office.folder, now=utc("2026-04-13T10:00"))
    keys = [alarm.key for alarm in alarms_of(facts, AlarmPolicy())]
    assert ("held bounces" in keys) == (Effect.HELD in expected)


@pytest.mark.parametrize(("believe", "suppressed"), [(True, 19), (False, MOST_UNKNOWN + 1)])
def test_an_admin_settles_what_is_held(office: PostOffice, believe: bool, suppressed: int) -> None:
    office.digest(13, READERS[0])
    come_back(office, READERS)
    now = utc("2026-04-13T14:00")
    with writing(office.engine) as connection:
        left = office.person(READERS[-1]).id  # was there, so the address exists
        unsubscribe.unsubscribe(connection, subscriber_id=left, how="link", now=now)
        done = settle(connection, believe=believe, options=office.options_in, now=now)
        assert settle(connection, believe=believe, options=office.options_in, now=now) == {}
    assert sum(done.values()) == 20 - MOST_UNKNOWN - 1
    assert states(office)["suppressed"] == suppressed
    office.send("2026-04-14T07:00")
    assert office.audit("2026-04-14T08:00").clean
