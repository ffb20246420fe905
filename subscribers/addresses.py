"""Parses email addresses, display names and masks. Asks no name server.

The syntax is that of RFC 5321, as `email-validator` reads it: no quoted local parts, no address literals. Two
spellings are one person if they differ only in letter case, in Unicode composition (NFC) or in the form of an
internationalised domain (RFC 5891). The key holds the case-folded local part and the domain in A-labels.

Anybody can type a name next to another person's address, and the name stands in `To:` and in the greeting. So
a typed name is one line without a link and without an address.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from subscribers.errors import AddressError, NameRefusedError

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

MAX_TYPED = 1000  # characters that are looked at, of an address with its name or of a name
_LINE_BREAK = re.compile("[\r\n\v\f\x85\u2028\u2029]")
_DOTS = str.maketrans({"\u3002": "."})  # the ideographic full stop, which browsers take for a dot
_LINK_IN_NAME = re.compile(
    r"@|://|\bwww\d?\.|\b(?:https?|hxxps?|ftp|mailto)\s*:|\b\d{1,3}(?:\.\d{1,3}){3}\b", re.I
)
# Labels joined by dots whose last one is of letters: mail programs make a link of most of them.
_DOMAIN_IN_NAME = re.compile(r"((?:[\w-]+\.)+)([^\W\d_]{2,}|xn--[\w-]+)(/?)")
# What people write before a dot without a blank behind it: Dr.Lovelace, M.Sc., Dr.rer.nat.
_TITLES = {"dr", "prof", "st", "ste", "mr", "mrs", "ms", "jr", "sr", "ing", "dipl", "mag", "sc", "ed", "eng"}
_TITLES |= {"phil", "ph", "rer", "nat", "med", "hon", "rev", "habil"}
_TOP_LEVEL = {"com", "net", "org", "info", "biz", "edu", "gov", "mil", "app", "dev", "xyz", "top", "site"}
_TOP_LEVEL |= {"online", "shop", "club", "link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A well-formed address."""

    address: str  # as given, with the domain in lower case and in Unicode
    key: str  # the same for all spellings of a mailbox
    name: str = ""  # the display name that came with it


def parse(text: str) -> Address:
    """Read `a@b` or `Name <a@b>`. Raises AddressError with the reason."""
    if len(text) > MAX_TYPED:  # before any of it is normalised, which takes long for long texts
        raise AddressError(f"{quoted(text)} is not an email address: it is too long", hint=_HINT)
    bare, name = _split_name(text.strip(_BLANKS))
    if not bare:
        raise AddressError("no email address is given", hint=_HINT)
    given_local, at, given_domain = bare.rpartition("@")
    from email_validator import EmailNotValidError  # slow to import: only when needed

    try:
        if not bare.isprintable():
            raise EmailNotValidError("It holds characters that cannot be seen.")
        if not at:
            raise EmailNotValidError("It has no @-sign.")
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

    Joiners stay: Persian, Indic scripts and emoji need them. Backslashes go: rosters are refused for them.
    """
    text = text.strip()[: 10 * MAX_NAME]  # composing many combining marks takes a time that grows by squares
    text = text.replace("\\", "")
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


def checked_name(text: str, *, address: str = "") -> str:
    """A typed name, cleaned and cut to length; empty when it only repeats the address next to it.

    Raises NameRefusedError for a name with a line break, a link, a domain or an address.
    """
    typed = text.strip()[:MAX_TYPED]
    if not typed or typed.casefold() == address.casefold():
        return ""
    if _LINE_BREAK.search(typed):
        raise NameRefusedError(
            f"the name {quoted(typed)} has several lines", hint="Write it on one line, such as Ada Lovelace."
        )
    # As a mail program may show it: full-width letters and invisible characters make a link as well.
    shown = unicodedata.normalize("NFKC", typed).translate(_DOTS)
    shown = "".join(character for character in shown if unicodedata.category(character) not in ("Cf", "Cc"))
    if _LINK_IN_NAME.search(shown) or any(_is_domain(match) for match in _DOMAIN_IN_NAME.finditer(shown)):
        raise NameRefusedError(
            f"the name {quoted(typed)} holds a link or an address",
            hint="Write the name alone, such as Ada Lovelace, or leave it out.",
        )
    return clean_name(typed)


def _is_domain(found: re.Match[str]) -> bool:
    """Whether labels joined by dots may be a domain, and are no initials or titles before a name."""
    before: list[str] = found[1].rstrip(".").split(".")
    last: str = found[2]
    abbreviated = all((len(part) == 1 and part.isupper()) or part.casefold() in _TITLES for part in before)
    named = (last[0].isupper() and last.casefold() not in _TOP_LEVEL) or last.casefold() in _TITLES
    return bool(found[3]) or not (abbreviated and named)


def mask(address: str) -> str:
    """`ada@example.org` as `a••@example.org`, for pages whose link may have been forwarded."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}••{at}{domain}" if at else ""


def quoted(text: str) -> str:
    """Typed text, quoted and shortened for a message."""
    return repr(text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…")
