"""Signs webhooks as the providers do, with keys and certificates of the tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0001.pem"
MAILGUN_KEY = "key-of-the-tests-0123456789abcdef"
SECRET = "a secret of the tests"
Request = tuple[dict[str, str], bytes]


def basic(secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"hook:{secret}".encode()).decode()}


def mailgun(event: dict[str, Any], *, at: datetime, token: str = "a" * 50, key: str = MAILGUN_KEY) -> Request:
    """A signed body."""
    time = str(int(at.timestamp()))
    made = hmac.new(key.encode(), f"{time}{token}".encode(), hashlib.sha256).hexdigest()
    body = {"signature": {"timestamp": time, "token": token, "signature": made}, "event-data": event}
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


@cache
def sendgrid_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The private key of SendGrid; another name makes another one."""
    return ec.generate_private_key(ec.SECP256R1())


def sendgrid_public_key() -> str:
    """As SendGrid shows it."""
    public = sendgrid_key("ours").public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sendgrid(events: Any, *, at: datetime, key: str = "ours") -> Request:
    """A signed request."""
    time, body = str(int(at.timestamp())), json.dumps(events).encode()
    made = sendgrid_key(key).sign(time.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(made).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": time,
    }, body


@cache
def amazon_key(name: str) -> rsa.RSAPrivateKey:
    """The private key of Amazon SNS; another name makes another one."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def amazon_certificate(ends: datetime | None = None) -> bytes:
    """Its certificate, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    ends = ends or datetime(2030, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(amazon_key("ours").public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(ends)
        .sign(amazon_key("ours"), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


SNS_FIELDS = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def sns(
    message: Any,
    *,
    at: datetime,
    number: int = 1,
    version: str = "2",
    key: str = "ours",
    **more: str,
) -> Request:
    """A signed notice."""
    posted = {
        "Type": "Notification",
        "MessageId": f"22b80b92-fdea-4c2c-8f9d-{number:012}",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.751Z",
        "SigningCertURL": CERTIFICATE,
        **more,
    }
    text = "".join(f"{name}\n{posted[name]}\n" for name in SNS_FIELDS if name in posted)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    made = amazon_key(key).sign(text.encode(), padding.PKCS1v15(), algorithm)
    posted |= {"SignatureVersion": version, "Signature": base64.b64encode(made).decode()}
    return {"Content-Type": "text/plain; charset=UTF-8"}, json.dumps(posted).encode()


@dataclass
class AmazonHosts:
    """Answers for Amazon's hosts, and remembers what was asked."""

    certificate: bytes = field(default_factory=amazon_certificate)
    asked: list[str] = field(default_factory=list)

    def __call__(self, url: str) -> bytes:
        """The answer of one address."""
        self.asked.append(url)
        return self.certificate if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"


HOUR = timedelta(hours=1)
