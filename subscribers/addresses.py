"""Email addresses: syntax, the key that makes two spellings one, names and masks. Asks no name server.

Syntax is RFC 5321's, as `email-validator` reads it: no quoted local parts, no address literals. Two spellings
are one person when they differ in letter case, in Unicode composition (NFC) or in the spelling of an
internationalised domain (RFC 5891): the key holds the local part case-folded and the domain in A-labels.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from subscribers.errors import AddressError

MAX_NAME = 100  # characters; a longer display name is cut
MAX_SHOWN = 80  # characters of a refused address that an error repeats
_BLANKS = " \t\u00a0\u200b\ufeff"  # what copying from a page or a cell leaves around an address
_PRIVATE_NAMES = ("localhost", "local", "test")  # reserved (RFC 6761, 6762), but mail goes there on intranets
_STAND_IN = ".example"  # a name that email-validator lets through; RFC 6761 keeps it from being anybody's
_HINT = "Write it as ada@example.org or Ada Lovelace <ada@example.org>."


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A well-formed address."""

    address: str  # as given, with the domain in lower case and in Unicode
    key: str  # equal for every spelling of the same mailbox
    name: str = ""  # the display name that came with it


def parse(text: str) -> Address:
    """Read `a@b` or `Name <a@b>`. Raises AddressError that says what is wrong with it."""
    bare, name = _split_name(text.strip(_BLANKS))
    local, _, domain = bare.rpartition("@")
    private = domain.lower().rpartition(".")[2] in _PRIVATE_NAMES
    from email_validator import EmailNotValidError, validate_email  # slow to import: only when needed

    try:
        found = validate_email(
            f"{local}@{domain}{_STAND_IN}" if private else bare, check_deliverability=False, strict=True
        )
    except EmailNotValidError as error:
        raise AddressError(f"{_shown(text)} is not an email address: {error}", hint=_HINT) from error
    if found.domain is None or found.ascii_domain is None:  # pragma: no cover - the library's types allow it
        raise AddressError(f"{_shown(text)} is not an email address", hint=_HINT)
    unicode_domain, ascii_domain = found.domain, found.ascii_domain
    if private:
        unicode_domain = unicode_domain.removesuffix(_STAND_IN)
        ascii_domain = ascii_domain.removesuffix(_STAND_IN)
    folded = unicodedata.normalize("NFC", found.local_part.casefold())
    return Address(
        address=f"{found.local_part}@{unicode_domain}", key=f"{folded}@{ascii_domain.lower()}", name=name
    )


def _split_name(text: str) -> tuple[str, str]:
    if not text.endswith(">") or "<" not in text:
        return text, ""
    name, _, bare = text[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return bare.strip(_BLANKS), clean_name(name)


def clean_name(text: str) -> str:
    """A display name in one line: without controls, bidi overrides and other invisible marks, cut to length.

    Joiners stay: Persian, Indic scripts and emoji need them.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())[:MAX_NAME].strip()
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in ("Cf", "Cs", "Co", "Cn") or character in "\u200c\u200d":
            kept.append(character)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())[:MAX_NAME].strip()


def mask(address: str) -> str:
    """`ada@example.org` as `a••@example.org`: its owner knows it again, whom it was forwarded to does not."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}••{at}{domain}" if at else ""


def wire(address: str) -> str:
    """The address as SMTP without SMTPUTF8 wants it: the domain in A-labels, the local part untouched.

    Use this and not Python's own "idna" codec, which is of 2003 and sends straße.de to strasse.de.
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    import idna

    return f"{local}{at}{idna.encode(domain, uts46=True).decode('ascii')}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")
