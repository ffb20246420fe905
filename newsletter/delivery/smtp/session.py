"""Speaks SMTP as a client on one connection, without any network: bytes in, events and bytes out.

It opens no socket, never waits and knows no time; `newsletter.delivery.smtp.connection` does.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.core.mail.retry import Meaning, meaning_of
from newsletter.core.mail.values import Envelope, Outcome
from newsletter.delivery.smtp.handshake import Handshake
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.replies import Reply, ReplyReader, UnreadableReplyError
from newsletter.delivery.smtp.transaction import Transaction, UnsendableError, prepare

# The answers to a message, and to MAIL, RCPT and DATA of the next; all but the first are the same for us.
_USUAL = re.compile(
    rb"250 ([^\r\n]{0,999})\r\n250 [^\r\n]{0,999}\r\n250 [^\r\n]{0,999}\r\n354 [^\r\n]{0,999}\r\n"
)
OUT_OF_ORDER = frozenset({500, 502, 503})  # from servers that cannot take several commands in one write


class EnvelopeSettled(NamedTuple):
    """An envelope has its outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class EnvelopeReturned:
    """No byte of the envelope's body has left: try another connection, or count `outcome` if it may not."""

    envelope: Envelope
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PipeliningBroken:
    """The server offers PIPELINING and cannot do it."""


@dataclass(frozen=True, slots=True)
class SessionOver:
    """Nothing more is sent on this connection: close it. `backed_off`: the server asked for it (421)."""

    words: str
    backed_off: bool = False


Event = EnvelopeSettled | EnvelopeReturned | PipeliningBroken | SessionOver


class Session:
    """One connection's conversation.

    Past 200 lines, since replies, commands and endings all change the same queue of expected replies.

    pull: returns the next envelope, or None. It is called whenever an envelope can begin, also while an
    earlier one still waits for its last reply (RFC 2920 3.1: a message may lead the next group of commands).
    """

    def __init__(
        self, relay: Relay, *, hostname: str, pull: Callable[[], Envelope | None], pipelining: bool = True
    ) -> None:
        self.relay = relay
        self.handshake = Handshake(relay, hostname=hostname, encrypted=relay.security is Security.TLS)
        self.output: list[bytes] = []  # to be written in this order; the connection empties it
        self.flushed = 0  # bytes of the output that may have reached the server; the connection counts
        self.over = False
        self.done = 0  # envelopes settled here
        self.accepted = 0  # of these, taken by the server
        self._queued = 0  # bytes ever put into the output
        self._begun = 0
        self._reader = ReplyReader()
        self._expected: deque[tuple[str, Transaction | None]] = deque([("greeting", None)])
        self._pull = pull
        self._name = relay.name
        self._may_pipeline = pipelining
        self._pipelining = False
        self._needs_reset = False
        self._keeps_refused = False  # the last final dot was refused: some servers forget no recipients then
        self.trial: list[tuple[str, Reply]] = []  # of `try_addresses`: (phase, reply)
        self._trial_rcpt = b""

    @property
    def waiting(self) -> tuple[str, Transaction | None] | None:
        """(phase, transaction) of the reply that must come next; None when idle."""
        return self._expected[0] if self._expected else None

    @property
    def idle(self) -> bool:
        """Whether a message may begin and none is under way."""
        return self.handshake.ready and not self._expected and not self.over

    @property
    def wants_tls(self) -> bool:
        """Whether the connection must be encrypted before anything else."""
        return self.handshake.wants_tls

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the server. Raises RelayError while no mail was named."""
        events: list[Event] = []
        if len(self._expected) == 4 and self._take_usual(data, events):
            return events
        self._reader.feed(data)
        try:
            while not self.over and (reply := self._reader.next()) is not None:
                self._take(reply, events)
                if not self.handshake.ready and self.wants_tls:
                    if self._reader.leftover:  # CVE-2011-0411: plaintext injected before TLS
                        raise RelayError(self.relay, Fault.INJECTED, "sent plaintext after STARTTLS")
                    break
        except UnreadableReplyError as error:
            self._break(self.handshake.without_secrets(str(error)), Fault.GARBAGE, events)
        if not self.over and not self._expected:
            self._fill(events)
        return events

    def wake(self) -> list[Event]:
        """Begin an envelope when idle and there is one."""
        events: list[Event] = []
        if self.idle:
            self._fill(events)
        return events

    def secured(self) -> None:
        """TLS is established: send EHLO again."""
        self._reader = ReplyReader()
        self._send(self.handshake.secured())
        self._expected.append((self.handshake.phase, None))

    def try_addresses(self, envelope: Envelope) -> None:
        """Name the sender and the recipient of an envelope, then reset: nothing is sent. Only when idle.

        `trial` gets the replies. Raises UnsendableError.
        """
        self._trial_rcpt = self._prepare(envelope).rcpt
        self._send(self._prepare(envelope).mail)
        self._expected.append(("mail", None))

    def _take_trial_reply(self, phase: str, reply: Reply) -> None:
        self.trial.append((phase, reply))
        if phase == "mail" and reply.code < 400:
            self._send(self._trial_rcpt)
            self._expected.append(("rcpt", None))
        else:
            self._send(b"RSET\r\n")
            self._expected.append(("rset", None))

    def quit(self) -> None:
        """Say goodbye; only when idle."""
        self._send(b"QUIT\r\n")
        self._expected.append(("quit", None))

    def lost(self, words: str, fault: Fault = Fault.LOST) -> list[Event]:
        """The connection is gone or too slow: settle the open envelopes.

        Raises RelayError while no mail was named.
        """
        events: list[Event] = []
        if not self.over:
            self._break(words, fault, events)
        return events

    # what replies mean

    def _take(self, reply: Reply, events: list[Event]) -> None:
        if not self._expected:
            words = f"unasked: {reply.code} {self._without_secrets(reply).text}"
            self._close(words, events, backed_off=reply.code == 421)
            return
        phase, transaction = self._expected.popleft()
        if phase == "dot" or reply.code >= 400:  # only these are stored or shown
            reply = self._without_secrets(reply)
        if transaction is None:
            if phase == "quit":
                self._close("goodbye", events)
            elif phase == "rset":
                if reply.code != 250:
                    self._break(f"RSET: {reply.code} {reply.text}", Fault.LOST, events)
            elif phase in ("mail", "rcpt"):
                self._take_trial_reply(phase, reply)
            else:
                self._shake(reply)
        elif phase == "dot":
            self._take_dot_reply(transaction, reply, events)
        else:
            self._take_command_reply(phase, transaction, reply, events)

    def _take_usual(self, data: bytes, events: list[Event]) -> bool:
        """Take an accepted message and the accepted commands of the next in one step; False: not these."""
        (phase, transaction), (_, following), *_ = self._expected
        found = None if phase != "dot" or self._reader.leftover else _USUAL.fullmatch(data)
        if found is None or transaction is None or transaction.refusal or following is None:
            return False
        self._expected.clear()
        self._take_dot_reply(transaction, self._without_secrets(Reply(250, (found[1],))), events)
        following.accepted_mail = True
        self._write_body(following, events)
        return True

    def _without_secrets(self, reply: Reply) -> Reply:
        if not self.handshake.has_secrets:
            return reply
        lines = (line.decode("utf-8", "surrogateescape") for line in reply.lines)
        cut = (self.handshake.without_secrets(line).encode("utf-8", "surrogateescape") for line in lines)
        return Reply(reply.code, tuple(cut))

    def _shake(self, reply: Reply) -> None:
        command = self.handshake.answer(reply)
        if command:
            self._send(command)
            self._expected.append((self.handshake.phase, None))
        elif self.handshake.ready:
            # RFC 2920 3: only what the last EHLO offered counts.
            self._pipelining = self._may_pipeline and "PIPELINING" in self.handshake.offer.extensions

    def _take_command_reply(
        self, phase: str, transaction: Transaction, reply: Reply, events: list[Event]
    ) -> None:
        code = reply.code
        good = code == 354 if phase == "data" else 200 <= code < 300
        if not good and code < 400:
            self._expected.appendleft((phase, transaction))
            self._break(f"{code} as the answer to {phase.upper()}", Fault.GARBAGE, events)
            return
        if phase == "mail" and good:
            transaction.accepted_mail = True
        if not good and transaction.refusal is None:
            transaction.refusal = transaction.answered(reply, phase)
            if self._should_move(transaction, reply, events):
                return
        if code == 421:
            self._expected.appendleft((phase, transaction))
            self._close(f"421 {reply.text}", events, backed_off=True)
        elif phase == "data" and good:
            self._write_body(transaction, events)
        elif phase == "data" or (transaction.refusal is not None and not transaction.pipelined):
            assert transaction.refusal is not None
            self._needs_reset = self._needs_reset or transaction.accepted_mail
            self._settle(transaction.refusal, events)
        elif not transaction.pipelined:
            self._command("rcpt" if phase == "mail" else "data", transaction)
        else:
            transaction.phase = "rcpt" if phase == "mail" else "data"

    def _should_move(self, transaction: Transaction, reply: Reply, events: list[Event]) -> bool:
        """Whether another connection may take the refused envelope; if so, this connection ends."""
        assert transaction.refusal is not None
        if transaction.pipelined and not self.done and reply.code in OUT_OF_ORDER:
            events.append(PipeliningBroken())
        elif self._keeps_refused and transaction.refusal.phase == "mail" and reply.code in OUT_OF_ORDER:
            # Postfix keeps sender and recipient of a message that its smtpd_end_of_data_restrictions refused:
            # this MAIL is nested, and the RCPT and DATA behind it would send the reader an empty message.
            pass
        elif not self.done or meaning_of(transaction.refusal) not in (Meaning.BACK_OFF, Meaning.NEXT):
            return False
        outcome, transaction.refusal = transaction.refusal, None
        events.append(EnvelopeReturned(transaction.envelope, outcome))
        self._forget(transaction)
        self._close(f"{reply.code} {reply.text}", events)
        return True

    def _take_dot_reply(self, transaction: Transaction, reply: Reply, events: list[Event]) -> None:
        if 300 <= reply.code < 400:
            self._expected.appendleft(("dot", transaction))
            self._break(f"{reply.code} as the answer to the final dot", Fault.GARBAGE, events)
            return
        # After a refusal this answers the lone dot, and means nothing.
        self.accepted += transaction.refusal is None and reply.code < 400
        self._keeps_refused = reply.code >= 400
        self._needs_reset = self._needs_reset or self._keeps_refused
        self._settle(transaction.refusal or transaction.answered(reply, "dot"), events)
        if reply.code == 421:
            self._close(f"421 {reply.text}", events, backed_off=True)

    # what is sent

    def _send(self, command: bytes) -> None:
        self.output.append(command)
        self._queued += len(command)

    def _command(self, phase: str, transaction: Transaction) -> None:
        transaction.phase = phase
        self._send(
            transaction.mail if phase == "mail" else transaction.rcpt if phase == "rcpt" else b"DATA\r\n"
        )
        self._expected.append((phase, transaction))

    def _fill(self, events: list[Event]) -> None:
        if not self.handshake.ready:
            return
        if self._begun >= self.relay.messages_per_connection:
            self.quit()
            return
        transaction = self._next(events)
        if transaction is not None:
            self._begin(transaction)

    def _next(self, events: list[Event]) -> Transaction | None:
        while (envelope := self._pull()) is not None:
            try:
                transaction = self._prepare(envelope)
            except UnsendableError as error:
                events.append(EnvelopeSettled(error.outcome))
                continue
            self._begun += 1
            return transaction
        return None

    def _prepare(self, envelope: Envelope) -> Transaction:
        return prepare(
            envelope,
            self.handshake.offer,
            pipelined=self._pipelining,
            relay=self._name,
            return_path=self.relay.sender_of(envelope),
        )

    def _begin(self, transaction: Transaction) -> None:
        if self._needs_reset:
            self._needs_reset = self._keeps_refused = False
            self._send(b"RSET\r\n")
            self._expected.append(("rset", None))
        if transaction.pipelined:
            self._send(transaction.mail + transaction.rcpt + b"DATA\r\n")
            self._expected.extend((("mail", transaction), ("rcpt", transaction), ("data", transaction)))
        else:
            self._command("mail", transaction)

    def _write_body(self, transaction: Transaction, events: list[Event]) -> None:
        self._expected.append(("dot", transaction))
        if transaction.refusal is not None:
            # RFC 2920 3.1: DATA was accepted though no recipient was; a lone dot ends it.
            self._send(b".\r\n")
            return
        data, end = transaction.body()
        transaction.phase = "dot"
        self.output.append(data)
        self._queued += len(data)
        transaction.dot_at = self._queued + len(end)
        if transaction.pipelined and self._begun < self.relay.messages_per_connection:
            following = self._next(events)
            if following is not None:
                self._send(end + following.mail + following.rcpt + b"DATA\r\n")
                self._expected.extend((("mail", following), ("rcpt", following), ("data", following)))
                return
        self._send(end)

    # how it ends

    def _settle(self, outcome: Outcome, events: list[Event]) -> None:
        self.done += 1
        events.append(EnvelopeSettled(outcome))

    def _forget(self, transaction: Transaction) -> None:
        self._expected = deque(entry for entry in self._expected if entry[1] is not transaction)

    def _break(self, words: str, fault: Fault, events: list[Event]) -> None:
        """The conversation fails: the relay's fault before any mail, else each envelope's outcome."""
        if not self.handshake.ready:
            self.over = True
            raise RelayError(self.relay, fault, words)
        self._close(words, events)

    def _close(self, words: str, events: list[Event], *, backed_off: bool = False) -> None:
        transactions = {
            id(transaction): transaction for _, transaction in self._expected if transaction is not None
        }
        first = not self.done
        for transaction in transactions.values():
            if transaction.refusal is not None:
                events.append(EnvelopeSettled(transaction.refusal))
            elif transaction.dot_at is not None or (
                first and (transaction.phase == "mail" or not transaction.pipelined)
            ):
                events.append(EnvelopeSettled(transaction.broken_off(words, flushed=self.flushed)))
            else:
                # A kept connection that ends between two messages is an ordinary thing; a first one that
                # ends within a pipelined group may have choked on the group.
                if first:
                    events.append(PipeliningBroken())
                events.append(
                    EnvelopeReturned(
                        transaction.envelope, transaction.broken_off(words, flushed=self.flushed)
                    )
                )
            first = False
        self._expected.clear()
        self.over = True
        events.append(SessionOver(words, backed_off=backed_off))
