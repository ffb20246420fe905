"""Parses email addresses, display names and masks. Asks no name server.

The syntax is that of RFC 5321, as `email-validator` reads it: no quoted local parts, no address literals. Two
spellings are one person if they differ only in letter case, in Unicode composition (NFC) or in the form of an
internationalised domain (RFC 5891). The key holds the case-folded local part and the domain in A-labels.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from subscribers.errors import AddressError

MAX_NAME = 100  # characters; a longer display name is cut
MAX_LOCAL = 64  # octets (RFC 5321, 4.5.3.1.1)
MAX_ADDRESS = 254  # octets; a path of 256 without its brackets (RFC 5321, 4.5.3.1.3)
MAX_QUOTED = 80  # characters of a refused address in an error message
_BLANKS = " \t\u00a0\u200b\ufeff"  # often copied along with an address from a page or a cell
_PRIVATE_NAMES = ("localhost", "local", "test")  # reserved (RFC 6761, 6762), but used for mail on intranets
_PLACEHOLDER_DOMAIN = (
    "stand-in.example"  # passes every check of the library, and belongs to nobody (RFC 6761)
)
_DOT_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)  # RFC 5322, 3.2.3
# A host name of letters, digits and hyphens (RFC 1123, 2.1) without A-labels: nothing to convert.
_HOST = re.compile(r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)
MAX_HOST = 253  # octets (RFC 1035, 2.3.4, without the root)
_HINT = "Write it as ada@example.org or Ada Lovelace <ada@example.org>."


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A well-formed address."""

    address: str  # as given, with the domain in lower case and in Unicode
    key: str  # the same for all spellings of a mailbox
    name: str = ""  # the display name that came with it


def parse(text: str) -> Address:
    """Read `a@b` or `Name <a@b>`. Raises AddressError with the reason."""
    bare, name = _split_name(text.strip(_BLANKS))
    given_local, _, given_domain = bare.rpartition("@")
    from email_validator import EmailNotValidError  # slow to import: only when needed

    try:
        if not bare.isprintable():
            raise EmailNotValidError("It holds characters that cannot be seen.")
        local = given_local
        if len(local) > MAX_LOCAL or not _DOT_ATOM.fullmatch(local):
            local = _checked(f"{given_local}@{_PLACEHOLDER_DOMAIN}")[0]
        domain, a_labels = _domain(given_domain)
        if len(f"{local}@{a_labels}".encode()) > MAX_ADDRESS:
            raise EmailNotValidError(f"It is longer than {MAX_ADDRESS} bytes.")
    except EmailNotValidError as error:
        raise AddressError(f"{quoted(text)} is not an email address: {error}", hint=_HINT) from error
    folded = unicodedata.normalize("NFC", local.casefold())
    return Address(address=f"{local}@{domain}", key=f"{folded}@{a_labels}", name=name)


@lru_cache(maxsize=16_384)  # checking a domain is most of the work, and a roster repeats them
def _domain(given: str) -> tuple[str, str]:
    """The domain in lower case, in Unicode and in A-labels. Raises EmailNotValidError."""
    lower = given.lower()
    if given.isascii() and len(lower) <= MAX_HOST and _HOST.fullmatch(lower) and not _is_special(lower):
        return lower, lower  # the same answer as the library's, in a tenth of the time
    private = given.lower().rpartition(".")[2] in _PRIVATE_NAMES
    checked = _checked(f"a@{given}.{_PLACEHOLDER_DOMAIN}" if private else f"a@{given}")[1:]
    unicode_domain, a_labels = (
        part.removesuffix(f".{_PLACEHOLDER_DOMAIN}") if private else part for part in checked
    )
    return unicode_domain, a_labels.lower()


def _is_special(domain: str) -> bool:
    """Whether the library may treat the domain specially (RFC 6761)."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    top = domain.rpartition(".")[2]
    return any(name.rpartition(".")[2] == top for name in SPECIAL_USE_DOMAIN_NAMES)


def _checked(address: str) -> tuple[str, str, str]:
    """Local part, domain and domain in A-labels, as the library normalises them."""
    from email_validator import validate_email

    found = validate_email(address, check_deliverability=False, strict=True)
    return found.local_part, str(found.domain), str(found.ascii_domain)


def _split_name(text: str) -> tuple[str, str]:
    if not text.endswith(">") or "<" not in text:
        return text, ""
    name, _, bare = text[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return bare.strip(_BLANKS), clean_name(name)


def clean_name(text: str) -> str:
    """A display name on one line, cut to length, without control, bidi and other invisible characters.

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
    """`ada@example.org` as `a••@example.org`, for pages whose link may have been forwarded."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}••{at}{domain}" if at else ""


def quoted(text: str) -> str:
    """Typed text, quoted and shortened for a message."""
    return repr(text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…")
