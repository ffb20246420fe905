"""The checks of DNS, against a DNS server of the test."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from newsletter.delivery.message.dkim_keys import Algorithm, DkimKey, generate, parse
from newsletter.ops.doctor import dns
from newsletter.ops.doctor.finding import Status
from newsletter.ops.doctor.names import Resolver
from tests.name_server import BROKEN, NameServer, Zone, quoted

DOMAIN = "papers.example.net"
HERE = "203.0.113.7"
KEY = parse(generate(Algorithm.ED25519), domain=DOMAIN, selector="one")
RSA = parse(generate(Algorithm.RSA), domain=DOMAIN, selector="two")
GOOD: Zone = {
    (DOMAIN, "TXT"): [quoted("v=spf1 ip4:203.0.113.7 -all")],
    (KEY.record.name, "TXT"): [quoted(KEY.record.value)],
    (RSA.record.name, "TXT"): [quoted(RSA.record.value)],
    ("_dmarc.example.net", "TXT"): [quoted("v=DMARC1; p=none; rua=mailto:d@example.net")],
    (DOMAIN, "MX"): ["10 mx.example.net."],
    ("mx.example.net", "A"): [HERE],
    ("7.113.0.203.in-addr.arpa", "PTR"): ["mx.example.net."],
}


def _look(
    zone: Zone, *, keys: Sequence[DkimKey] = (KEY,), addresses: Sequence[str] = (HERE,), domain: str = DOMAIN
) -> dict[str, list[tuple[Status, str]]]:
    with NameServer(zone) as server:
        found = dns.check_dns(
            Resolver(server.address), domain=domain, keys=keys, addresses=addresses, sends_itself=True
        )
    by_check: dict[str, list[tuple[Status, str]]] = {}
    for finding in found:
        assert bool(finding.hint) == (finding.status in (Status.FAILED, Status.WARNING))
        by_check.setdefault(finding.check, []).append((finding.status, finding.words))
    return by_check


def _without(*gone: tuple[str, str], **_: str) -> dict[tuple[str, str], Sequence[str]]:
    return {key: values for key, values in GOOD.items() if key not in gone}


def test_dns_that_is_right_is_all_ok() -> None:
    assert _look(GOOD, keys=(KEY, RSA)) == {
        "SPF": [(Status.OK, f"{DOMAIN} lets {HERE} send; 0 look-ups of 10")],
        "DKIM": [
            (Status.OK, f"one._domainkey.{DOMAIN} is our key (ed25519)"),
            (Status.OK, f"two._domainkey.{DOMAIN} is our key (rsa)"),
        ],
        "DMARC": [(Status.OK, "_dmarc.example.net says p=none")],
        "bounces": [(Status.OK, f"mail for {DOMAIN} goes to mx.example.net")],
        "PTR": [(Status.OK, f"{HERE} is mx.example.net, and back")],
    }


def test_dns_that_knows_nothing_fails_in_every_check() -> None:
    assert _look({}) == {
        "SPF": [(Status.FAILED, f"{DOMAIN} has no SPF record")],
        "DKIM": [(Status.FAILED, f"there is no record one._domainkey.{DOMAIN}")],
        "DMARC": [(Status.FAILED, f"there is no record _dmarc.{DOMAIN}")],
        "bounces": [(Status.FAILED, f"{DOMAIN} has neither MX nor address: no bounce comes back")],
        "PTR": [(Status.FAILED, f"{HERE} has no name")],
    }


@pytest.mark.parametrize(
    ("check", "name", "kind", "values", "expected"),
    [
        (
            "SPF",
            DOMAIN,
            "TXT",
            ['"v=spf1 ip4:198.51.100.1 ~all"'],
            (Status.FAILED, "does not let 203.0.113.7"),
        ),
        ("SPF", DOMAIN, "TXT", ['"v=spf1 +all"'], (Status.FAILED, "lets everybody send")),
        ("SPF", DOMAIN, "TXT", ['"v=spf1 all"'], (Status.FAILED, "lets everybody send")),
        ("SPF", DOMAIN, "TXT", ['"v=spf1 exists:%{i}.x.example -all"'], (Status.OK, "macros")),
        ("SPF", DOMAIN, "TXT", ['"v=spf1 -all"', '"v=spf1 mx -all"'], (Status.FAILED, "2 SPF records")),
        ("SPF", DOMAIN, "TXT", [BROKEN], (Status.FAILED, "does not answer")),
        (
            "DKIM",
            KEY.record.name,
            "TXT",
            [quoted(RSA.record.value)],
            (Status.FAILED, "not the record of our key"),
        ),
        ("DKIM", KEY.record.name, "TXT", ['"v=DKIM1; p="'], (Status.FAILED, "revoked")),
        ("DKIM", KEY.record.name, "TXT", [quoted(f"t=y; {KEY.record.value}")], (Status.WARNING, "t=y")),
        (
            "DKIM",
            KEY.record.name,
            "TXT",
            [quoted(KEY.record.value.replace("; ", " ;\t").replace("p=", "p= "))],
            (Status.OK, "our key"),
        ),
        (
            "DMARC",
            f"_dmarc.{DOMAIN}",
            "TXT",
            ['"v=DMARC1; p=reject"'],
            (Status.OK, f"_dmarc.{DOMAIN} says p=reject"),
        ),
        ("DMARC", f"_dmarc.{DOMAIN}", "TXT", ['"v=DMARC1; p=refuse"'], (Status.FAILED, "no valid p=")),
        ("bounces", DOMAIN, "MX", ["0 ."], (Status.FAILED, "null MX")),
        ("bounces", DOMAIN, "MX", ["10 gone.example.net."], (Status.FAILED, "gone.example.net")),
        (
            "PTR",
            "7.113.0.203.in-addr.arpa",
            "PTR",
            ["pool-7.isp.example."],
            (Status.FAILED, "not that address"),
        ),
    ],
)
def test_wrong_dns_is_reported(
    check: str, name: str, kind: str, values: list[str], expected: tuple[Status, str]
) -> None:
    ((status, words),) = _look({**GOOD, (name, kind): values})[check]
    assert (status, expected[1] in words) == (expected[0], True), words


def test_strict_dmarc_with_a_key_of_the_domain_above_fails() -> None:
    above = parse(generate(Algorithm.ED25519), domain="example.net", selector="one")
    zone = {
        **GOOD,
        (above.record.name, "TXT"): [quoted(above.record.value)],
        ("_dmarc.example.net", "TXT"): ['"v=DMARC1; p=reject; adkim=s"'],
    }
    assert [status for status, _ in _look(zone, keys=(above,))["DMARC"]] == [Status.FAILED]
    zone["_dmarc.example.net", "TXT"] = ['"v=DMARC1; p=reject"']
    assert [status for status, _ in _look(zone, keys=(above,))["DMARC"]] == [Status.OK]


def test_bounces_without_mx_may_go_to_the_address() -> None:
    zone = {**_without((DOMAIN, "MX")), (DOMAIN, "A"): [HERE]}
    assert [status for status, _ in _look(zone)["bounces"]] == [Status.WARNING]


def test_unknown_address_and_unsigned_mail_are_no_failures() -> None:
    found = _look(GOOD, keys=(), addresses=())
    assert [found[check][0][0] for check in ("SPF", "DKIM", "PTR")] == [
        Status.OK,
        Status.WARNING,
        Status.SKIPPED,
    ]


def test_sender_that_only_this_machine_knows_is_a_warning_and_asks_nobody() -> None:
    with NameServer(GOOD) as server:
        (finding,) = dns.check_dns(
            Resolver(server.address), domain="localhost", keys=(), addresses=(), sends_itself=True
        )
        assert (finding.status, server.asked) == (Status.WARNING, [])
