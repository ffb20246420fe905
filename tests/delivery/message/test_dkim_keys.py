"""DKIM keys and their DNS records."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from newsletter.delivery.message.dkim_keys import Algorithm, DkimRecord, UnusableKeyError, generate, parse
from tests.delivery.message.signed_mail import ED25519, KEYS, RSA

# RFC 8463 appendix A.2: the private key's seed in PKCS #8, and the record of its public half.
RFC_8463_KEY = b"""\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""


def test_record_of_the_key_in_rfc_8463() -> None:
    key = parse(RFC_8463_KEY, domain="football.example.com", selector="brisbane")
    assert key.record == DkimRecord(
        name="brisbane._domainkey.football.example.com",
        value="v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    )


def test_record_of_an_rsa_key_stands_in_strings_of_255_octets() -> None:
    record = RSA.record
    assert [len(string) for string in record.strings] == [255, len(record.value) - 255]
    assert "".join(record.strings) == record.value
    assert len(b64decode(record.value.partition("p=")[2])) == 294  # SubjectPublicKeyInfo of 2048 bits
    assert record.zone_lines == (
        "newsletter-rsa._domainkey.papers.example. IN TXT (\n"
        f'    "{record.strings[0]}"\n    "{record.strings[1]}" )'
    )


def test_record_of_an_ed25519_key_is_one_string() -> None:
    assert ED25519.record.strings == (ED25519.record.value,)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_generated_key_is_of_its_algorithm_and_another_each_time(algorithm: Algorithm) -> None:
    key = parse(generate(algorithm), domain="example.org", selector="a")
    assert key.algorithm is algorithm
    assert key.record.value != KEYS[algorithm].record.value


def test_key_shows_nothing_of_itself() -> None:
    assert repr(ED25519) == "DkimKey(domain='papers.example', selector='newsletter-ed25519')"


def _pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, password: bytes | None = None) -> bytes:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "holds no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no private key"),
        (_pem(_rsa(1024)), "1024 bits"),
        (_pem(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519 key"),
        (_pem(_rsa(2048), password=b"secret"), "protected by a password"),
    ],
    ids=["empty", "garbled", "short", "elliptic", "encrypted"],
)
def test_unusable_key_is_refused_with_the_reason(pem: bytes, why: str) -> None:
    with pytest.raises(UnusableKeyError, match=why):
        parse(pem, domain="example.org", selector="a")


def test_key_in_the_older_rsa_form_is_read() -> None:
    pem = _rsa(2048).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert parse(pem, domain="example.org", selector="a").algorithm is Algorithm.RSA
