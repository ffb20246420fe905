"""A DNS server of the tests' own on a real UDP socket: answers from the records it is given."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[
    tuple[str, str], Sequence[str]
]  # (name without a dot at the end, type): values as in a zone file
BROKEN = "!"  # a record of this value: the server fails


def quoted(text: str) -> str:
    """A TXT value in strings of at most 255 octets, as a zone file has it."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


class NameServer:
    """Serves one zone, over UDP and, for what does not fit there, over TCP."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        """Where it listens, as `--resolver` takes it."""
        return f"127.0.0.1:{self._udp.getsockname()[1]}"

    def __enter__(self) -> NameServer:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._udp.shutdown(socket.SHUT_RDWR)
        self._udp.close()

    def _serve(self) -> None:
        while True:
            try:
                wire, client = self._udp.recvfrom(65535)
            except OSError:
                return
            if not wire:
                return
            with contextlib.suppress(dns.exception.DNSException, OSError):
                self._udp.sendto(self._answer(dns.message.from_wire(wire)), client)

    def _answer(self, query: dns.message.Message) -> bytes:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        (question,) = query.question
        name, kind = (
            question.name.to_text(omit_final_dot=True).lower(),
            dns.rdatatype.to_text(question.rdtype),
        )
        self.asked.append((name, kind))
        values = self.zone.get((name, kind), ())
        if BROKEN in values:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif values:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire(max_size=65535)
