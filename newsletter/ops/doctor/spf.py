"""Evaluates SPF records (RFC 7208): may this address send for that domain? Expands no macros."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from newsletter.ops.doctor.names import Resolver

MAX_LOOKUPS = 10  # RFC 7208 section 4.6.4; more is a permanent error
MAX_EXCHANGES = 10  # hosts of one mx mechanism, the same section
Address = IPv4Address | IPv6Address


class SpfResult(StrEnum):
    """The result of an evaluation (RFC 7208 section 2.6)."""

    PASS = "pass"  # noqa: S105 (the RFC's word)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"  # there is no record
    PERMERROR = "permerror"  # the record is wrong: many servers refuse the mail


_QUALIFIERS = {"+": SpfResult.PASS, "-": SpfResult.FAIL, "~": SpfResult.SOFTFAIL, "?": SpfResult.NEUTRAL}


class _BrokenError(Exception):
    """The record is wrong; the message gives the reason."""


@dataclass(slots=True)
class SpfEvaluation:
    """One evaluation and its look-ups."""

    names: Resolver
    address: Address | None  # None: matches no mechanism, so that all are evaluated
    lookups: int = 0
    is_exact: bool = True  # False when the record holds a macro
    why: str = ""  # of a permerror
    seen: list[str] = field(default_factory=list)  # the records, the domain's own first

    def run(self, domain: str) -> SpfResult:
        """The result for `domain`. Raises NoAnswerError."""
        try:
            return self._check(domain)
        except _BrokenError as error:
            self.why = str(error)
            return SpfResult.PERMERROR

    def _check(self, domain: str) -> SpfResult:
        records = [text for text in self.names.texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
        if not records:
            return SpfResult.NONE
        if len(records) > 1:
            raise _BrokenError(f"{domain} has {len(records)} SPF records; there must be one")
        self.seen.append(records[0])
        redirect = ""
        for term in records[0].split()[1:]:
            if "=" in term.split(":")[0].split("/")[0]:
                name, _, value = term.partition("=")
                redirect = value if name.lower() == "redirect" else redirect
                continue
            qualifier = term[0] if term[0] in _QUALIFIERS else "+"
            if self._matches(term.removeprefix(qualifier), domain):
                return _QUALIFIERS[qualifier]
        if redirect:
            self._count()
            result = self._check(redirect)
            if result is SpfResult.NONE:
                raise _BrokenError(f"redirect={redirect} leads to no SPF record")
            return result
        return SpfResult.NEUTRAL

    def _matches(self, term: str, domain: str) -> bool:
        name, _, value = term.partition(":")
        name, slash, prefixes = name.partition("/") if not value else (name, "", "")
        name = name.lower()
        if value and name in ("a", "mx"):
            value, slash, prefixes = value.partition("/")
        if "%" in value:
            self.is_exact = False
            self._count()
            return False
        if name == "all":
            return self.address is not None
        if name in ("ip4", "ip6"):
            return self._within(value)
        if name not in ("a", "mx", "include", "exists", "ptr"):
            raise _BrokenError(f"{domain}: nobody knows the mechanism {term!r}")
        self._count()
        target = value or domain
        if name == "include":
            result = self._check(target)
            if result is SpfResult.NONE:
                raise _BrokenError(f"{domain}: include:{target} leads to no SPF record")
            return result is SpfResult.PASS
        if name == "a":
            return self._is_one_of(self.names.addresses(target), prefixes if slash else "")
        if name == "mx":
            hosts = [host for _preference, host in self.names.exchanges(target)[:MAX_EXCHANGES] if host]
            found = [address for host in hosts for address in self.names.addresses(host)]
            return self._is_one_of(found, prefixes if slash else "")
        if name == "exists":
            return bool(self.names.addresses(target)) and self.address is not None
        self.is_exact = False  # ptr: deprecated (section 5.5)
        return False

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _BrokenError(f"it takes more than {MAX_LOOKUPS} look-ups")

    def _within(self, text: str) -> bool:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise _BrokenError(f"{text!r} is no network") from None
        return self.address is not None and self.address in network

    def _is_one_of(self, found: list[str], prefixes: str) -> bool:
        """prefixes: `24`, `24//64` or `/64` (section 5.3)."""
        four, _, six = prefixes.partition("//") if not prefixes.startswith("/") else ("", "", prefixes[1:])
        for text in found:
            length = four if ip_address(text).version == 4 else six
            if self._within(f"{text}/{length}" if length else text):
                return True
        return False
