"""Reads a message that came back: header fields, texts, report parts and the header of what is returned.

It is bounded by `newsletter.inbound.limits`, and takes broken MIME as it is: reports are cut, rewrapped and
pasted on their way. It interprets nothing.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header

from newsletter.inbound.limits import (
    DEEPEST,
    LONGEST_LINE,
    LONGEST_VALUE,
    MOST_BYTES,
    MOST_FIELDS,
    MOST_HEADER_BYTES,
    MOST_PARTS,
    MOST_TEXT,
)

RETURNED = frozenset(
    {
        "message/rfc822",
        "message/global",
        "message/partial",
        "text/rfc822-headers",
        "text/rfc822-header",
        "text/rfc822",
        "message/rfc822-headers",
        "message/global-headers",
    }
)
_NO_CHARSETS = frozenset(
    {
        "idna",
        "punycode",
        "raw-unicode-escape",
        "raw_unicode_escape",
        "undefined",
        "unicode-escape",
        "unicode_escape",
    }
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]+))")
_START = re.compile(rb"\A(?:[ \t]*\n|>?From [^\n]*\n|\xef\xbb\xbf)*")
_FIRST_PART = re.compile(
    rb"\A(?:[^\n]{0,200}\n){0,6}?--([^\n]{1,200}?)-{0,2}[ \t]*\n(?=content-)", re.IGNORECASE
)
_HEADER_LIKE = re.compile(rb"\A\s*(?:[A-Za-z][\w-]{1,40}:[^\n]*\n(?:[ \t][^\n]*\n)*){3}")
_TAG = re.compile(r"<(?:br|/p|/tr|/div|/li|/h\d|/td)[^<>]{0,200}>", re.IGNORECASE)
# What has no end goes to the end, so that it is looked for once.
_MARKUP = re.compile(
    r"<(?P<raw>style|script)\b.*?(?:</(?P=raw)>|\Z)|<!--.*?(?:-->|\Z)|<[^<>]{1,2000}>",
    re.IGNORECASE | re.DOTALL,
)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": " ", "&#64;": "@", "&#39;": "'", "&amp;": "&"}
_BLANKS = re.compile(r"[ \t]+")


class UnreadableMessageError(ValueError):
    """A message whose structure no report has. The text says why."""


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """The fields of a header, in order: names in lower case, values decoded and on one line."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The first value of this name; empty when there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, *names: str) -> list[str]:
        """Every value of these names, by name and then in order."""
        return [value for name in names for key, value in self.fields if key == name]

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.fields)

    def __bool__(self) -> bool:
        return bool(self.fields)


@dataclass(frozen=True, slots=True)
class MessagePart:
    """A part that holds no other parts, decoded."""

    content_type: str  # lower case, without parameters
    header: HeaderFields
    text: str  # with \n line ends, at most MOST_TEXT characters
    body: bytes  # decoded (RFC 2045, 6), \n line ends


@dataclass(slots=True)
class InboundMessage:
    """A message that came back, taken apart."""

    header: HeaderFields
    content_type: str
    report_type: str  # of multipart/report (RFC 6522), lower case
    parts: list[MessagePart] = field(default_factory=list)

    def of_type(self, *types: str) -> list[MessagePart]:
        """The parts of these types, in order."""
        return [part for part in self.parts if part.content_type in types]

    @property
    def returned(self) -> MessagePart | None:
        """The part with the message that is reported on, or its header."""
        return next((part for part in self.parts if part.content_type in RETURNED), None)

    @property
    def text(self) -> str:
        """What the message says to people, before what it returns; HTML where there is no plain text."""
        said: list[str] = []
        marked_up: list[str] = []
        for part in self.parts:
            if part.content_type in RETURNED and said:
                break
            if part.content_type == "text/html":
                marked_up.append(part.text)
            elif part.content_type.startswith("text/") and part.content_type not in RETURNED:
                said.append(part.text)
        plain = "\n".join(said)
        if plain.strip():
            return plain[:MOST_TEXT]
        return "\n".join(map(without_markup, marked_up))[:MOST_TEXT]


def read_message(data: bytes) -> InboundMessage:
    """Take a message apart. Raises UnreadableMessageError where it is empty or goes beyond the limits."""
    raw = unix_lines(data[:MOST_BYTES])
    raw = raw[_match_end(_START, raw) :]
    if not raw.strip(b"\n\t \0"):
        raise UnreadableMessageError("it is empty")
    header, body = _split(raw)
    content_type, parameters = content_type_of(header, default="text/plain")
    message = InboundMessage(header, content_type, parameters.get("report-type", "").lower())
    if not content_type.startswith("multipart/") and "content-type" not in header:
        first = _FIRST_PART.match(body)
        if first:  # the field was lost on the way
            content_type, parameters = "multipart/mixed", {"boundary": first[1].decode("latin-1")}
    _take_apart(message, header, body, content_type, parameters, depth=0)
    return message


def unix_lines(data: bytes) -> bytes:
    """The bytes with LF line ends, whatever they had."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def read_header(data: bytes) -> HeaderFields:
    """The fields of a header; lines that are no fields are left out (RFC 5322, 2.2)."""
    found: list[list[bytes]] = []
    for line in data.split(b"\n"):
        torn = b":" not in line and found and found[-1][-1].endswith(b";")  # a parameter that lost its indent
        if line[:1] in (b" ", b"\t") or torn:
            if found:
                found[-1].append(line.strip())
        elif line:
            if len(found) >= MOST_FIELDS:
                raise UnreadableMessageError(f"a header has more than {MOST_FIELDS:,} fields")
            found.append([line])
    fields: list[tuple[str, str]] = []
    for lines in found:
        named = _FIELD.match(b" ".join(lines))
        if named:
            fields.append((named[1].decode("ascii").lower(), decoded_value(named[2])))
    return HeaderFields(tuple(fields))


def decoded_value(value: bytes) -> str:
    """A field's value as text, encoded words decoded (RFC 2047), cut to LONGEST_VALUE."""
    text = " ".join(as_text(value[:LONGEST_VALUE], "").split())
    if "=?" not in text:
        return text
    try:
        words = [
            word if isinstance(word, str) else as_text(word, charset or "")
            for word, charset in decode_header(text.encode("ascii", "replace").decode())
        ]
    except (HeaderParseError, ValueError, binascii.Error):
        return text
    return " ".join("".join(words).split())


def content_type_of(header: HeaderFields, *, default: str) -> tuple[str, dict[str, str]]:
    """The type in lower case and its parameters (RFC 2045, 5.1), as far as they can be made out."""
    value = header.get("content-type")
    kind = re.match(r"[\w.+-]+/[\w.+-]+", value)
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value)}
    return (kind[0].lower() if kind else default), parameters


def as_text(data: bytes, charset: str) -> str:
    """Bytes as text: by the charset, else UTF-8, else ISO 8859-1; controls as spaces. Never fails."""
    text = None
    if charset and _is_charset(charset):
        with suppress(LookupError, ValueError):
            text = data.decode(charset, "replace")
    if text is None:
        try:
            text = data.decode("utf-8")
        except ValueError:
            text = data.decode("latin-1")
    return clean(text)


def clean(text: str) -> str:
    """The text with a space for each control and lone surrogate: no database or terminal takes them."""
    return _UNPRINTABLE.sub(" ", text) if _UNPRINTABLE.search(text) else text


def _is_charset(name: str) -> bool:
    """Whether Python's codec of this name is one of text that costs no more than its input."""
    try:
        return codecs.lookup(name).name not in _NO_CHARSETS
    except (LookupError, ValueError):
        return False


def without_markup(text: str) -> str:
    """What HTML says, about as a browser breaks it into lines."""
    plain = _MARKUP.sub("", _TAG.sub("\n", text))
    for entity, character in _ENTITIES.items():
        plain = plain.replace(entity, character)
    return "\n".join(_BLANKS.sub(" ", line).strip() for line in plain.split("\n"))


def _match_end(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.match(data)
    return found.end() if found else 0


def _split(raw: bytes) -> tuple[HeaderFields, bytes]:
    """HeaderFields and body of a message or part."""
    if raw.startswith(b"\n"):
        return HeaderFields(), raw[1:]
    end = raw.find(b"\n\n")
    head, body = (raw, b"") if end < 0 else (raw[:end], raw[end + 2 :])
    if len(head) > MOST_HEADER_BYTES:
        raise UnreadableMessageError(f"a header has more than {MOST_HEADER_BYTES:,} bytes")
    return read_header(head), body


def _take_apart(
    message: InboundMessage,
    header: HeaderFields,
    body: bytes,
    content_type: str,
    parameters: dict[str, str],
    *,
    depth: int,
) -> None:
    if content_type.startswith("multipart/"):
        if depth >= DEEPEST:
            raise UnreadableMessageError(f"its parts lie more than {DEEPEST} deep in one another")
        pieces = _pieces(body, parameters.get("boundary", ""))
        for piece in pieces:
            inner, inside = _split(piece)
            kind, more = content_type_of(inner, default="text/plain")
            _take_apart(message, inner, inside, kind, more, depth=depth + 1)
        if pieces:
            return
        content_type = "text/plain"
    if len(message.parts) >= MOST_PARTS:
        raise UnreadableMessageError(f"it has more than {MOST_PARTS} parts")
    message.parts.append(_part(header, body, content_type, parameters))


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    """The parts between lines of a boundary (RFC 2046, 5.1.1); without its last line to the end."""
    if not boundary:
        return []
    line = re.compile(
        rb"^--" + re.escape(boundary.strip().encode("utf-8", "replace")) + rb"(--)?[ \t]*(?:\n|\Z)",
        re.MULTILINE,
    )
    pieces: list[bytes] = []
    start: int | None = None
    for found in line.finditer(body):
        if start is not None:
            pieces.append(body[start : found.start()])
        if len(pieces) > MOST_PARTS:
            raise UnreadableMessageError(f"it has more than {MOST_PARTS} parts")
        start = None if found[1] else found.end()
    if start is not None:
        pieces.append(body[start:])
    return pieces


def _part(header: HeaderFields, body: bytes, content_type: str, parameters: dict[str, str]) -> MessagePart:
    body = _decoded(body, header.get("content-transfer-encoding").lower())
    named = content_type == "text/plain" and "name" in parameters
    if named and _HEADER_LIKE.match(body) and b"\nfinal-recipient:" not in body.lower():
        content_type = "text/rfc822-headers"  # attached under another type
    text = as_text(body[: MOST_TEXT * 2], parameters.get("charset", ""))[:MOST_TEXT]
    if len(text) > LONGEST_LINE:
        text = "\n".join(line[:LONGEST_LINE] for line in text.split("\n"))
    return MessagePart(content_type, header, text, body)


def _decoded(body: bytes, encoding: str) -> bytes:
    """The body without its transfer encoding; as it is where that cannot be undone."""
    if encoding == "quoted-printable":
        return unix_lines(binascii.a2b_qp(body))
    if encoding == "base64":
        letters = re.sub(rb"[^A-Za-z0-9+/]+", b"", body)
        try:
            return unix_lines(binascii.a2b_base64(letters[: len(letters) // 4 * 4]))
        except binascii.Error:
            return body
    return body


def joined(lines: Iterable[str]) -> str:
    """Lines as one, each blank a single space."""
    return " ".join(" ".join(lines).split())
