"""Encrypts and decrypts one connection's bytes in memory. It touches no socket.

Certificates are always verified; there is no setting against it.
"""

from __future__ import annotations

import ssl

from newsletter.core.errors import ConfigurationError
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError

READ_SIZE = 65_536  # bytes of one read from the TLS layer


def client_context(relay: Relay) -> ssl.SSLContext:
    """TLS 1.2 or later, host name and chain checked. Raises ConfigurationError for an unreadable CA file."""
    try:
        context = ssl.create_default_context(cafile=relay.ca_file)
    except OSError as error:
        raise ConfigurationError(
            f"smtp.ca_file cannot be read: {relay.ca_file}", hint="Name a file of PEM certificates."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class TlsLayer:
    """One connection's encryption."""

    def __init__(self, context: ssl.SSLContext, relay: Relay) -> None:
        self._relay = relay
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=relay.host.strip("[]"))
        self.established = False

    @property
    def version(self) -> str:
        """The protocol's version, "TLSv1.3"."""
        return self._tls.version() or ""

    def shake(self, data: bytes = b"") -> bytes:
        """Continue the handshake after `data`; the bytes to send. Raises RelayError."""
        if data:
            self._incoming.write(data)
        try:
            self._tls.do_handshake()
            self.established = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            words = f"its certificate is not good for {self._relay.host}: {error.verify_message}"
            raise RelayError(self._relay, Fault.CERTIFICATE, words) from error
        except ssl.SSLError as error:
            words = f"the TLS handshake fails: {error.reason or error}"
            raise RelayError(self._relay, Fault.TLS, words) from error
        return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """`data` as TLS records."""
        self._tls.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """(plaintext of `data`, whether the server ended the stream). Raises ConnectionError."""
        if data:
            self._incoming.write(data)
        plain: list[bytes] = []
        ended = False
        try:
            while chunk := self._tls.read(READ_SIZE):
                plain.append(chunk)
            ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = True
        except ssl.SSLError as error:
            if not plain:
                raise ConnectionError(f"TLS: {error.reason or error}") from error
            ended = True
        return b"".join(plain), ended

    def pending(self) -> bytes:
        """Bytes that TLS itself must send: alerts, key updates."""
        return self._outgoing.read()
