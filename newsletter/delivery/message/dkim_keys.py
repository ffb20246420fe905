"""Makes DKIM keys, reads them from PEM, and shows their DNS records (RFC 8301, RFC 8463).

It touches no file and asks no DNS; `newsletter.delivery.message.dkim` signs with the keys.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

RSA_BITS = 2048  # every verifier takes it; RFC 8301 section 3.2 asks for it
MAX_RSA_BITS = 4096  # verifiers need not take more (RFC 8301 section 3.2)
MAX_STRING = 255  # octets of one string of a TXT record, RFC 1035 section 3.3


class Algorithm(StrEnum):
    """How a key signs."""

    RSA = "rsa"  # rsa-sha256: every mailbox provider checks it
    ED25519 = "ed25519"  # ed25519-sha256: short and fast; some providers do not know it yet


class UnusableKeyError(ValueError):
    """DKIM cannot sign with this key; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimRecord:
    """The TXT record that publishes a key."""

    name: str  # without a dot at the end
    value: str  # of the TXT record, whole

    @property
    def strings(self) -> tuple[str, ...]:
        """The value in strings of at most 255 octets; a resolver joins them (RFC 6376 section 3.6.2.2)."""
        starts = range(0, len(self.value), MAX_STRING)
        return tuple(self.value[start : start + MAX_STRING] for start in starts)

    def relative_name(self, zone: str) -> str:
        """The name for a form that appends the zone by itself. zone: in A-labels."""
        return self.name.removesuffix(f".{zone}")

    @property
    def zone_lines(self) -> str:
        """The record as a zone file has it."""
        quoted = "\n".join(f'    "{string}"' for string in self.strings)
        return f"{self.name}. IN TXT (\n{quoted} )"


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A private key, with the domain and selector of its DNS record."""

    domain: str  # A-labels: the signature's d=
    selector: str  # its s=
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> Algorithm:
        """What kind of key it is."""
        return Algorithm.RSA if isinstance(self.private, RSAPrivateKey) else Algorithm.ED25519

    @property
    def record(self) -> DkimRecord:
        """The DNS record of the public half.

        For RSA a SubjectPublicKeyInfo, for Ed25519 the 32 octets alone (RFC 8463 section 4).
        """
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return DkimRecord(
            name=f"{self.selector}._domainkey.{self.domain}",
            value=f"v=DKIM1; k={self.algorithm.value}; p={b64encode(octets).decode()}",
        )

    def sign(self, hashed: bytes) -> bytes:
        """The signature of canonical header fields. Deterministic with both algorithms."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(hashed, PKCS1v15(), SHA256())
        return self.private.sign(hashlib.sha256(hashed).digest())  # RFC 8463 section 3


def generate(algorithm: Algorithm) -> bytes:
    """A new private key as PEM (PKCS #8, not encrypted)."""
    private: RSAPrivateKey | Ed25519PrivateKey
    if algorithm is Algorithm.RSA:
        private = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        private = Ed25519PrivateKey.generate()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def parse(pem: bytes, *, domain: str, selector: str) -> DkimKey:
    """The key in a PEM file. Raises UnusableKeyError."""
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError:  # cryptography's word for "needs a password"
        raise UnusableKeyError("is protected by a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKeyError("holds no private key in PEM form") from None
    if isinstance(private, RSAPrivateKey):
        if not RSA_BITS <= private.key_size <= MAX_RSA_BITS:
            raise UnusableKeyError(
                f"is an RSA key of {private.key_size} bits; {RSA_BITS} to {MAX_RSA_BITS} are of use"
            )
    elif not isinstance(private, Ed25519PrivateKey):
        raise UnusableKeyError("is neither an RSA nor an Ed25519 key")
    return DkimKey(domain=domain, selector=selector, private=private)
