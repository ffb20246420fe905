"""Checks the text of single settings: each function returns the value to keep, or raises ValueError.

Reads no settings. The message of an error says what to write instead.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from string import Formatter
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from newsletter.core.mail.rates import parse_rates
from subscribers import time_zones

LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
SELECTOR = re.compile(rf"{LABEL}(\.{LABEL})*")  # RFC 6376 section 3.1
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
POSTGRESQL = "postgresql+psycopg"  # the scheme, with the driver that we bring
SUBJECT_FIELDS = ("name", "number", "date", "topics", "first", "count")
_SUBJECT_HINT = f"use any of {', '.join(f'{{{name}}}' for name in SUBJECT_FIELDS)}, and {{{{ for a brace"


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine by a loopback name or address (all of 127/8 counts)."""
    name = host.lower().strip("[]")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name in LOOPBACK_NAMES or name.endswith(".localhost")  # RFC 6761 section 6.3


def zone(name: str) -> str:
    """An IANA name."""
    found = time_zones.find(name)
    if found is None:
        raise ValueError(f"no time zone {name!r}. {time_zones.hint(name)}")
    return found


def address(value: str) -> str:
    """`Name <address>`, or an address alone."""
    _, address = parseaddr(value)
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(character in value for character in "\r\n"):
        raise ValueError("not an address; write it as Name <address@example.org>")
    return value


def bare_address(value: str) -> str:
    """An address alone, or nothing."""
    if value and (not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value)):
        raise ValueError("write one address such as admin@example.org")
    return value


def ehlo_name(value: str) -> str:
    """A full host name (RFC 5321 4.1.1.1), or nothing."""
    if value and not re.fullmatch(rf"{LABEL}(\.{LABEL})+", value):
        raise ValueError("write the full name of this machine, such as news.example.org")
    return value


def return_path(value: str) -> str:
    """An address in which `{id}` stands for the signed id of a message, or nothing."""
    if not value:
        return value
    plain = value.replace("{id}", "1", 1)
    if not re.fullmatch(r"[^@\s<>{}]+@[^@\s<>{}]+", plain) or "{id}" in value.rpartition("@")[2]:
        raise ValueError(
            "write an address such as me+{id}@example.org; {id} once, before the @, or not at all"
        )
    return value


def plain_mailbox(value: str) -> str:
    """An address of plain letters before which nothing is marked yet, or nothing."""
    if value and not re.fullmatch(rf"[A-Za-z0-9_.-]{{1,20}}@{LABEL}(\.{LABEL})*", value):
        raise ValueError(
            "write an address such as bounce@papers.example.org, of at most 20 letters, without +"
        )
    return value.lower()


def one_address(value: str) -> str:
    """An address alone."""
    if not value:
        raise ValueError("write one address such as admin@example.org")
    return bare_address(value)


def base_url(value: str) -> str:
    """The address of the web pages; a slash at its end is cut off."""
    if "@" in value:  # also of a password with a slash in it, which a parser would take for a path
        raise ValueError("write it without a user name and a password: it stands in every mail")
    parts = urlsplit(value)
    odd = re.search(r"[\s\\<>\"'\x00-\x1f\x7f-\x9f]", value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or odd:
        raise ValueError("write it as https://papers.example.org, without ? and #")
    if not _has_usable_port(parts):
        raise ValueError("the port must be a number up to 65535")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http:// is for loopback only; the links in a mail need https://")
    return value.rstrip("/")


def database_url(value: SecretStr) -> SecretStr:
    """The address of the database, which may hold a password: no message quotes it."""
    text = value.get_secret_value()
    scheme, _, rest = text.partition("://")
    system = scheme.lower().partition("+")[0]
    if system in ("postgres", "postgresql") and scheme != POSTGRESQL:
        raise ValueError(f"it must begin with {POSTGRESQL}:// instead of {scheme}://; the rest stays")
    if scheme not in ("sqlite", POSTGRESQL):
        raise ValueError(f"write it as sqlite:////path/file or {POSTGRESQL}://user:password@host/name")
    if scheme == "sqlite" and not re.fullmatch(r"/[^/].*|//.+", rest):
        raise ValueError("write it as sqlite:////path/file, with four slashes before an absolute path")
    if scheme == "sqlite":
        return value
    before_query = rest.partition("?")[0]
    if before_query.count("@") > 1 or "@" in before_query.partition("/")[2]:
        raise ValueError("in user name and password write @ as %40, / as %2F, : as %3A and ? as %3F")
    if "@" in rest.partition("?")[2] or not _has_usable_port(urlsplit(f"//{before_query}")):
        raise ValueError("the port must be a number; in the password write ? as %3F, # as %23 and [ as %5B")
    return value


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def source_name(value: str) -> str:
    """The name of a source, which becomes part of file names."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", value):
        raise ValueError("write a name of lower-case letters, digits and hyphens")
    return value


def web_link(value: str) -> str:
    """A link to a page."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a link that starts with https://")
    return value


def listing_link(value: str) -> str:
    """A link to a listing, in which `{date}` may stand for the day."""
    for name in re.findall(r"\{[A-Za-z_ ]*\}", value):
        if name != "{date}":
            raise ValueError(f"write {{date}} for the day: {name} stands for nothing")
    return web_link(value)


def public_link(value: str) -> str:
    """A link that stands in every mail."""
    parts = urlsplit(value)
    if "@" in parts.netloc or not _has_usable_port(parts):  # such as u:pass/word@
        raise ValueError("write it without a user name and a password: it stands in every mail")
    return web_link(value)


def host(value: str) -> str:
    """The name or the address of a server."""
    if re.search(r"[@/\s\x00-\x1f\x7f]", value):
        raise ValueError("write the name of the server alone, such as smtp.example.org")
    return value


def token_url(value: str) -> str:
    """The address of a token server: secrets go there."""
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.username or parts.fragment or re.search(r"\s", value):
        raise ValueError("write it as https://login.example.org/token, without a password in it")
    return value


def local_listener(value: str) -> str:
    """A path of a socket, or a loopback address with a port; or nothing."""
    if not value or re.fullmatch(r"/[^\0]{1,100}", value):  # sun_path of a socket's address has 108 octets
        return value
    found = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", value)
    if not found or not 0 < int(found[2]) <= 65535 or not is_loopback(found[1]):
        raise ValueError("write it as 127.0.0.1:8024, or as a path such as /run/newsletter/lmtp")
    return value


def sns_topic(value: str) -> str:
    """The name of a topic of Amazon SNS, or nothing."""
    if value and not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}", value):
        raise ValueError("write the topic's ARN, such as arn:aws:sns:eu-west-1:123456789012:bounces")
    return value


def public_key(value: str) -> str:
    """A public key in base64, as SendGrid shows it, or nothing; lines of PEM around it are cut off."""
    text = "".join(re.sub(r"-----[A-Z ]+-----", "", value).split())
    if text and not re.fullmatch(r"[A-Za-z0-9+/]{60,400}={0,2}", text):
        raise ValueError("write the verification key as SendGrid shows it: a long line that starts with MFkw")
    return text


def command(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """A line for the shell, or a program and its arguments."""
    words = [value] if isinstance(value, str) else list(value)
    if not words or not words[0].strip() or any("\0" in word for word in words):
        raise ValueError('write it as ["/usr/local/bin/token", "argument"], or as one line for the shell')
    return value


def selector(value: str) -> str:
    """A DKIM selector, in lower case."""
    if not SELECTOR.fullmatch(value):
        raise ValueError("a selector is made of letters, digits and hyphens, such as newsletter-2027")
    return value.lower()


def domain(value: str) -> str:
    """The name of a domain."""
    if not re.fullmatch(r"[^\s@/:.]+(\.[^\s@/:.]+)*", value):
        raise ValueError("write a domain such as example.org")
    return value


def rates(value: str) -> str:
    """Limits of mails, such as `20/second, 5000/day`."""
    parse_rates(value)
    return value


def count_rates(value: str) -> str:
    """Limits of requests, such as `5/minute, 20/hour`."""
    from limits import parse_many  # slow to import, and few newsletters set a limit

    try:
        if value.strip():
            parse_many(value)
    except ValueError as error:
        raise ValueError("write it as 5/minute, 20/hour") from error
    return value


def network(value: str) -> str:
    """An address or a network."""
    try:
        ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError(f"{value!r} is no address or network such as 10.0.0.0/8") from error
    return value


def color(value: str) -> str:
    """A colour of six hexadecimal digits."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError('write it as #rrggbb in quotes, such as "#5546b0"')
    return value


def language(value: str) -> str:
    """A language tag (RFC 5646) without private parts."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", value):
        raise ValueError("write a language tag such as en or pt-BR")
    return value


def arxiv_category(value: str) -> str:
    """A category of arXiv."""
    if not re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", value):
        raise ValueError(f"{value!r} is no category of arXiv; write it as cs.AR or quant-ph")
    return value


def subject_pattern(pattern: str) -> str:
    """The pattern of a subject line, which `render.subject_line` fills."""
    try:
        fields = [(name, form, how) for _, name, form, how in Formatter().parse(pattern) if name is not None]
    except ValueError as error:
        raise ValueError(f"cannot be read ({error}); {_SUBJECT_HINT}") from error
    for name, form, how in fields:
        if name not in SUBJECT_FIELDS:
            raise ValueError(f"there is no field {{{name}}}; {_SUBJECT_HINT}")
        if form or how:
            raise ValueError(f"the field {{{name}}} takes nothing behind its name; {_SUBJECT_HINT}")
    return pattern
