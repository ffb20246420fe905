"""Builds messages: shared headers once for each content, then a join for each recipient. Sends nothing.

The same recipient, kind and key give the same bytes: a retry is byte-equal, and a preview equals the message
that is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from itertools import groupby

from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.core.mail.quoted_printable import SLOTS, encode_both, encode_value
from newsletter.core.mail.signing_keys import key_of
from newsletter.core.mail.values import SLOT, Content, Envelope, Recipient
from newsletter.delivery.addresses import UnsendableAddressError, to_wire
from newsletter.delivery.message.headers import bracketed, encoded, link, mailbox
from newsletter.delivery.message.verp import (
    MESSAGE_ID_DIGITS,
    TAG_DIGITS,
    ReturnPathId,
    leave_address,
    mail_hash,
    return_path,
    sign,
)

JOIN_FROM = 4  # from this many messages of one content on, it pays to join its static stretches


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderIdentity:
    """The sender's data that every message of this newsletter bears."""

    sender: str  # "Name <address>"
    base_url: str  # without a slash at the end
    list_name: str
    secret_keys: Sequence[str]  # the newest first
    reply_to: str | None = None  # "Name <address>"
    archive_url: str = ""  # where everybody can read earlier digests; empty: nowhere
    inbound_address: str = (
        ""  # of the mailbox that is read: bounces and wishes to leave go there; empty: none
    )


class MessageBuilder:
    """Builds the messages of one newsletter."""

    def __init__(self, identity: SenderIdentity) -> None:
        """Raises ConfigurationError for a sender that SMTP cannot carry."""
        name, address = parseaddr(identity.sender)
        try:
            wire = to_wire(address)[0].decode("ascii")
            sender = mailbox("From", address, name)
        except (UnsendableAddressError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"sender {identity.sender!r} is no address that mail can come from",
                hint="Write it as Name <address@example.org>.",
            ) from error
        self.domain = wire.rpartition("@")[2]
        self._secret_keys = tuple(identity.secret_keys)
        self.inbound_address = identity.inbound_address
        self.sender = f"From: {sender}\r\n"
        fields = [
            ("List-Id", bracketed("List-Id", identity.list_name, f"newsletter.{self.domain}")),
            ("List-Help", link("List-Help", f"{identity.base_url}/")),
            ("List-Owner", f"<mailto:{wire}>"),
        ]
        if identity.archive_url:
            fields.append(("List-Archive", link("List-Archive", identity.archive_url)))
        if identity.reply_to:
            reply_name, reply_address = parseaddr(identity.reply_to)
            fields.append(("Reply-To", mailbox("Reply-To", reply_address, reply_name)))
        fields += [("Auto-Submitted", "auto-generated"), ("MIME-Version", "1.0")]
        self.rest = "".join(f"{field}: {value}\r\n" for field, value in fields)

    def secret_key(self, signed_with: str | None = None) -> bytes:
        """The key with the id `signed_with`; the newest if there is none."""
        return key_of(signed_with, self._secret_keys).encode()

    def identity_hash(self, subscriber_id: int, kind: str, key: str, signed_with: str | None = None) -> str:
        """A keyed hash that identifies a message: 64 hex digits. signed_with: the id of its key."""
        return mail_hash(subscriber_id, kind, key, self.secret_key(signed_with))

    def message_id(self, subscriber_id: int, kind: str, key: str, signed_with: str | None = None) -> str:
        """The Message-ID of a message, `<…@domain>`: fixed for it, whenever it is built."""
        return (
            f"<{self.identity_hash(subscriber_id, kind, key, signed_with)[:MESSAGE_ID_DIGITS]}@{self.domain}>"
        )

    def return_path(self, signed: str) -> str:
        """The envelope's sender for a signed id."""
        return return_path(signed, self.inbound_address or self.domain)

    def prepare(self, content: Content) -> PreparedMessage:
        """Build once the parts that all messages with this content share."""
        return PreparedMessage(self, content)


class PreparedMessage:
    """A content that is ready to be assembled for many recipients."""

    def __init__(self, builder: MessageBuilder, content: Content) -> None:
        self._builder = builder
        self._head = (
            f"Subject: {encoded('Subject', content.subject)}\r\n"
            f"Date: {format_datetime(content.date)}\r\n"
            f"{builder.rest}"
        )
        text = _stretches(content.text, content.values, markup=False)
        html = _stretches(content.html, content.values, markup=True)
        self._text_only = _MessageForm((text, False))
        self._alternative = _MessageForm((text, False), (html, True), ([], False))

    def assemble(self, recipient: Recipient) -> Envelope:
        """The message for one recipient. Raises UnsendableAddressError if SMTP cannot carry the address."""
        builder = self._builder
        identity = builder.identity_hash(
            recipient.subscriber_id, recipient.kind, recipient.key, recipient.signed_with
        )
        signed = sign(
            ReturnPathId(subscriber_id=recipient.subscriber_id, tag=identity[:TAG_DIGITS]),
            builder.secret_key(recipient.signed_with),
        )
        head = (
            f"{builder.sender}"
            f"To: {mailbox('To', recipient.address, recipient.name)}\r\n"
            f"{self._head}"
            f"Message-ID: <{identity[:MESSAGE_ID_DIGITS]}@{builder.domain}>\r\n"
            f"Feedback-ID: {recipient.kind}:newsletter:{builder.domain}\r\n"
        )
        if recipient.unsubscribe_url:
            unsubscribe = link("List-Unsubscribe", recipient.unsubscribe_url)
            if builder.inbound_address:
                mailto = leave_address(builder.inbound_address, signed)
                unsubscribe += f",\r\n <mailto:{mailto}?subject=unsubscribe>"
            head += (
                f"List-Unsubscribe: {unsubscribe}\r\n"
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058
            )
        if recipient.text_only:
            data = self._text_only.filled(recipient.my, f"{head}{_TEXT}")
        else:
            boundary = f"=_{identity[24:56]}"
            data = self._alternative.filled(
                recipient.my,
                f'{head}Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
                f"\r\n--{boundary}\r\n{_TEXT}",
                f"\r\n--{boundary}\r\n{_HTML}",
                f"\r\n--{boundary}--\r\n",
            )
        return Envelope(
            sender=builder.return_path(signed),
            recipient=recipient.address,
            data=data,
            envid=signed,
            delivery_id=recipient.delivery_id,
            undotted=True,  # no piece, value or header line starts with a dot
        )


_TEXT = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_HTML = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def _stretches(pieces: Iterable[bytes], values: Mapping[str, str], *, markup: bool) -> list[bytes | str]:
    """The pieces in order, with the content's own values filled in: bytes, and names of personal slots."""
    stretches: list[bytes | str] = []
    for piece in pieces:
        if SLOT not in piece:  # nearly every card
            stretches.append(piece)
            continue
        static, *rest = _split(piece)
        stretches.append(static)
        for slot, static in zip(rest[::2], rest[1::2], strict=True):
            name = slot.decode()
            value = values.get(name)
            if value is None:
                stretches.append(name.removeprefix("my."))
            else:
                stretches.append(encode_value(value, markup=markup))
            stretches.append(static)
    return stretches


@lru_cache(maxsize=256)  # many digests share the beginning and the end of a layout
def _split(piece: bytes) -> list[bytes]:
    return SLOTS.split(piece)


class _MessageForm:
    """A message's stretches in order, with places for headers and personal values."""

    def __init__(self, *bodies: tuple[Sequence[bytes | str], bool]) -> None:
        """bodies: stretches, and whether they are HTML."""
        self._bodies = bodies
        self._uses = 0
        self._parts: list[bytes] = []
        self._heads: list[int] = []  # places in front of each body
        self._slots: dict[str, list[tuple[int, bool]]] = {}  # places, and whether they are in HTML

    def filled(self, my: Mapping[str, str], *heads: str) -> bytes:
        """The bytes of one message; `heads` go in front of the bodies."""
        if self._uses < JOIN_FROM:
            # First laid out simply; from JOIN_FROM messages on it pays to join the static stretches.
            self._uses += 1
            if self._uses in (1, JOIN_FROM):
                self._lay_out(joined=self._uses == JOIN_FROM)
        parts = self._parts.copy()
        for place, head in zip(self._heads, heads, strict=True):
            parts[place] = head.encode()
        for name, places in self._slots.items():
            try:
                encodings = encode_both(my[name])
            except KeyError:
                raise NewsletterError(
                    f"the mail prints {{{{ my.{name} }}}}, for which there is no value",
                    hint="A template of this kind of mail asks for what this kind does not have.",
                    slot=f"my.{name}",
                ) from None
            for place, markup in places:
                parts[place] = encodings[markup]
        return b"".join(parts)

    def _lay_out(self, *, joined: bool) -> None:
        self._parts, self._heads, self._slots = [], [], {}
        for stretches, markup in self._bodies:
            self._heads.append(len(self._parts))
            self._parts.append(b"")
            for is_slot, run in groupby(stretches, key=_is_slot):
                if is_slot:
                    for name in run:
                        self._slots.setdefault(str(name), []).append((len(self._parts), markup))
                        self._parts.append(b"")
                elif joined:
                    self._parts.append(b"".join(run))  # type: ignore[arg-type]
                else:
                    self._parts += run  # type: ignore[arg-type]


def _is_slot(stretch: bytes | str) -> bool:
    return isinstance(stretch, str)
