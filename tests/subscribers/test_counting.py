"""One mailbox and one network are counted as one, in whatever spelling."""

from __future__ import annotations

import pytest

from subscribers import addresses
from subscribers.counting import mailboxes, wider_networks


@pytest.mark.parametrize(
    ("spellings", "mailbox"),
    [
        (["ada.l+1@example.org", "ADAL+x+y@example.org", "a.d.a.l@Example.org"], ("adal@example.org", 1)),
        (["ada.l@googlemail.com", "adal+news@gmail.com"], ("adal@gmail.com", 1)),
        (["ada@protonmail.com", "a.da+1@pm.me"], ("ada@proton.me", 1)),
        (["ada@me.com", "ada+1@mac.com"], ("ada@icloud.com", 1)),
        (["news@ada.fastmail.com", "ada+x@fastmail.com"], ("ada@fastmail.com", 1)),
        (["ada-1@yahoo.com", "ada-news@yahoo.com", "ada=x@yahoo.com", "ada@yahoo.com"], ("ada@yahoo.com", 3)),
        (["ad\u00e4@example.org", "ada\u0308@example.org"], ("ad\u00e4@example.org", 1)),
        (["+ada@example.org"], ("+ada@example.org", 1)),
    ],
)
def test_addresses_of_one_mailbox_are_counted_together(
    spellings: list[str], mailbox: tuple[str, int]
) -> None:
    for spelling in spellings:
        counted = mailboxes(addresses.parse(spelling).key)
        assert mailbox[0] in [name for name, _ in counted]
        if len(counted) > 1:
            assert mailbox in counted


def test_colleagues_with_hyphens_share_only_a_larger_limit() -> None:
    luc, paul = mailboxes("jean-luc@example.org"), mailboxes("jean-paul@example.org")
    assert luc == (("jean-luc@example.org", 1), ("jean@example.org", 3))
    assert luc[0] != paul[0]
    assert luc[1] == paul[1]


@pytest.mark.parametrize(
    ("client", "networks"),
    [
        ("2001:db8:1:2::/64", (("2001:db8:1::/56", 2), ("2001:db8:1::/48", 6))),
        ("2001:db8:1:ff02::/64", (("2001:db8:1:ff00::/56", 2), ("2001:db8:1::/48", 6))),
        ("192.0.2.77", (("192.0.2.0/24", 6),)),
        ("a socket", ()),
        ("", ()),
    ],
)
def test_a_client_is_counted_by_its_wider_networks(
    client: str, networks: tuple[tuple[str, int], ...]
) -> None:
    assert wider_networks(client) == networks
