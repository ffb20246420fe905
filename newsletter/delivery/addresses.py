"""Writes addresses for SMTP: A-labels for the domain, UTF-8 only for a local part that needs it.

It does not check whether an address exists; it refuses only those that would break the protocol.
"""

from __future__ import annotations

import re
from functools import lru_cache

import idna

MAX_PATH = 254  # octets, RFC 5321 4.5.3.1.3 less the brackets

_ORDINARY = re.compile(r"[0-9A-Za-z.!#$%&'*+/=?^_`{|}~-]+@[0-9A-Za-z.-]+")
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\x80-\xa0\u2028\u2029]")
_XTEXT = re.compile(rb"[^!-*,-<>-~]")  # RFC 3461 4: printable ASCII but "+" and "="


class UnsendableAddressError(ValueError):
    """The address cannot stand in an SMTP command."""


def to_wire(address: str) -> tuple[bytes, bool]:
    """(`address` as bytes for MAIL or RCPT, whether it needs SMTPUTF8). Raises UnsendableAddressError.

    RFC 6531 3.2; the domain goes to A-labels, so that only a non-ASCII local part needs the extension.
    """
    if len(address) <= MAX_PATH and _ORDINARY.fullmatch(address):
        return address.encode(), False
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or _UNSAFE.search(address):
        raise UnsendableAddressError("no address that SMTP can carry")
    wire = f"{local}@{domain if domain.isascii() else _a_labels(domain)}".encode()
    if len(wire) > MAX_PATH:
        raise UnsendableAddressError(f"an address of more than {MAX_PATH} octets")
    return wire, not local.isascii()


@lru_cache(maxsize=4096)
def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise UnsendableAddressError("a domain that no A-label can spell") from error


def domain_of(address: str) -> str:
    """The part behind the last @, in lower case."""
    return address.rpartition("@")[2].lower()


def xtext(value: bytes) -> bytes:
    """`value` as RFC 3461's xtext, for ENVID and ORCPT."""
    return _XTEXT.sub(lambda found: b"+%02X" % found[0][0], value)


# Also as quoted-printable, percent-encoding and HTML write the sign in the middle.
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;]+(?:@|=40|%40|&#64;)[^\s<>()\[\]\"',;]+", re.IGNORECASE)
_SIGNS = ("@", "40", "64")  # one of them stands in every match
_TOLD = 3  # letters of a local part that may stand alone; a shorter one is also an ordinary word


def without_addresses(text: str, recipient: str = "") -> str:
    """A server's words without the addresses in them: they are stored, and outlive an erasure.

    recipient: its local part is cut out as well, where it stands alone: “mailbox ada.lovelace is full”.
    """
    if any(sign in text for sign in _SIGNS):
        text = _ADDRESS.sub("…", text)
    local, _, domain = recipient.rpartition("@")
    if len(local) >= _TOLD and local.lower() in text.lower():
        alone = (
            rf"(?<![\w.-]){re.escape(local)}(?:[=.]{re.escape(domain)})?(?![\w-])"  # also as a return path
        )
        text = re.sub(alone, "…", text, flags=re.IGNORECASE)
    return text
