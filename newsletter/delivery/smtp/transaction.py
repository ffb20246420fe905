"""Makes one mail transaction: its commands, and its outcome for each way to end (RFC 5321 3.3).

It neither sends nor reads; `newsletter.delivery.smtp.session` puts transactions in order.
"""

from __future__ import annotations

from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.addresses import UnsendableAddressError, to_wire, xtext
from newsletter.delivery.smtp.handshake import ServerExtensions
from newsletter.delivery.smtp.replies import Reply


class UnsendableError(Exception):
    """This server, or any, cannot take this envelope; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


class Transaction:
    """An envelope between its MAIL and its last reply."""

    __slots__ = (
        "accepted_mail",
        "data",
        "dot_at",
        "envelope",
        "mail",
        "phase",
        "pipelined",
        "rcpt",
        "refusal",
        "relay",
    )

    def __init__(
        self, envelope: Envelope, mail: bytes, rcpt: bytes, *, pipelined: bool, relay: str = ""
    ) -> None:
        self.envelope = envelope
        self.mail = mail
        self.rcpt = rcpt
        self.pipelined = pipelined
        self.relay = relay  # its name, for the outcome
        self.phase = "mail"  # of the reply that is awaited
        self.accepted_mail = False
        self.refusal: Outcome | None = None  # the first one; later replies only follow from it
        self.dot_at: int | None = None  # bytes of the connection's output up to and with the final dot

    def answered(self, reply: Reply, phase: str) -> Outcome:
        """The outcome that `reply` in `phase` means for this envelope."""
        if reply.code >= 500:
            verdict = Verdict.REJECTED
        elif reply.code >= 400:
            verdict = Verdict.DEFERRED
        else:
            verdict = Verdict.ACCEPTED
        return Outcome(
            verdict=verdict,
            phase=phase,
            code=reply.code,
            status=reply.status,
            text=reply.text,
            delivery_id=self.envelope.delivery_id,
            relay=self.relay,
        )

    def broken_off(self, words: str, *, flushed: int) -> Outcome:
        """The outcome when the connection ends now and `flushed` bytes of its output had left.

        Deferred while the final dot had not left, uncertain from then on (docs/explanation/delivery.md,
        “Handing over”).
        """
        dotted = self.dot_at is not None and flushed >= self.dot_at
        return Outcome(
            verdict=Verdict.UNCERTAIN if dotted else Verdict.DEFERRED,
            phase="dot" if dotted else "data" if self.dot_at is not None else self.phase,
            text=words,
            delivery_id=self.envelope.delivery_id,
            relay=self.relay,
        )

    def body(self) -> tuple[bytes, bytes]:
        """(the message, dot-stuffed, and the final dot), RFC 5321 4.5.2."""
        data = self.envelope.data
        if not self.envelope.undotted and (b"\n." in data or data.startswith(b".")):
            # A dot behind a bare LF is stuffed too: some servers read it as a line end, and "\n.\n" as the
            # end of the mail (SMTP smuggling, 2023).
            data = data.replace(b"\n.", b"\n..")
            if data.startswith(b"."):
                data = b"." + data
        return data, b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"


def prepare(
    envelope: Envelope,
    offer: ServerExtensions,
    *,
    pipelined: bool,
    relay: str = "",
    return_path: str | None = None,
) -> Transaction:
    """The transaction of `envelope` on a server with `offer`. Raises UnsendableError with the outcome.

    return_path: the sender to name instead of the envelope's.
    """
    named = envelope.sender if return_path is None else return_path
    extensions = offer.extensions
    size = len(envelope.data)
    try:
        sender, sender_utf8 = to_wire(named) if named else (b"", False)
    except UnsendableAddressError as error:
        raise _unsendable(envelope, "mail", 553, "5.1.7", str(error)) from error
    try:
        recipient, recipient_utf8 = to_wire(envelope.recipient)
    except UnsendableAddressError as error:
        raise _unsendable(envelope, "rcpt", 553, "5.1.3", str(error)) from error
    mail = b"MAIL FROM:<" + sender + b">"
    rcpt = b"RCPT TO:<" + recipient + b">"
    if "SIZE" in extensions:  # RFC 1870
        if 0 < offer.size_limit < size:
            words = f"{size} bytes; the server takes {offer.size_limit}"
            raise _unsendable(envelope, "mail", 552, "5.3.4", words)
        mail += b" SIZE=%d" % size
    if sender_utf8 or recipient_utf8:
        if "SMTPUTF8" not in extensions:  # RFC 6531 3.4
            phase = "rcpt" if recipient_utf8 else "mail"
            raise _unsendable(envelope, phase, 550, "5.6.7", "the server takes no non-ASCII addresses")
        mail += b" SMTPUTF8"
    if "8BITMIME" in extensions and not envelope.undotted and not envelope.data.isascii():
        mail += b" BODY=8BITMIME"
    if "DSN" in extensions:  # RFC 3461
        mail += b" RET=HDRS"
        if envelope.envid:
            mail += b" ENVID=" + xtext(envelope.envid.encode())
        rcpt += b" NOTIFY=FAILURE,DELAY"
        if not recipient_utf8:
            rcpt += b" ORCPT=rfc822;" + xtext(recipient)
    return Transaction(envelope, mail + b"\r\n", rcpt + b"\r\n", pipelined=pipelined, relay=relay)


def _unsendable(envelope: Envelope, phase: str, code: int, status: str, words: str) -> UnsendableError:
    outcome = Outcome(
        verdict=Verdict.REJECTED,
        phase=phase,
        code=code,
        status=status,
        text=words,
        delivery_id=envelope.delivery_id,
    )
    return UnsendableError(outcome)
