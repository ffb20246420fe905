"""Posts a signed test notice to each webhook from outside, and looks whether it came in.

Amazon SES and SendGrid sign with keys that only they have: there an unsigned notice must be refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from urllib.error import HTTPError

from sqlalchemy import Engine

from newsletter.ops.doctor.finding import Finding, failed, ok
from newsletter.ops.doctor.inbound import arrived

CHECK = "webhooks"
TIME_LIMIT = 10.0  # seconds
NOBODY = "nobody@doctor.invalid"
REFUSED = (403, 406)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorNotice:
    """A notice about nobody. mark: what it can be found by; empty: it is not signed, and must be refused."""

    body: bytes
    headers: Mapping[str, str]
    mark: str = ""


def check_webhooks(
    engine: Engine, base_url: str, signing: Mapping[str, str], *, now: datetime
) -> Iterator[Finding]:
    """signing: secret or key of each provider that is set up; empty for one whose key only it has."""
    for provider, secret in signing.items():
        url = f"{base_url}/hooks/{provider}"
        notice = make_notice(provider, secret, now=now)
        try:
            status = _post(url, notice)
        except (OSError, HTTPException, ValueError) as error:
            hint = "Start `newsletter run`, and look at the reverse proxy, DNS and the firewall."
            yield failed(CHECK, f"{url} does not answer: {getattr(error, 'reason', error)}", hint=hint)
            continue
        hint = "See “Take bounces from a provider's webhooks”; restart after a change of settings."
        if not notice.mark and status in REFUSED:
            yield ok(CHECK, f"{url} answers, and refuses what {provider} did not sign")
        elif notice.mark and status == 200 and arrived(engine, notice.mark) == provider:
            yield ok(CHECK, f"a signed test came in by {url}")
        elif notice.mark:
            yield failed(CHECK, f"a signed test did not come in by {url}: status {status}", hint=hint)
        else:
            yield failed(CHECK, f"{url} answers {status} to what is not signed, instead of 403", hint=hint)


def make_notice(provider: str, secret: str, *, now: datetime) -> DoctorNotice:
    """A test notice of one provider, signed as far as we can."""
    mark = secrets.token_hex(10)
    message_id = f"{mark}@doctor.invalid"
    basic = base64.b64encode(f"doctor:{secret}".encode()).decode()
    headers = {"Content-Type": "application/json"}
    if provider == "mailgun":
        time = str(int(now.timestamp()))
        made = hmac.new(secret.encode(), f"{time}{mark}".encode(), hashlib.sha256).hexdigest()
        event = {
            "event": "failed",
            "severity": "permanent",
            "recipient": NOBODY,
            "message": {"headers": {"message-id": message_id}},
        }
        signature = {"timestamp": time, "token": mark, "signature": made}
        return DoctorNotice(
            body=_json({"signature": signature, "event-data": event}), headers=headers, mark=mark
        )
    headers["Authorization"] = f"Basic {basic}"
    if provider == "postmark":
        bounce = {"RecordType": "Bounce", "Type": "HardBounce", "Email": NOBODY, "MessageID": mark}
        return DoctorNotice(body=_json(bounce), headers=headers, mark=mark)
    if provider == "brevo":
        event = {"event": "hard_bounce", "email": NOBODY, "message-id": message_id}
        return DoctorNotice(body=_json(event), headers=headers, mark=mark)
    return DoctorNotice(body=b"[]", headers={"Content-Type": "application/json"})


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode()


def _post(url: str, notice: DoctorNotice) -> int:
    """The status. Raises OSError, HTTPException, ValueError when there is none."""
    request = urllib.request.Request(url, data=notice.body, headers=dict(notice.headers))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIME_LIMIT) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
