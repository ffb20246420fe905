"""Checks the DNS of the sender: SPF, DKIM, DMARC, MX for bounces, reverse names. Changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from newsletter.delivery.message.dkim_keys import DkimKey
from newsletter.ops.doctor.finding import Finding, failed, ok, skipped, warning
from newsletter.ops.doctor.names import NoAnswerError, Resolver
from newsletter.ops.doctor.spf import SpfEvaluation, SpfResult

TEST_NET_PEER = ("192.0.2.1", 9)  # RFC 5737: connecting a UDP socket sends nothing, but sets its own address
GUIDE = "See “What DNS must say”, docs/how-to/dns.md."


def own_address() -> str | None:
    """The outgoing IPv4 address of this machine; None when it is not public (NAT)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(TEST_NET_PEER)
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return address if ip_address(address).is_global else None


def is_public(domain: str) -> bool:
    """Whether the domain can be in the public DNS."""
    return "." in domain and not domain.endswith((".localhost", ".local", ".internal"))


def check_dns(
    resolver: Resolver, *, domain: str, keys: Sequence[DkimKey], addresses: Sequence[str], sends_itself: bool
) -> list[Finding]:
    """Run every check of DNS.

    domain: of the sender and the bounce address, A-labels. addresses: the known outgoing IP addresses.
    sends_itself: the mail server of this machine sends, not that of a provider.
    """
    if not is_public(domain):
        return [
            warning(
                "DNS",
                f"the sender is at {domain}, which nobody else knows",
                hint="Set sender to an address at your own domain.",
            )
        ]
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("SPF", lambda: _spf(resolver, domain, addresses)),
        ("DKIM", lambda: _dkim(resolver, keys)),
        ("DMARC", lambda: _dmarc(resolver, domain, keys)),
        ("bounces", lambda: [_mx(resolver, domain)]),
        ("PTR", lambda: _ptr(resolver, addresses, sends_itself=sends_itself)),
    ]
    found: list[Finding] = []
    for check, one in checks:
        try:
            found += one()
        except NoAnswerError as error:
            found.append(failed(check, error.message, hint=error.hint))
    return found


def _spf(resolver: Resolver, domain: str, addresses: Sequence[str]) -> list[Finding]:
    whole = SpfEvaluation(resolver, None)
    result = whole.run(domain)
    if result is SpfResult.NONE:
        return [failed("SPF", f"{domain} has no SPF record", hint=f"Publish one. {GUIDE}")]
    if result is SpfResult.PERMERROR:
        return [failed("SPF", f"the record of {domain} is wrong: {whole.why}", hint=f"Mend it. {GUIDE}")]
    if any(term in ("all", "+all") for term in whole.seen[0].lower().split()):
        return [
            failed("SPF", f"{domain} lets everybody send: +all", hint=f"End the record with ~all. {GUIDE}")
        ]
    found = []
    for address in addresses:
        one = SpfEvaluation(resolver, ip_address(address))
        result = one.run(domain)
        if result is SpfResult.PASS:
            found.append(ok("SPF", f"{domain} lets {address} send; {whole.lookups} look-ups of 10"))
        elif not one.is_exact:
            found.append(ok("SPF", f"{domain} has a record with macros; {address} was not checked"))
        else:
            found.append(
                failed(
                    "SPF",
                    f"{domain} does not let {address} send ({result.value})",
                    hint=f"Add ip{ip_address(address).version}:{address} to its record. {GUIDE}",
                )
            )
    return found or [ok("SPF", f"{domain} has a record; {whole.lookups} look-ups of 10")]


def _dkim(resolver: Resolver, keys: Sequence[DkimKey]) -> list[Finding]:
    if not keys:
        return [
            warning(
                "DKIM",
                "mail is not signed here",
                hint="If your mail server signs, well; else see “Sign mail with DKIM”.",
            )
        ]
    return [_dkim_key(resolver, key) for key in keys]


def _dkim_key(resolver: Resolver, key: DkimKey) -> Finding:
    record = key.record
    again = f"`newsletter dkim show` says what it must be. {GUIDE}"
    texts = resolver.texts(record.name)
    if not texts:
        return failed("DKIM", f"there is no record {record.name}", hint=again)
    if len(texts) > 1:
        return failed("DKIM", f"{record.name} has {len(texts)} records; there must be one", hint=again)
    found, wanted = _tags(texts[0]), _tags(record.value)
    if found.get("p") == "":
        return failed("DKIM", f"the key at {record.name} is revoked (p= is empty)", hint=again)
    if (
        found.get("p") != wanted["p"]
        or found.get("k", "rsa") != wanted["k"]
        or found.get("v", "DKIM1") != "DKIM1"
    ):
        return failed("DKIM", f"{record.name} is not the record of our key", hint=again)
    if "y" in found.get("t", "").split(":"):
        return warning(
            "DKIM", f"{record.name} says t=y: receivers treat our mail as unsigned", hint="Take t=y out."
        )
    return ok("DKIM", f"{record.name} is our key ({key.algorithm.value})")


def _dmarc(resolver: Resolver, domain: str, keys: Sequence[DkimKey]) -> list[Finding]:
    labels = domain.split(".")
    # RFC 7489 section 6.6.3: without a record here, that of the organisation's domain above counts.
    for place in (".".join(labels[first:]) for first in range(len(labels) - 1)):
        texts = [text for text in resolver.texts(f"_dmarc.{place}") if _tags(text).get("v") == "DMARC1"]
        if not texts:
            continue
        if len(texts) > 1:
            return [failed("DMARC", f"_dmarc.{place} has {len(texts)} records", hint="Leave one of them.")]
        return [_dmarc_record(_tags(texts[0]), place, domain, keys)]
    return [
        failed("DMARC", f"there is no record _dmarc.{domain}", hint=f"Publish `v=DMARC1; p=none`. {GUIDE}")
    ]


def _dmarc_record(tags: dict[str, str], place: str, domain: str, keys: Sequence[DkimKey]) -> Finding:
    policy = tags.get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return failed("DMARC", f"_dmarc.{place} has no valid p=", hint="Write p=none, quarantine or reject.")
    strict = tags.get("adkim", "r").lower() == "s"
    if strict and keys and not any(key.domain == domain for key in keys):
        return failed(
            "DMARC",
            f"_dmarc.{place} asks for strict alignment, but we sign for {keys[0].domain}",
            hint=f"Sign for {domain}, or take adkim=s out.",
        )
    return ok("DMARC", f"_dmarc.{place} says p={policy}")


def _mx(resolver: Resolver, domain: str) -> Finding:
    exchanges = resolver.exchanges(domain)
    hint = f"Give {domain} an MX record that leads to a server which takes its mail. {GUIDE}"
    if exchanges and not any(host for _preference, host in exchanges):
        return failed("bounces", f"{domain} says that it takes no mail (null MX)", hint=hint)
    if not exchanges:
        if resolver.addresses(domain):
            return warning("bounces", f"{domain} has no MX record; its address is tried", hint=hint)
        return failed("bounces", f"{domain} has neither MX nor address: no bounce comes back", hint=hint)
    dead = [host for _preference, host in exchanges if host and not resolver.addresses(host)]
    if dead:
        return failed("bounces", f"the mail server {dead[0]} of {domain} has no address", hint=hint)
    return ok("bounces", f"mail for {domain} goes to {exchanges[0][1]}")


def _ptr(resolver: Resolver, addresses: Sequence[str], *, sends_itself: bool) -> list[Finding]:
    if not addresses:
        why = "this machine's outgoing address is not known" if sends_itself else "your provider's matter"
        return [skipped("PTR", f"{why}; --address checks one")]
    found = []
    for address in addresses:
        pointers = resolver.pointers(address)
        hint = f"Ask whoever gave you {address} to set its reverse name. {GUIDE}"
        back = [name for name in pointers if address in resolver.addresses(name)]
        if not pointers:
            found.append(failed("PTR", f"{address} has no name", hint=hint))
        elif not back:
            found.append(
                failed("PTR", f"{address} says it is {pointers[0]}, which is not that address", hint=hint)
            )
        else:
            found.append(ok("PTR", f"{address} is {back[0]}, and back"))
    return found


def _tags(text: str) -> dict[str, str]:
    """A tag list (RFC 6376 section 3.2); spaces, which mean nothing in these tags, are removed."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}
