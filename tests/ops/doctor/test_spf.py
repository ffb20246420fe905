"""SPF against a DNS server: RFC 7208's mechanisms, and its limits."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from newsletter.ops.doctor.names import NoAnswerError, Resolver
from newsletter.ops.doctor.spf import SpfEvaluation, SpfResult
from tests.name_server import BROKEN, NameServer, Zone, quoted

DOMAIN = "papers.example"
HERE = "203.0.113.7"


def _zone(record: str, more: Zone | None = None) -> Zone:
    return {(DOMAIN, "TXT"): [quoted("unrelated"), quoted(record)], **(more or {})}


def _result(zone: Zone, address: str = HERE) -> tuple[SpfResult, int]:
    with NameServer(zone) as server:
        evaluation = SpfEvaluation(Resolver(server.address), ip_address(address))
        return evaluation.run(DOMAIN), evaluation.lookups


HOSTS: Zone = {
    (DOMAIN, "A"): [HERE],
    (DOMAIN, "MX"): ["10 mx.papers.example."],
    ("mx.papers.example", "A"): ["203.0.113.9"],
    ("mx.papers.example", "AAAA"): ["2001:db8::9"],
    ("_spf.provider.example", "TXT"): [quoted("v=spf1 ip4:203.0.113.0/28 ~all")],
    ("deep.example", "TXT"): [quoted("v=spf1 include:_spf.provider.example -all")],
}


@pytest.mark.parametrize(
    ("record", "address", "expected"),
    [
        ("v=spf1 ip4:203.0.113.7 -all", HERE, (SpfResult.PASS, 0)),
        ("v=spf1 ip4:203.0.113.0/24 -all", "203.0.114.7", (SpfResult.FAIL, 0)),
        ("v=spf1 ip6:2001:db8::/32 ~all", "2001:db8::1", (SpfResult.PASS, 0)),
        ("v=spf1 ip6:2001:db8::/32 ~all", HERE, (SpfResult.SOFTFAIL, 0)),
        ("v=spf1 a -all", HERE, (SpfResult.PASS, 1)),
        ("v=spf1 a/24 -all", "203.0.113.200", (SpfResult.PASS, 1)),
        ("v=spf1 a:mx.papers.example//64 -all", "2001:db8::77", (SpfResult.PASS, 1)),
        ("V=SPF1 MX -ALL", "203.0.113.9", (SpfResult.PASS, 1)),
        ("v=spf1 mx:papers.example/28 -all", "203.0.113.1", (SpfResult.PASS, 1)),
        ("v=spf1 include:deep.example -all", HERE, (SpfResult.PASS, 2)),
        ("v=spf1 include:deep.example -all", "198.51.100.1", (SpfResult.FAIL, 2)),
        ("v=spf1 redirect=deep.example", HERE, (SpfResult.PASS, 2)),
        ("v=spf1 -ip4:203.0.113.7 +all", HERE, (SpfResult.FAIL, 0)),
        ("v=spf1 exists:papers.example -all", HERE, (SpfResult.PASS, 1)),
        ("v=spf1 ip4:198.51.100.1", HERE, (SpfResult.NEUTRAL, 0)),
        ("v=spf1 include:nowhere.example -all", HERE, (SpfResult.PERMERROR, 1)),
        ("v=spf1 ipv4:203.0.113.7 -all", HERE, (SpfResult.PERMERROR, 0)),
        ("v=spf1 ip4:somewhere -all", HERE, (SpfResult.PERMERROR, 0)),
        ("v=spf10 -all", HERE, (SpfResult.NONE, 0)),
    ],
)
def test_spf_result_is_that_of_the_rfc(record: str, address: str, expected: tuple[SpfResult, int]) -> None:
    assert _result(_zone(record, HOSTS), address) == expected


def test_spf_record_that_needs_too_many_look_ups_is_an_error() -> None:
    loop: Zone = {("loop.example", "TXT"): [quoted("v=spf1 include:loop.example -all")]}
    assert _result(_zone("v=spf1 include:loop.example -all", loop))[0] is SpfResult.PERMERROR
    ten = "v=spf1 " + "a:mx.papers.example " * 10 + "-all"
    assert _result(_zone(ten, HOSTS)) == (SpfResult.FAIL, 10)
    assert _result(_zone(ten.replace(" -all", " a -all"), HOSTS))[0] is SpfResult.PERMERROR


def test_spf_with_two_records_is_an_error() -> None:
    two = {(DOMAIN, "TXT"): [quoted("v=spf1 -all"), quoted("v=spf1 +all")]}
    assert _result(two)[0] is SpfResult.PERMERROR


def test_spf_is_not_judged_when_dns_fails() -> None:
    with pytest.raises(NoAnswerError, match="does not answer"):
        _result({(DOMAIN, "TXT"): [BROKEN]})
