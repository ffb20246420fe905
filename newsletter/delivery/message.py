"""Builds mail: headers once for all who share a content, then a join for each. Sends nothing.

The same bytes come out for the same recipient, kind and key: a retry is byte-equal, and a preview is what
will be sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime, parseaddr

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail import Content, Envelope, Recipient
from newsletter.core.piece import encode_value
from newsletter.delivery.addresses import UnsendableAddressError, to_wire
from newsletter.delivery.headers import clean, encoded, mailbox
from newsletter.delivery.verp import MailMark, return_path, sign

_SLOTS = re.compile(rb"\x00([^\x00]+)\x00")
_PLAIN = re.compile(r"[A-Za-z0-9/:._~?-]{1,74}")  # needs neither escaping nor encoding: most links
_TAG = 10  # hex digits of a mail's keyed hash in its return path


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every mail of this newsletter says about where it comes from."""

    sender: str  # "Name <address>"
    base_url: str  # without a slash at the end
    list_name: str
    secret_key: bytes
    reply_to: str | None = None  # "Name <address>"


class MessageBuilder:
    """Builds the mails of one newsletter."""

    def __init__(self, house: House) -> None:
        """Raises ConfigurationError for a sender that SMTP cannot carry."""
        name, address = parseaddr(house.sender)
        try:
            self.domain = to_wire(address)[0].decode("ascii").rpartition("@")[2]
            sender = mailbox("From", address, name)
        except (UnsendableAddressError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"sender {house.sender!r} is no address that mail can come from",
                hint="Write it as Name <address@example.org>.",
            ) from error
        self.secret_key = house.secret_key
        shown_list = clean(house.list_name)
        quoted = encoded("List-Id", shown_list) if not shown_list.isascii() else f'"{_unquoted(shown_list)}"'
        fields = [
            ("From", sender),
            ("List-Id", f"{quoted}\r\n <newsletter.{self.domain}>"),
            ("List-Help", f"<{house.base_url}/>"),
            ("List-Owner", f"<mailto:{address}>"),
            ("List-Archive", f"<{house.base_url}/archive>"),
        ]
        if house.reply_to:
            reply_name, reply_address = parseaddr(house.reply_to)
            fields.append(("Reply-To", mailbox("Reply-To", reply_address, reply_name)))
        fields += [("Auto-Submitted", "auto-generated"), ("MIME-Version", "1.0")]
        self.head = "".join(f"{field}: {value}\r\n" for field, value in fields)

    def mark(self, subscriber_id: int, kind: str, key: str) -> str:
        """What makes a mail one: a keyed hash, 64 hex digits."""
        told = f"{subscriber_id}\x00{kind}\x00{key}".encode()
        return hmac.digest(self.secret_key, told, hashlib.sha256).hex()

    def message_id(self, subscriber_id: int, kind: str, key: str) -> str:
        """The Message-ID of a mail, `<…@domain>`: fixed for it, whenever it is built."""
        return f"<{self.mark(subscriber_id, kind, key)[:40]}@{self.domain}>"

    def prepare(self, content: Content) -> Prepared:
        """Do once what all mails with this content share."""
        return Prepared(self, content)


class Prepared:
    """A content that is ready to become many people's mail."""

    def __init__(self, builder: MessageBuilder, content: Content) -> None:
        self._builder = builder
        self._head = (
            f"{builder.head}"
            f"Date: {format_datetime(content.date)}\r\n"
            f"Subject: {encoded('Subject', content.subject)}\r\n"
        )
        self._text = _stretches(content.text, content.values, markup=False)
        self._html = _stretches(content.html, content.values, markup=True)

    def assemble(self, recipient: Recipient) -> Envelope:
        """One person's mail. Raises UnsendableAddressError for an address that SMTP cannot carry."""
        builder = self._builder
        mark = builder.mark(recipient.subscriber_id, recipient.kind, recipient.key)
        boundary = f"=_{mark[24:56]}"
        head = (
            f"{self._head}"
            f"To: {mailbox('To', recipient.address, recipient.name)}\r\n"
            f"Message-ID: <{mark[:40]}@{builder.domain}>\r\n"
            f"Feedback-ID: {recipient.kind}:newsletter:{builder.domain}\r\n"
        )
        if recipient.unsubscribe_url:
            head += (
                f"List-Unsubscribe: <{recipient.unsubscribe_url}>\r\n"
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            )
        signed = sign(MailMark(subscriber_id=recipient.subscriber_id, tag=mark[:_TAG]), builder.secret_key)
        parts: list[bytes] = []
        if recipient.text_only:
            parts.append(f"{head}{_TEXT}".encode())
            _join(parts, self._text, recipient.my, plain_value)
        else:
            opening = f'{head}Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
            parts.append(f"{opening}\r\n--{boundary}\r\n{_TEXT}".encode())
            _join(parts, self._text, recipient.my, plain_value)
            parts.append(f"\r\n--{boundary}\r\n{_HTML}".encode())
            _join(parts, self._html, recipient.my, markup_value)
            parts.append(f"\r\n--{boundary}--\r\n".encode())
        return Envelope(
            sender=return_path(signed, builder.domain),
            recipient=recipient.address,
            data=b"".join(parts),
            envid=signed,
            undotted=True,  # no piece, value or header line starts with a dot
        )


_TEXT = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_HTML = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def plain_value(value: str) -> bytes:
    """A personal value as the text part prints it."""
    if _PLAIN.fullmatch(value) and value[0] != ".":
        return value.encode() + b"=\r\n"
    return encode_value(value, markup=False)


def markup_value(value: str) -> bytes:
    """A personal value as the HTML part prints it."""
    if _PLAIN.fullmatch(value) and value[0] != ".":
        return value.encode() + b"=\r\n"
    return encode_value(value, markup=True)


def _stretches(pieces: Iterable[bytes], values: Mapping[str, str], *, markup: bool) -> list[bytes | str]:
    """The pieces joined, the content's own values filled in: bytes, and the names of personal slots."""
    ready = {name: encode_value(value, markup=markup) for name, value in values.items()}
    found = _SLOTS.split(b"".join(pieces))
    stretches: list[bytes | str] = []
    static = bytearray()
    for number, part in enumerate(found):
        name = part.decode() if number % 2 else ""
        if not name:
            static += part
        elif name in ready:
            static += ready[name]
        else:
            stretches += [bytes(static), name]
            static.clear()
    stretches.append(bytes(static))
    return stretches


def _join(
    parts: list[bytes],
    stretches: list[bytes | str],
    my: Mapping[str, str],
    encode: Callable[[str], bytes],
) -> None:
    for stretch in stretches:
        if isinstance(stretch, bytes):
            parts.append(stretch)
        else:
            parts.append(encode(my[stretch.removeprefix("my.")]))


def _unquoted(text: str) -> str:
    return text.replace("\\", "").replace('"', "")
