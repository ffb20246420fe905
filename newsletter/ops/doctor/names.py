"""Queries DNS and returns plain values. Judges nothing."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.name
import dns.resolver
import dns.reversename

from newsletter.core.errors import ConfigurationError, NewsletterError

QUERY_TIMEOUT = 6.0  # seconds of one query with all its repetitions
PORT = 53


class NoAnswerError(NewsletterError):
    """DNS gave no answer, which is not the answer that there is no such record."""


class Resolver:
    """Queries one DNS server. Each method returns an empty list when there is no record."""

    def __init__(self, server: str | None = None) -> None:
        """server: `ADDRESS` or `ADDRESS:PORT`; None: those of this machine. Raises ConfigurationError."""
        if server is None:
            try:
                self._resolver = dns.resolver.Resolver()
            except dns.resolver.NoResolverConfiguration as error:
                raise ConfigurationError(
                    "this machine has no resolver", hint="Name one with --resolver, or say --offline."
                ) from error
        else:
            self._resolver = dns.resolver.Resolver(configure=False)
            address, self._resolver.port = _server(server)
            self._resolver.nameservers = [address]
        self._resolver.lifetime = QUERY_TIMEOUT

    def texts(self, name: str) -> list[str]:
        """The TXT records, their strings joined (RFC 7208 section 3.3)."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6 addresses."""
        return [record.address for kind in ("A", "AAAA") for record in self._ask(name, kind)]

    def exchanges(self, name: str) -> list[tuple[int, str]]:
        """(preference, host) of the MX records, the preferred first; the host of a null MX is empty."""
        return sorted(
            (record.preference, record.exchange.to_text(omit_final_dot=True).removesuffix("."))
            for record in self._ask(name, "MX")
        )

    def pointers(self, address: str) -> list[str]:
        """The reverse names of an address."""
        reverse = dns.reversename.from_address(address).to_text()
        return [record.target.to_text(omit_final_dot=True) for record in self._ask(reverse, "PTR")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise NoAnswerError(
                f"DNS does not answer about {name} ({kind}): {str(error).splitlines()[0][:200]}",
                hint="Try again later, ask another server with --resolver, or say --offline.",
            ) from None


def _server(server: str) -> tuple[str, int]:
    host, colon, port = (
        server.rpartition(":") if server.count(":") == 1 or "]" in server else (server, "", "")
    )
    if server.endswith("]"):
        host, colon, port = server, "", ""
    try:
        return str(ip_address(host.strip("[]"))), int(port) if colon else PORT
    except ValueError as error:
        raise ConfigurationError(
            f"{server!r} is no address of a DNS server", hint="Write --resolver 9.9.9.9, or 127.0.0.1:5353."
        ) from error
