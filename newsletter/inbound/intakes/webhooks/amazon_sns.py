"""Reads notices of Amazon SES that Amazon SNS posts, signed by a certificate of Amazon.

Anybody with an account there can have a notice signed: the topic must be ours. A certificate is fetched from
Amazon's own hosts, once. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from newsletter.core.errors import NewsletterError
from newsletter.core.mail.inbound import InboundReport
from newsletter.inbound.failures import failed_recipient
from newsletter.inbound.intakes.webhooks import said
from newsletter.inbound.intakes.webhooks.amazon_hosts import AmazonUrlError, certificate_url, confirmation_url
from newsletter.inbound.intakes.webhooks.hook import (
    PostedNotice,
    ProviderEvent,
    RefusedNoticeError,
    check_age,
    read_object,
    words,
)
from newsletter.inbound.reports.amazon_notices import notice_of

NAME = "ses"
FORM = "amazon-ses"
# https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
TRIED_FOR = timedelta(hours=1)
NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
SIGNED = {  # in this order
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
MOST_CERTIFICATES = 10

Fetch = Callable[[str], bytes]  # a URL's answer; raises NewsletterError


@dataclass(slots=True, kw_only=True)
class AmazonHook:
    """The subscription of one topic."""

    topic: str  # its ARN
    fetch: Fetch
    refusal: int = 403  # SNS repeats no 4xx
    _certificates: dict[str, bytes] = field(default_factory=dict)  # PEM, by URL
    _fetching: threading.Lock = field(default_factory=threading.Lock)

    def events(self, notice: PostedNotice) -> Sequence[ProviderEvent]:
        """See Hook. A topic of ours that asks whether we want its notices is told that we do."""
        posted = read_object(notice.body)
        kind = words(posted, "Type")
        if kind not in SIGNED:
            raise RefusedNoticeError("it is no notice of Amazon SNS")
        if words(posted, "TopicArn") != self.topic:
            raise RefusedNoticeError("it is of another topic")
        check_age(_instant(words(posted, "Timestamp")), notice.now, tried_for=TRIED_FOR)
        self._verify(posted, kind, notice.now)
        if kind == CONFIRMATION:
            try:
                self.fetch(confirmation_url(words(posted, "SubscribeURL")))
            except AmazonUrlError as error:
                raise RefusedNoticeError(f"the subscription cannot be confirmed: {error}") from error
        if kind != NOTIFICATION:
            return ()
        message = words(posted, "Message")
        report = _report(message)
        if report is None:
            return ()
        key = f"{NAME}:{words(posted, 'MessageId')}"
        return (ProviderEvent(key=key, report=report, data=message.encode("utf-8", "replace")),)

    def _verify(self, posted: dict[str, Any], kind: str, now: datetime) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256
        from cryptography.x509 import load_pem_x509_certificate

        version = words(posted, "SignatureVersion")
        if version not in ("1", "2"):
            raise RefusedNoticeError("its signature is of an unknown version")
        present = [name for name in SIGNED[kind] if isinstance(posted.get(name), str)]
        text = "".join(f"{name}\n{posted[name]}\n" for name in present)
        try:
            url = certificate_url(words(posted, "SigningCertURL"))
            certificate = load_pem_x509_certificate(self._certificate(url))
            signature = base64.b64decode(words(posted, "Signature"), validate=True)
        except AmazonUrlError as error:
            raise RefusedNoticeError(f"its certificate: {error}") from error
        except (ValueError, binascii.Error):
            raise RefusedNoticeError("its certificate or signature cannot be read") from None
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            self._certificates.pop(url, None)
            raise RefusedNoticeError("its certificate has expired")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise RefusedNoticeError("its certificate is not for RSA")
        try:
            # Version 1 is SHA-1 and still the default of topics.
            key.verify(
                signature,
                text.encode("utf-8", "surrogatepass"),
                PKCS1v15(),
                SHA1() if version == "1" else SHA256(),  # noqa: S303
            )
        except InvalidSignature:
            raise RefusedNoticeError("its signature is wrong") from None

    def _certificate(self, url: str) -> bytes:
        known = self._certificates.get(url)
        if known is not None:
            return known
        # One at a time: strangers must not occupy the threads of the pages with fetches.
        if not self._fetching.acquire(blocking=False):
            raise NewsletterError("another certificate is being fetched", hint="Amazon repeats the notice.")
        try:
            pem = self.fetch(url)
        finally:
            self._fetching.release()
        if len(self._certificates) >= MOST_CERTIFICATES:
            self._certificates.clear()
        self._certificates[url] = pem
        return pem


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedNoticeError("its time cannot be read") from None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def _report(message: str) -> InboundReport | None:
    """What SES says; None where nobody failed, complained or left."""
    try:
        notice = notice_of(read_object(message))
    except RefusedNoticeError:
        return None  # SNS sends a text when a topic is connected
    if notice is None or not notice.recipients:
        return None
    names = said.named(ids=(notice.message_id,), senders=(notice.sender,))
    if notice.kind == "complaint":
        addresses = [one.address for one in notice.recipients]
        return said.complaint(FORM, names, addresses, feedback=notice.feedback)
    if notice.kind != "bounce":
        return None
    failed = [
        failed_recipient(one.address, status=one.status, diagnostic=one.diagnostic)
        for one in notice.recipients
    ]
    return said.of_recipients(FORM, names, failed)
