"""Names what requests are counted by: the networks of a client and the mailbox of an address. Counts nothing.

One mailbox has many addresses, and one client many network addresses. These names are for counting only: an
address that they hold is never stored, and never mailed.
"""

from __future__ import annotations

import unicodedata
from ipaddress import IPv6Network, ip_network

# A wider network has more people: how many times the requests of one network address it may make.
NETWORK_FACTORS = {56: 2, 48: 6}  # of IPv6, by prefix: a home, a site (RFC 6177)
NEIGHBOUR_FACTOR = 6  # of an IPv4 /24
HYPHEN_FACTOR = 3  # of addresses that differ behind a hyphen: sub-addresses of some servers, else colleagues
_SUB_ADDRESS = "+"  # RFC 5233; the usual separator
_OTHER_SEPARATORS = "-=#"  # separators of single servers, which names may hold as well
# Domains whose addresses reach the same mailbox.
_SAME_DOMAIN = {
    "googlemail.com": "gmail.com",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "protonmail.com": "proton.me",
    "pm.me": "proton.me",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
}
_NAMED_IN_DOMAIN = ("fastmail.com", "fastmail.fm")  # anything@ada.fastmail.com reaches ada@fastmail.com


def mailboxes(address_key: str) -> tuple[tuple[str, int], ...]:
    """The mailbox of an address key in one or two spellings, each with the factor of its limit.

    The first is without sub-address and dots. The second, if it differs, ends before a hyphen or the like.
    """
    local, _, domain = unicodedata.normalize("NFKC", address_key).casefold().rpartition("@")
    domain = _SAME_DOMAIN.get(domain, domain)
    for host in _NAMED_IN_DOMAIN:
        if domain.endswith(f".{host}"):
            local, domain = domain.removesuffix(f".{host}").rpartition(".")[2], host
    plain = (local.partition(_SUB_ADDRESS)[0] or local).replace(".", "") or local
    short = plain
    for separator in _OTHER_SEPARATORS:
        short = short.partition(separator)[0] or short
    exact = (f"{plain}@{domain}", 1)
    return (exact,) if short == plain else (exact, (f"{short}@{domain}", HYPHEN_FACTOR))


def wider_networks(client: str) -> tuple[tuple[str, int], ...]:
    """The wider networks of a client, each with the factor of its limit.

    client: an IPv4 address, or the /64 network of an IPv6 address; anything else has no wider network.
    """
    try:
        network = ip_network(client)
    except ValueError:
        return ()
    if isinstance(network, IPv6Network):
        return tuple(
            (str(network.supernet(new_prefix=prefix)), factor)
            for prefix, factor in NETWORK_FACTORS.items()
            if prefix < network.prefixlen
        )
    return ((str(network.supernet(new_prefix=24)), NEIGHBOUR_FACTOR),)
