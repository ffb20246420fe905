"""Notifies an admin by mail and by a webhook, and pings a monitor after each check. Decides nothing.

The mail is outside the ledger. The webhook gets JSON that holds no address. The monitor must raise an alarm
of its own when the pings stop.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.error import URLError

from newsletter.core.errors import NewsletterError
from newsletter.core.mail.quoted_printable import quoted_printable
from newsletter.core.mail.values import Builder, Content, Recipient, Verdict
from newsletter.core.sentences import as_sentence
from newsletter.core.states import MailKind
from newsletter.delivery.smtp.relay import Relay
from newsletter.delivery.smtp.transport import send_batch
from newsletter.ops.alarms.store import AlarmChanges, OpenAlarm

REQUEST_TIMEOUT = 10.0  # seconds, of a webhook or a ping


class NotDeliveredError(NewsletterError):
    """A notification failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """The receivers of notifications."""

    name: str  # of the newsletter
    relays: Sequence[Relay] = ()
    builder: Builder | None = None
    address: str = ""  # the admin's; empty: no mail
    webhook: str = ""  # http(s) URL; empty: none
    ping_url: str = ""  # requested after each check; empty: none

    def notify(self, changes: AlarmChanges, *, now: datetime) -> None:
        """Send mail and webhook, where they are set. Raises NotDeliveredError with the reasons."""
        failures = []
        for send in (self._mail if self.address else None, self._post if self.webhook else None):
            if send is None:
                continue
            try:
                send(changes, now)
            except (NewsletterError, OSError, ValueError) as error:
                failures.append(str(error))
        if failures:
            raise NotDeliveredError("; ".join(failures), hint="It is tried again at the next look.")

    def ping(self) -> None:
        """Tell the monitor that the newsletter runs. Raises NotDeliveredError."""
        if self.ping_url:
            try:
                _request(urllib.request.Request(self.ping_url))  # noqa: S310  (checked by the settings)
            except (URLError, OSError, ValueError) as error:
                raise NotDeliveredError(
                    f"the ping failed: {error}", hint="Look at watch.ping in newsletter.toml."
                ) from error

    def _mail(self, changes: AlarmChanges, now: datetime) -> None:
        assert self.builder is not None
        first = (*changes.begun, *changes.ended)[0]
        more = len(changes.begun) + len(changes.ended) - 1
        subject = f"{self.name}: {'over: ' if not changes.begun else ''}{first.words}"
        content = Content(
            subject=(subject if len(subject) <= 120 else subject[:119] + "…")
            + (f" (and {more} more)" if more else ""),
            date=now,
            html=(),
            text=(quoted_printable(as_text(changes, name=self.name)),),
        )
        recipient = Recipient(
            subscriber_id=0,
            address=self.address,
            kind=MailKind.ALARM,
            key=now.isoformat(),
            my={},
            text_only=True,
            delivery_id=0,
        )
        envelope = self.builder.prepare(content).assemble(recipient)
        for outcome in send_batch(self.relays, [envelope]):
            if outcome.verdict is not Verdict.ACCEPTED:
                raise NotDeliveredError(
                    f"the mail server did not take the alarm: {outcome.code or ''} {outcome.text}".strip(),
                    hint="`newsletter smtp check` tries it.",
                )

    def _post(self, changes: AlarmChanges, now: datetime) -> None:
        body = json.dumps(as_json(changes, name=self.name, now=now)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "newsletter"}
        _request(urllib.request.Request(self.webhook, data=body, headers=headers))  # noqa: S310


def as_text(changes: AlarmChanges, *, name: str) -> str:
    """The text of the mail."""
    lines = []
    for alarm in changes.begun:
        lines += [f"{_sentence(alarm)}", f"  Since {alarm.since:%A %d %B %Y, %H:%M} UTC. {alarm.hint}", ""]
    if changes.ended:
        lines += ["Over:", *(f"  {_sentence(alarm)}" for alarm in changes.ended), ""]
    return "\n".join([*lines, f"{name}: `newsletter doctor` looks at everything else.", ""])


def as_json(changes: AlarmChanges, *, name: str, now: datetime) -> dict[str, Any]:
    """The JSON of the webhook; chat programs show `text`."""
    return {
        "newsletter": name,
        "at": now.isoformat(),
        "text": f"{name}: "
        + " ".join(
            [_sentence(alarm) for alarm in changes.begun] + [f"Over: {_sentence(a)}" for a in changes.ended]
        ),
        "begun": [_row(alarm) for alarm in changes.begun],
        "over": [_row(alarm) for alarm in changes.ended],
    }


def _row(alarm: OpenAlarm) -> dict[str, str]:
    return {
        "key": alarm.key,
        "words": alarm.words,
        "hint": alarm.hint,
        "since": alarm.since.isoformat(),
    }


def _sentence(alarm: OpenAlarm) -> str:
    return f"{as_sentence(alarm.words)}."


def _request(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT) as answer:  # noqa: S310
        answer.read(1024)
