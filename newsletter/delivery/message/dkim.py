"""Signs finished mail with DKIM (RFC 6376): relaxed/relaxed, the whole body, one signature for each key.

Verifies nothing and looks nothing up. The same mail and keys give the same bytes: the time of a signature is
the mail's own Date, and both algorithms are deterministic.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from newsletter.core.mail.values import Builder, Content, Envelope, Prepared, Recipient
from newsletter.delivery.message.dkim_keys import DkimKey

# Named once more than they occur, so that no second one can be added below the signature (section 8.15).
OVERSIGNED = (b"from", b"subject", b"to", b"date")
SIGNED = (
    *OVERSIGNED,
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"reply-to",
    b"list-id",
    b"list-unsubscribe",  # RFC 8058 section 4 wants this and the next covered
    b"list-unsubscribe-post",
    b"list-help",
    b"list-owner",
    b"list-archive",
    b"auto-submitted",
    b"feedback-id",
)
MAX_LINE = 78  # octets; only a longer domain or selector exceeds it
CRLF = b"\r\n"

# Both start with two literal octets, for which `re` scans faster than `bytes.replace` does where spaces are
# frequent; " {2,}" takes seven times as long.
_RUN = re.compile(rb"  +")
_LINE_END = re.compile(rb" \r\n")


class DkimSigner:
    """Puts one DKIM-Signature for each key in front of a message."""

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        self._keys = tuple(keys)

    def sign(self, mail: bytes) -> bytes:
        """The signed mail. mail: CRLF, not dot-stuffed, and final: any later change breaks the signature.

        Raises ValueError for a message without a From.
        """
        head, _, body = mail.partition(b"\r\n\r\n")
        values: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for name, value in relaxed_fields(head):
            values[name].append(value)
        if b"from" not in values:
            raise ValueError("a mail without From cannot be signed")  # section 5.4
        names: list[bytes] = []
        fields: list[bytes] = []
        for name in SIGNED:
            if name in values:
                # Several are signed from the last one up (section 5.4.2).
                fields += [b"%b:%b\r\n" % (name, value) for value in reversed(values[name])]
                names += [name] * len(values[name])
            if name in OVERSIGNED:
                names.append(name)
        covered = b"".join(fields)
        body_hash = b64encode(hashlib.sha256(relaxed_body(body)).digest())
        signed_at = _seconds(values[b"date"][-1]) if values[b"date"] else None
        signatures = [
            _signature(key, tuple(names), signed_at, covered=covered, body_hash=body_hash)
            for key in self._keys
        ]
        return b"".join((*signatures, mail))


@dataclass(frozen=True, slots=True)
class SigningBuilder:
    """Builds signed mail: the signature is the last thing done to a message."""

    builder: Builder
    signer: DkimSigner

    def prepare(self, content: Content) -> SignedPrepared:
        """Build once the parts that all messages with this content share."""
        return SignedPrepared(self.builder.prepare(content), self.signer)


@dataclass(frozen=True, slots=True)
class SignedPrepared:
    """A content that is ready to be assembled and signed for many recipients."""

    prepared: Prepared
    signer: DkimSigner

    def assemble(self, recipient: Recipient) -> Envelope:
        """The message for one recipient. Raises UnsendableAddressError if SMTP cannot carry the address."""
        envelope = self.prepared.assemble(recipient)
        return envelope._replace(data=self.signer.sign(envelope.data))


def is_aligned(domain: str, sender_domain: str) -> bool:
    """Whether a signature by `domain` speaks for a From at `sender_domain`, as DMARC's relaxed mode asks.

    Both as A-labels. They must be equal, or one below the other; no list of public suffixes is consulted.
    """
    ours, theirs = domain.lower(), sender_domain.lower()
    return ours == theirs or ours.endswith(f".{theirs}") or ("." in ours and theirs.endswith(f".{ours}"))


def relaxed_body(body: bytes) -> bytes:
    """A body in relaxed form, RFC 6376 section 3.4.4; one without a line end gets the one that SMTP adds.

    Python does no work for each line: a body of 65 kB is a few scans in C.
    """
    if body and not body.endswith(CRLF):
        body += CRLF
    body = _LINE_END.sub(CRLF, _single_spaced(body))
    end = len(body)
    while body[end - 4 : end] == b"\r\n\r\n":
        end -= 2
    body = body[:end]
    return b"" if body == CRLF else body


def relaxed_fields(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The fields of a header block from top to bottom: (name, value) in relaxed form, section 3.4.2.

    head: the bytes before the empty line. Lines that are no field are left out.
    """
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in _single_spaced(unfolded).split(CRLF):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.rstrip(b" ").lower(), value.strip(b" ")


def _single_spaced(text: bytes) -> bytes:
    """Each run of spaces and tabs as one space."""
    return _RUN.sub(b" ", text.replace(b"\t", b" "))


def _signature(
    key: DkimKey, names: tuple[bytes, ...], signed_at: int | None, *, covered: bytes, body_hash: bytes
) -> bytes:
    """One DKIM-Signature field, folded. It signs itself too, with an empty b= (section 3.7)."""
    field = _opening(key.algorithm.value, key.domain, key.selector, names, signed_at)
    field += b" bh=%b;\r\n b=" % body_hash
    ((name, value),) = relaxed_fields(field)
    return field + _folded(b64encode(key.sign(covered + name + b":" + value)))


@lru_cache(maxsize=64)  # the messages of a digest share it
def _opening(
    algorithm: str, domain: str, selector: str, names: tuple[bytes, ...], signed_at: int | None
) -> bytes:
    """A signature's field up to the body's hash: lines of at most 78 octets, where the names allow it."""
    tags = ["v=1;", f"a={algorithm}-sha256;", "c=relaxed/relaxed;", f"d={domain};", f"s={selector};"]
    if signed_at is not None:
        tags.append(f"t={signed_at};")
    listed = [f"{name.decode()}:" for name in names]
    listed[0], listed[-1] = f"h={listed[0]}", f"{listed[-1][:-1]};"
    line, lines = "DKIM-Signature:", []
    for word, gap in [(tag, " ") for tag in tags] + [(name, "") for name in listed]:
        start = word.startswith("h=")  # the long one gets a line of its own
        if start or len(line) + len(gap) + len(word) > MAX_LINE:
            lines.append(line)
            line = f" {word}"
        else:
            line += gap + word
    return "".join(f"{each}\r\n" for each in (*lines, line)).encode()


def _folded(value: bytes) -> bytes:
    """Base64 behind " b=" and on lines of its own, of at most 78 octets."""
    first, width = MAX_LINE - len(" b="), MAX_LINE - len(" ")
    rest = (value[start : start + width] for start in range(first, len(value), width))
    return b"\r\n ".join((value[:first], *rest)) + b"\r\n"


@lru_cache(maxsize=64)
def _seconds(date: bytes) -> int | None:
    """A Date as seconds since 1970; None for one that cannot be read or is older: `t=` may be left out."""
    try:
        at = parsedate_to_datetime(date.decode("ascii"))
        seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())  # "-0000" has no zone
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None
