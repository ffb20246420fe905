"""What comes back over days: strikes, returns, moved and erased readers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from newsletter.core.mail.bounce_policy import Effect
from newsletter.db.engine import reading, writing
from subscribers.lifecycle import address_change, strikes, suppression
from tests.pipeline.inbound.post_office import PostOffice, leave_recipient
from tests.pipeline.inbound.reports import bounce, complaint, letter
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY, titles_in, utc
from tests.smtp_servers.recording import AcceptedMail

FULL = ("4.2.2", "452 4.2.2 mailbox is full")
BLOCKED = ("5.7.1", "550 5.7.1 your IP address is listed at a blocklist")
Make = Callable[[AcceptedMail], bytes]


def test_a_bounce_of_before_a_return_or_of_long_ago_does_not_suppress(office: PostOffice) -> None:
    mail = office.digest(13)
    old = office.take(bounce(mail), "2026-05-20T09:00")
    assert (old.done, "30 days" in old.why) == (Effect.NOTHING, True)
    with writing(office.engine) as connection:
        suppression.suppress(
            connection,
            address=mail.recipient,
            reason="admin",
            how="admin",
            now=utc("2026-04-13T08:00"),
            key=SUPPRESSION_KEY,
        )
        suppression.unsuppress(
            connection, address=mail.recipient, how="admin", now=utc("2026-04-13T10:00"), key=SUPPRESSION_KEY
        )
    late = office.take(bounce(mail, number=2), "2026-04-13T11:00")
    assert (late.done, "taken back" in late.why) == (Effect.NOTHING, True)


def test_a_bounce_for_an_erased_reader_changes_nothing(office: PostOffice) -> None:
    mail = office.digest(13)
    person = office.person()
    with writing(office.engine) as connection:
        suppression.forget(
            connection, subscriber_id=person.id, how="admin", now=utc("2026-04-13T08:00"), key=SUPPRESSION_KEY
        )
    to = leave_recipient(mail)
    for data in (bounce(mail), bounce(mail, *FULL), complaint(mail), letter("a@b.example", to, "")):
        taken = office.take(data, "2026-04-13T09:00")
        assert (taken.done, taken.why) == (Effect.NOTHING, "the reader was erased")
    assert office.states() == [("sent", None, False)]


def test_a_bounce_from_an_earlier_address_does_not_shut_the_new_one(office: PostOffice) -> None:
    mail = office.digest(13)
    person = office.person()
    with writing(office.engine) as connection:
        asked = address_change.ask(
            connection,
            subscriber_id=person.id,
            address="ada@new.example",
            now=utc("2026-04-13T08:00"),
            suppression_key=SUPPRESSION_KEY,
        )
        assert asked is not None
        address_change.move(
            connection,
            ref=person.ref,
            to_ref=asked.ref,
            now=utc("2026-04-13T08:30"),
            suppression_key=SUPPRESSION_KEY,
        )
    taken = office.take(bounce(mail), "2026-04-13T09:00")
    assert (taken.done, "moved" in taken.why) == (Effect.RETURNED, True)
    assert office.person("ada@new.example").state == "confirmed"
    assert set(titles_in(mail.data)) <= set(titles_in(office.digest(14, "ada@new.example").data))
    assert office.audit("2026-04-14T08:00").clean


@pytest.mark.dialects
def test_three_strikes_over_four_days_suppress_wherever_they_come_from(office: PostOffice) -> None:
    assert office.take(bounce(office.digest(13), *FULL), "2026-04-13T08:00").done is Effect.STRIKE
    with writing(office.engine) as connection:  # as a server's refusal does, at SMTP time
        values = {"reason": "disabled", "note": "550 5.2.1", "now": utc("2026-04-14T07:00")}
        strikes.add(connection, office.person().id, message_key="digest 2026-04-14", **values)
    assert office.take(bounce(office.digest(15), *FULL), "2026-04-15T08:00").done is Effect.STRIKE
    taken = office.take(bounce(office.digest(17), *FULL), "2026-04-17T08:00")
    assert (taken.done, office.person().state) == (Effect.SUPPRESSED, "suppressed")
    assert office.audit("2026-04-17T09:00").clean


@pytest.mark.parametrize(("day", "left"), [("2026-04-17T06:00", 1), ("2026-04-17T08:00", 0)])
def test_72_hours_without_a_bounce_clear_strikes(office: PostOffice, day: str, left: int) -> None:
    office.take(bounce(office.digest(13), *FULL), "2026-04-13T08:00")
    office.digest(14)
    office.send(day)
    with reading(office.engine) as connection:
        counted = strikes.count(connection, office.person().id)
    assert (0 if counted is None else counted.messages) == left


@pytest.mark.parametrize(
    ("report", "state"), [(("4.4.1", "connection timed out"), "suppressed"), (BLOCKED, "confirmed")]
)
def test_five_digests_in_a_row_suppress_unless_it_is_because_of_us(
    office: PostOffice, report: tuple[str, str], state: str
) -> None:
    for day in range(13, 18):
        office.take(bounce(office.digest(day), *report), f"2026-04-{day}T09:00")
    assert office.person().state == state
    assert office.audit("2026-04-17T10:00").clean
