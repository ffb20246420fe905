"""What comes back changes what it should, and nothing else. Real digests, a real server, both databases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from newsletter.core.errors import StorageError
from newsletter.core.mail.bounce_policy import Effect
from newsletter.core.mail.inbound import InboundClass
from newsletter.db.engine import reading, writing
from newsletter.delivery.message.verp import signed_ids
from newsletter.delivery.outbox import inbound_records
from newsletter.pipeline.readers import account
from subscribers.lifecycle import signup, strikes, suppression
from subscribers.preferences import Preferences
from tests.inbound.hostile_messages import HOSTILE
from tests.pipeline.inbound.post_office import INBOUND, PostOffice, leave_recipient
from tests.pipeline.inbound.reports import bounce, complaint, header_of, letter
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY, titles_in, utc
from tests.smtp_servers.recording import AcceptedMail

FULL = ("4.2.2", "452 4.2.2 mailbox is full")
BLOCKED = ("5.7.1", "550 5.7.1 your IP address is listed at a blocklist")
Make = Callable[[AcceptedMail], bytes]


@pytest.mark.dialects
def test_mail_that_comes_back_hard_suppresses_and_ends_its_papers(office: PostOffice) -> None:
    mail = office.digest(13)
    data = bounce(mail)
    taken = office.take(data, "2026-04-13T09:00", recipient=mail.sender)
    assert (taken.kind, taken.done, taken.repeated) == (InboundClass.BOUNCE, Effect.SUPPRESSED, False)
    assert office.person().state == "suppressed"
    assert office.states() == [("failed", None, True)]
    again = office.take(data, "2026-04-14T09:00", recipient=mail.sender)
    assert (again.id, again.done, again.repeated) == (taken.id, Effect.SUPPRESSED, True)
    assert office.log() == [("return path", "suppressed")]
    found = office.audit("2026-04-15T08:00")
    assert found.clean
    assert found.ended["refused"] > 0


@pytest.mark.dialects
def test_mail_that_comes_back_softly_brings_its_papers_once_more(office: PostOffice) -> None:
    mail = office.digest(13)
    first = titles_in(mail.data)
    assert office.take(bounce(mail, *FULL), "2026-04-13T09:00").done is Effect.STRIKE
    assert office.states() == [("failed", "came back: 4.2.2 full", True)]
    assert office.audit("2026-04-13T10:00").clean
    second = office.digest(14)
    assert set(first) <= set(titles_in(second.data))
    assert office.audit("2026-04-14T08:00").clean
    assert office.take(bounce(second, *FULL), "2026-04-14T09:00").done is Effect.STRIKE
    third = office.digest(15)
    assert not set(first) & set(titles_in(third.data))  # once
    assert set(titles_in(second.data)) - set(first) <= set(titles_in(third.data))
    assert office.audit("2026-04-15T08:00").clean


@pytest.mark.parametrize(
    ("report", "kind", "ended"), [(("5.1.1", "550 5.1.1 gone"), "recap", "refused"), (FULL, "returned", None)]
)
def test_an_uncertain_mail_that_comes_back_leaves_full_debts(
    office: PostOffice, report: tuple[str, str], kind: str, ended: str | None
) -> None:
    mail = office.digest(13)
    office.make_uncertain()
    assert office.debts() == [("recap", None)]
    office.take(bounce(mail, *report), "2026-04-13T09:00")
    assert office.debts() == [(kind, ended)]
    if ended is None:
        second = office.digest(14)
        assert set(titles_in(mail.data)) <= set(titles_in(second.data))
        assert b"in case you missed" not in second.data.lower()
    found = office.audit("2026-04-14T08:00")
    assert (found.clean, found.uncertain) == (True, 0)


@pytest.mark.parametrize(
    ("make", "effect", "state"),
    [
        (lambda m: bounce(m, "5.1.6", "550 5.1.6 mailbox has moved"), Effect.SUPPRESSED, "suppressed"),
        (lambda m: bounce(m, "5.1.10", "556 5.1.10 null MX"), Effect.SUPPRESSED, "suppressed"),
        (lambda m: bounce(m, to=INBOUND, envid=signed_ids(m.sender)[0]), Effect.SUPPRESSED, "suppressed"),
        (lambda m: bounce(m, *FULL), Effect.STRIKE, "confirmed"),
        (lambda m: bounce(m, "5.2.1", "550 5.2.1 mailbox disabled"), Effect.STRIKE, "confirmed"),
        (lambda m: bounce(m, *BLOCKED), Effect.RETURNED, "confirmed"),
        (lambda m: bounce(m, "4.4.1", "connection timed out"), Effect.RETURNED, "confirmed"),
        (lambda m: bounce(m, "5.3.4", "552 5.3.4 message too big"), Effect.RETURNED, "confirmed"),
        (lambda m: bounce(m, failed="ada@elsewhere.example"), Effect.STRIKE, "confirmed"),  # forwarded
        (complaint, Effect.SUPPRESSED, "suppressed"),
        (lambda m: complaint(m, "fraud"), Effect.SUPPRESSED, "suppressed"),
        (lambda m: complaint(m, "opt-out"), Effect.LEFT, "unsubscribed"),
        (lambda m: complaint(m, signed=False), Effect.SUPPRESSED, "suppressed"),  # by the unsubscribe link
        (
            lambda m: complaint(m, signed=False, header=_only(m, b"message-id:")),
            Effect.SUPPRESSED,
            "suppressed",
        ),
        (lambda m: complaint(m, "not-spam"), Effect.LOOK, "confirmed"),
        (lambda m: complaint(m, "auth-failure"), Effect.LOOK, "confirmed"),
        (
            lambda m: letter(
                "ada@example.org", m.sender, "Out of office", "Back soon", "Auto-Submitted: auto-replied"
            ),
            Effect.NOTHING,
            "confirmed",
        ),
        (lambda m: bounce(m).replace(b"Action: failed", b"Action: delayed"), Effect.NOTHING, "confirmed"),
        (lambda m: letter("ada@example.org", leave_recipient(m), "unsubscribe"), Effect.LEFT, "unsubscribed"),
        (lambda m: letter("other@home.example", leave_recipient(m), "", "bye"), Effect.LEFT, "unsubscribed"),
        (
            lambda m: letter("Ada <ada@example.org>", INBOUND, "Re: papers", "unsubscribe", _reply_to(m)),
            Effect.LEFT,
            "unsubscribed",
        ),
        (
            lambda m: letter("ada@example.org", INBOUND, "unsubscribe", "", "Return-Path: <ada@example.org>"),
            Effect.LEFT,
            "unsubscribed",
        ),
    ],
)
def test_what_follows(office: PostOffice, make: Make, effect: Effect, state: str) -> None:
    data = make(office.digest(13))
    taken = office.take(data, "2026-04-13T09:00")
    assert (taken.done, str(office.person().state)) == (effect, state), taken.why
    assert office.audit("2026-04-13T10:00").clean


def _only(mail: AcceptedMail, name: bytes) -> bytes:
    return b"\r\n".join(line for line in header_of(mail).split(b"\r\n") if line.lower().startswith(name))


def _reply_to(mail: AcceptedMail) -> str:
    return _only(mail, b"message-id:").decode().replace("Message-ID", "In-Reply-To")


def _forged(mail: AcceptedMail) -> AcceptedMail:
    """The same message with another signature in its return path, and without its own links."""
    local, _, domain = mail.sender.rpartition("@")
    flipped = "0" if local[-1] != "0" else "1"
    data = b"From: x\r\n" + _only(mail, b"subject:")
    return replace(mail, sender=f"{local[:-1]}{flipped}@{domain}", data=data)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda m: bounce(_forged(m)), "signature of the return path is wrong"),
        (lambda m: bounce(m, envid=signed_ids(_forged(m).sender)[0]), "signature of the envid is wrong"),
        (lambda m: bounce(m, to=INBOUND, return_path=""), "only a header names"),
        (
            lambda m: bounce(replace(m, data=_only(m, b"message-id:")), to=INBOUND, return_path=""),
            "only a message id names",
        ),
        (
            lambda m: bounce(replace(m, data=b"X-A: b"), to=INBOUND, return_path="", said=m.sender),
            "it names no reader",  # a signed id in the text
        ),
        (lambda m: complaint(_forged(m)), "signature of the return path is wrong"),
        (
            lambda m: complaint(m, signed=False, header=b"To: ada@example.org"),
            "it names no reader",
        ),
        (lambda m: letter("ada@example.org", INBOUND, "unsubscribe"), "may be forged"),
        (
            lambda m: letter(
                "ada@example.org", INBOUND, "unsubscribe", "", "Return-Path: <eve@evil.example>"
            ),
            "may be forged",
        ),
        (lambda m: letter("ada@example.org", leave_recipient(_forged(m)), "unsubscribe"), "signature"),
        (lambda m: letter("eve@evil.example", INBOUND, "unsubscribe"), "it names no reader"),
        (lambda m: b"", ""),
        (lambda m: b"\x00\xff" * 1000, ""),
    ],
)
def test_what_proves_nothing_changes_nothing(office: PostOffice, make: Make, why: str) -> None:
    data = make(office.digest(13))
    before = office.person()
    taken = office.take(data, "2026-04-13T09:00")
    assert taken.done is Effect.LOOK
    assert why in taken.why
    assert office.person() == before
    assert (office.states(), office.debts()) == ([("sent", None, False)], [])
    with reading(office.engine) as connection:
        assert strikes.count(connection, before.id) is None


def test_ids_of_two_readers_in_one_report_change_neither(office: PostOffice) -> None:
    office.reader("bob@example.org", "circuits", "interpretability", joined="2026-04-12T12:00")
    mine = office.digest(13)
    other = office.mail_to("bob@example.org")
    for data, recipient in (
        (bounce(mine, envid=signed_ids(other.sender)[0]), ""),
        (bounce(mine, return_path=other.sender, number=2), mine.sender),
        (bounce(other, number=3), mine.sender),
    ):
        taken = office.take(data, "2026-04-13T09:00", recipient=recipient)
        assert (taken.done, taken.why) == (Effect.LOOK, "it names several messages")
    assert {office.person("bob@example.org").state, office.person().state} == {"confirmed"}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=repr)
def test_a_message_is_the_same_whatever_its_line_ends(office: PostOffice, end: bytes) -> None:
    data = bounce(office.digest(13)).replace(b"\r\n", b"\n")
    first = office.take(data, "2026-04-13T09:00")
    for again in (data.replace(b"\n", end), data.replace(b"\n", end).strip() + end + end):
        taken = office.take(again, "2026-04-14T09:00")
        assert (taken.id, taken.repeated) == (first.id, True)
    assert len(office.log()) == 1


def test_a_bounce_with_other_bytes_acts_once_for_each_message(office: PostOffice) -> None:
    mail = office.digest(13)
    assert office.take(bounce(mail), "2026-04-13T09:00").done is Effect.SUPPRESSED
    with writing(office.engine) as connection:
        suppression.unsuppress(
            connection, address=mail.recipient, how="admin", now=utc("2026-04-13T10:00"), key=SUPPRESSION_KEY
        )
    again = office.take(bounce(mail, number=2), "2026-04-13T11:00")
    assert (again.done, again.why) == (Effect.NOTHING, "this message came back before")
    assert office.person().state == "confirmed"


def test_a_complaint_about_the_same_message_acts_once(office: PostOffice) -> None:
    mail = office.digest(13)
    assert office.take(complaint(mail), "2026-04-13T09:00").done is Effect.SUPPRESSED
    with writing(office.engine) as connection:
        suppression.unsuppress(
            connection, address=mail.recipient, how="admin", now=utc("2026-04-13T10:00"), key=SUPPRESSION_KEY
        )
    assert office.take(complaint(mail) + b"x\r\n", "2026-04-13T11:00").done is Effect.NOTHING
    assert office.person().state == "confirmed"


def test_a_message_that_is_being_sent_makes_its_bounce_wait(office: PostOffice) -> None:
    from sqlalchemy import update

    from newsletter.db.schema import deliveries

    mail = office.digest(13)
    with writing(office.engine) as connection:
        connection.execute(update(deliveries).values(state="handing over"))
    with pytest.raises(StorageError, match="being handed over"):
        office.take(bounce(mail), "2026-04-13T09:00")
    with writing(office.engine) as connection:
        connection.execute(update(deliveries).values(state="sent"))
    assert office.take(bounce(mail), "2026-04-13T09:00").done is Effect.SUPPRESSED


def test_an_envelope_that_comes_later_settles_what_lay_for_a_look(office: PostOffice) -> None:
    mail = office.digest(13)
    data = bounce(mail, to=INBOUND, return_path="")
    assert office.take(data, "2026-04-13T09:00").done is Effect.LOOK
    assert office.take(data, "2026-04-13T09:01").repeated
    assert office.take(data, "2026-04-13T09:02", recipient=mail.sender).done is Effect.SUPPRESSED
    assert len(office.log()) == 1


@pytest.mark.dialects
def test_a_reader_may_see_what_came_back(office: PostOffice) -> None:
    mail = office.digest(13)
    office.take(bounce(mail, *FULL), "2026-04-13T09:00")
    office.take(bounce(_forged(mail)), "2026-04-13T10:00")  # proves nothing: it is nobody's
    exported = account.export(office.engine, subscriber_id=office.person().id)
    (one,) = exported["came_back"]
    assert (one["class"], one["reason"], one["done"], one["by"]) == ("bounce", "full", "strike", "file")
    assert "Final-Recipient: rfc822; ada@example.org" in one["message"]
    json.dumps(exported)


@pytest.mark.dialects
def test_the_log_keeps_no_address(office: PostOffice) -> None:
    from sqlalchemy import select

    from newsletter.db.schema import inbound_messages, inbound_recipients

    mail = office.digest(13)
    office.take(
        bounce(mail, "5.1.1", "550 5.1.1 <ada@example.org>: mailbox ada@example.org unknown"),
        "2026-04-13T09:00",
        recipient="ada@example.org",
    )
    with reading(office.engine) as connection:
        columns = [column for column in inbound_messages.columns if column.name != "body"]
        rows = [*connection.execute(select(*columns)), *connection.execute(select(inbound_recipients))]
    assert "ada@" not in repr(rows)
    assert hashlib.sha256(b"").hexdigest() not in repr(rows)


def test_a_request_to_leave_queues_the_goodbye_only_once(office: PostOffice) -> None:
    mail = office.digest(13)
    assert (
        office.take(letter("a@b.example", leave_recipient(mail), "unsubscribe"), "2026-04-13T09:00").done
        is Effect.LEFT
    )
    again = office.take(letter("a@b.example", leave_recipient(mail), "Unsubscribe"), "2026-04-13T09:01")
    assert (again.done, again.why) == (Effect.NOTHING, "the reader had left before")


def test_a_pending_person_whose_confirmation_comes_back_is_suppressed_by_nobody_else(
    office: PostOffice,
) -> None:
    with writing(office.engine) as connection:
        signup.add(
            connection,
            address="eve@example.org",
            topics_wanted=["circuits"],
            known_topics=list(office.topics),
            given={},
            confirmed=False,
            how="web",
            now=utc("2026-04-13T06:00"),
            suppression_key=SUPPRESSION_KEY,
            defaults=Preferences(),
            default_topics=(),
        )
    mail = office.digest(13)
    office.take(bounce(mail, failed="eve@example.org"), "2026-04-13T09:00")
    assert office.person("eve@example.org").state == "pending"


@pytest.mark.dialects
def test_no_message_stops_the_door(office: PostOffice) -> None:
    mail = office.digest(13)
    hostile = [make(50_000) for make in HOSTILE.values()]
    hostile += [bounce(mail)[:length] for length in range(0, 1200, 97)]
    hostile += [
        bounce(
            mail,
            "5.1.1",
            "550 \x00\ud83d \u202e\x1b[31m gone".encode("utf-8", "surrogatepass").decode("latin-1"),
        ),
        complaint(mail, "ab\x00use"),
        bounce(mail).replace(b"Status: 5.1.1", b"Status: \x00\xff5.1.1"),
        bounce(mail, failed="\x00@\xff"),
    ]
    for number, data in enumerate(hostile):
        assert office.take(data, "2026-04-13T09:00", recipient="x\x00@y").id == number + 1
    with reading(office.engine) as connection:
        assert len(inbound_records.listed(connection, limit=1000)) == len(hostile)
        since, until = utc("2026-04-13T00:00"), utc("2026-04-14T00:00")
        for column in ("reason", "domain"):
            inbound_records.bounces_by(connection, column, since=since, until=until)
        assert sum(inbound_records.by_class(connection, since=since, until=until).values()) == len(hostile)
        inbound_records.complaint_share(connection, now=until)


def test_one_recipient_of_a_report_is_ours(office: PostOffice) -> None:
    group = b"Final-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    mail = office.digest(13)
    data = bounce(mail).replace(
        b"Final-Recipient", group % b"other@elsewhere.example" + b"Final-Recipient", 1
    )
    assert office.take(data, "2026-04-13T09:00").done is Effect.SUPPRESSED
    assert office.log() == [("", "nothing"), ("return path", "suppressed")]
