"""Finds mail addresses in header fields and in what reports say."""

from __future__ import annotations

import re

from newsletter.inbound.limits import LONGEST_ADDRESS

# A local part as reports print it, or a quoted one; SMTPUTF8 (RFC 6531) allows any letter.
_NEVER = r"\x00-\x1f\x7f-\x9f\ud800-\udfff\"@"  # controls, lone surrogates
_NOT_BARE = r"\s<>()\[\],;:\\|：，。；（）、「」『』【】"
LOCAL = rf"(?:\"[^{_NEVER}]{{1,64}}\"|[^{_NEVER}{_NOT_BARE}]{{1,200}})"
DOMAIN = r"[^\W_](?:[\w-]{0,62})(?:\.[\w-]{1,63}){0,20}"
ADDRESS = rf"{LOCAL}@{DOMAIN}"
_ADDRESS = re.compile(ADDRESS)
_ROUTE = re.compile(r"^@[^:]{1,250}:")  # RFC 5321, 4.1.2: to be ignored
_UTF8_X = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


def find_addresses(text: str) -> list[str]:
    """The addresses in a text, in order, each once."""
    return list(dict.fromkeys(filter(None, (trimmed(found) for found in _ADDRESS.findall(text)))))


def first_address(text: str) -> str:
    """The first address in a text; empty when there is none."""
    found = _ADDRESS.search(text)
    return trimmed(found[0]) if found else ""


def trimmed(address: str) -> str:
    """An address without quotes and stops around it; empty when it cannot be one."""
    address = address.strip("'`*=").rstrip(".-")
    local, _, domain = address.rpartition("@")
    if not local or not domain or len(address) > LONGEST_ADDRESS:
        return ""
    return address


def typed_address(value: str) -> str:
    """The address of a field `rfc822; address` or `utf-8; address` (RFC 3464, 2.3.2; RFC 6533, 3).

    Empty when it holds none with a domain.
    """
    kind, semicolon, rest = value.partition(";")
    text = rest.strip() if semicolon else value.strip()
    if kind.strip().lower() == "utf-8":
        text = _UTF8_X.sub(lambda found: _character(found[1]), text)
    text = _ROUTE.sub("", text.strip("<> "))
    return first_address(text)


def from_xtext(text: str) -> str:
    """The text of xtext (RFC 3461, 4)."""
    return _XTEXT.sub(lambda found: _character(found[1]) or found[0], text)


def same(one: str, other: str) -> bool:
    """Whether two addresses are equal but for letter case."""
    return one.casefold() == other.casefold()


def _character(digits: str) -> str:
    number = int(digits, 16)
    character = chr(number) if number <= 0x10FFFF else ""
    return character if character.isprintable() else ""
