"""The client's conversation without any network: bytes in, events and bytes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.session import (
    EnvelopeReturned,
    EnvelopeSettled,
    Event,
    PipeliningBroken,
    Session,
    SessionOver,
)

BODY = b"Subject: x\r\n\r\nHello.\r\n"
EHLO = b"250-mx\r\n250 PIPELINING\r\n"
GROUP = b"MAIL FROM:<b@news.example>\r\nRCPT TO:<r%d@mail.example>\r\nDATA\r\n"
GO = b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n"


def envelope(number: int) -> Envelope:
    return Envelope(
        sender="b@news.example", recipient=f"r{number}@mail.example", data=BODY, delivery_id=number
    )


class Talk:
    """A session with some messages to send; everything written counts as having left."""

    def __init__(self, mails: int, *, ehlo: bytes = EHLO) -> None:
        self.queue: Iterator[Envelope] = iter([envelope(n) for n in range(1, mails + 1)])
        self.session = Session(
            Relay(host="localhost", security=Security.NONE),
            hostname="me",
            pull=lambda: next(self.queue, None),
        )
        self.hear(b"220 mx\r\n")
        self.said()
        self.hear(ehlo)

    def hear(self, data: bytes) -> list[Event]:
        return self.session.receive(data)

    def said(self, *, all_left: bool = True) -> bytes:
        written = b"".join(self.session.output)
        self.session.output.clear()
        if all_left:
            self.session.flushed += len(written)
        return written


def settled(
    number: int, code: int = 250, status: str = "2.0.0", text: str = "ok", phase: str = "dot"
) -> EnvelopeSettled:
    verdict = Verdict.ACCEPTED if code < 400 else Verdict.DEFERRED if code < 500 else Verdict.REJECTED
    return EnvelopeSettled(
        Outcome(verdict=verdict, phase=phase, code=code, status=status, text=text, delivery_id=number)
    )


def lost(number: int, verdict: Verdict, phase: str, text: str = "gone") -> Outcome:
    return Outcome(verdict=verdict, phase=phase, text=text, delivery_id=number)


def test_session_writes_an_envelope_in_one_go_and_the_next_behind_the_dot() -> None:
    talk = Talk(3)
    assert talk.said() == GROUP % 1
    assert talk.hear(GO) == []
    assert talk.said() == BODY + b".\r\n" + GROUP % 2
    assert talk.hear(b"250 2.0.0 ok\r\n" + GO) == [settled(1)]
    assert talk.said() == BODY + b".\r\n" + GROUP % 3
    assert talk.hear(b"250 2.0.0 ok\r\n" + GO + b"250 2.0.0 ok\r\n") == [settled(2), settled(3)]
    assert talk.said() == BODY + b".\r\n"
    assert talk.session.idle


def test_session_waits_for_each_reply_where_pipelining_is_not_offered() -> None:
    talk = Talk(2, ehlo=b"250 mx\r\n")
    conversation = [
        (b"MAIL FROM:<b@news.example>\r\n", b"250 ok\r\n"),
        (b"RCPT TO:<r1@mail.example>\r\n", b"250 ok\r\n"),
        (b"DATA\r\n", b"354 go\r\n"),
        (BODY + b".\r\n", b"550 5.7.1 no\r\n"),
        (b"RSET\r\nMAIL FROM:<b@news.example>\r\n", b"250 ok\r\n250 ok\r\n"),
        (b"RCPT TO:<r2@mail.example>\r\n", b"550 5.1.1 who\r\n"),
    ]
    events: list[Event] = []
    for expected, reply in conversation:
        assert talk.said() == expected
        events += talk.hear(reply)
    assert events == [
        settled(1, 550, "5.7.1", "no"),
        settled(2, 550, "5.1.1", "who", "rcpt"),
    ]


def test_session_body_waits_for_354_also_when_only_the_dot_was_answered() -> None:
    talk = Talk(2)
    talk.hear(GO)
    talk.said()
    assert talk.hear(b"250 2.0.0 ok\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n") == [settled(1)]
    assert talk.said() == b""


def test_session_that_ends_before_the_dot_has_left_defers() -> None:
    talk = Talk(1)
    talk.said()
    talk.hear(GO)
    written = talk.said(all_left=False)
    talk.session.flushed += len(written) - 1  # all but the last byte of the final dot
    assert talk.session.lost("gone") == [
        EnvelopeSettled(lost(1, Verdict.DEFERRED, "data")),
        SessionOver("gone"),
    ]


def test_session_that_ends_once_the_dot_has_left_is_uncertain_and_hands_the_next_back() -> None:
    talk = Talk(2)
    talk.said()
    talk.hear(GO)
    talk.said()
    assert talk.session.lost("gone") == [
        EnvelopeSettled(lost(1, Verdict.UNCERTAIN, "dot")),
        EnvelopeReturned(envelope(2), lost(2, Verdict.DEFERRED, "mail")),
        SessionOver("gone"),
    ]
    assert talk.session.lost("again") == []


def test_session_that_ends_within_its_first_group_suspects_pipelining() -> None:
    talk = Talk(1)
    talk.said()
    talk.hear(b"250 2.1.0 ok\r\n")
    assert talk.session.lost("gone") == [
        PipeliningBroken(),
        EnvelopeReturned(envelope(1), lost(1, Verdict.DEFERRED, "rcpt")),
        SessionOver("gone"),
    ]


def test_session_that_gets_421_on_a_kept_connection_hands_the_mail_back() -> None:
    talk = Talk(2)
    talk.hear(GO)
    talk.said()
    events = talk.hear(b"250 2.0.0 ok\r\n421 4.7.0 enough\r\n")
    refused = Outcome(
        verdict=Verdict.DEFERRED, phase="mail", code=421, status="4.7.0", text="enough", delivery_id=2
    )
    assert events == [settled(1), EnvelopeReturned(envelope(2), refused), SessionOver("421 enough")]


def test_session_that_was_never_ready_is_the_relays_fault() -> None:
    session = Session(
        Relay(host="localhost", security=Security.NONE), hostname="me", pull=lambda: envelope(1)
    )
    with pytest.raises(RelayError) as caught:
        session.lost("gone")
    assert caught.value.fault is Fault.LOST


def test_session_falls_back_to_helo_for_an_old_server() -> None:
    talk = Talk(1, ehlo=b"502 what\r\n")
    assert talk.said() == b"HELO me\r\n"
    talk.hear(b"250 mx\r\n")
    assert talk.said() == b"MAIL FROM:<b@news.example>\r\n"


def test_session_goes_to_rest_when_there_is_nothing_and_wakes() -> None:
    talk = Talk(0)
    assert talk.session.idle
    assert talk.session.wake() == []
    talk.queue = iter([envelope(7)])
    assert talk.session.wake() == []
    assert talk.said() == GROUP % 7
    assert not talk.session.idle


ANSWERS = st.sampled_from(
    [
        b"250 2.0.0 ok\r\n",
        b"250-a\r\n250 b\r\n",
        b"354 go on\r\n",
        b"550 5.1.1 no\r\n",
        b"450 4.2.1 later\r\n",
        b"421 4.3.2 stop\r\n",
        b"503 5.5.1 order\r\n",
        b"221 bye\r\n",
        b"garbage\r\n",
        b"\xff\x00",
        b"2",
    ]
)


@given(st.lists(ANSWERS, max_size=30), st.integers(0, 3), st.booleans())
def test_session_gives_each_mail_one_fate_whatever_it_hears(
    answers: list[bytes], mails: int, all_left: bool
) -> None:
    talk = Talk(mails)
    begun: list[int] = []
    queue = talk.queue

    def pull() -> Iterator[Envelope]:
        for mail in queue:
            begun.append(mail.delivery_id or 0)
            yield mail

    begun += [1] if mails else []
    talk.queue = pull()
    events: list[Event] = []
    for answer in answers:
        talk.said(all_left=all_left)
        if talk.session.over:
            break
        events += talk.hear(answer)
    events += talk.session.lost("gone")
    fates = [
        event.outcome.delivery_id for event in events if isinstance(event, EnvelopeSettled | EnvelopeReturned)
    ]
    assert sorted(fates) == sorted(begun)
    for event in events:
        if isinstance(event, EnvelopeReturned):
            assert event.outcome.verdict is not Verdict.UNCERTAIN
        if isinstance(event, EnvelopeSettled) and event.outcome.verdict is Verdict.UNCERTAIN:
            assert all_left


@pytest.mark.parametrize(
    "answer",
    [
        b"250 2.0.0 ok\r\n" + GO,
        b"250 queued as 4XyZ\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        b"250-2.0.0 ok\r\n250 2.0.0 more\r\n" + GO,
        b"250 2.0.0 ok\r\n250 2.1.0 ok\r\n550 5.1.1 nobody\r\n354 go on\r\n",
        b"451 4.3.0 later\r\n" + GO,
        b"250 \xff\r\n" + GO,
    ],
)
def test_answers_in_one_piece_mean_the_same_as_byte_by_byte(answer: bytes) -> None:
    def heard(pieces: list[bytes]) -> tuple[list[Event], bytes, object]:
        talk = Talk(3)
        talk.hear(GO)
        talk.said()
        events = [event for piece in pieces for event in talk.hear(piece)]
        waiting = talk.session.waiting
        return events, talk.said(), waiting and waiting[0]

    assert heard([answer]) == heard([answer[at : at + 1] for at in range(len(answer))])
