"""Tells an admin: by mail, by a webhook, and by a ping whose absence is the message. Decides nothing.

The mail goes outside the ledger and to nobody else; the webhook gets JSON, with words and no address.
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
from newsletter.core.states import MailKind
from newsletter.delivery.smtp.relay import Relay
from newsletter.delivery.smtp.transport import send_batch
from newsletter.ops.alarms.store import AlarmChanges, OpenAlarm

PATIENCE = 10.0  # seconds for a webhook or a ping


class NotDeliveredError(NewsletterError):
    """Nobody could be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Who is told, and how."""

    name: str  # of the newsletter
    relays: Sequence[Relay] = ()
    builder: Builder | None = None
    address: str = ""  # the admin's; empty: no mail
    webhook: str = ""  # http(s) URL; empty: none
    ping_url: str = ""  # asked for after each look; empty: none

    def tell(self, news: AlarmChanges, *, now: datetime) -> None:
        """Tell all who are to be told. Raises NotDeliveredError with the reasons when somebody was not."""
        failures = []
        for tell in (self._mail if self.address else None, self._post if self.webhook else None):
            if tell is None:
                continue
            try:
                tell(news, now)
            except (NewsletterError, OSError, ValueError) as error:
                failures.append(str(error))
        if failures:
            raise NotDeliveredError("; ".join(failures), hint="It is tried again at the next look.")

    def ping(self) -> None:
        """Say that all is alive. Raises NotDeliveredError."""
        if self.ping_url:
            try:
                _request(urllib.request.Request(self.ping_url))  # noqa: S310  (checked by the settings)
            except (URLError, OSError, ValueError) as error:
                raise NotDeliveredError(
                    f"the ping failed: {error}", hint="Look at watch.ping in newsletter.toml."
                ) from error

    def _mail(self, news: AlarmChanges, now: datetime) -> None:
        assert self.builder is not None
        first = (*news.begun, *news.over)[0]
        more = len(news.begun) + len(news.over) - 1
        subject = f"{self.name}: {'over: ' if not news.begun else ''}{first.words}"
        content = Content(
            subject=(subject if len(subject) <= 120 else subject[:119] + "…")
            + (f" (and {more} more)" if more else ""),
            date=now,
            html=(),
            text=(quoted_printable(as_text(news, name=self.name)),),
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

    def _post(self, news: AlarmChanges, now: datetime) -> None:
        body = json.dumps(as_json(news, name=self.name, now=now)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "newsletter"}
        _request(urllib.request.Request(self.webhook, data=body, headers=headers))  # noqa: S310


def as_text(news: AlarmChanges, *, name: str) -> str:
    """The mail."""
    lines = []
    for alarm in news.begun:
        lines += [f"{_sentence(alarm)}", f"  Since {alarm.since:%A %d %B %Y, %H:%M} UTC. {alarm.hint}", ""]
    if news.over:
        lines += ["Over:", *(f"  {_sentence(alarm)}" for alarm in news.over), ""]
    return "\n".join([*lines, f"{name}: `newsletter doctor` looks at everything else.", ""])


def as_json(news: AlarmChanges, *, name: str, now: datetime) -> dict[str, Any]:
    """What a webhook gets; `text` is what chat programs show."""
    return {
        "newsletter": name,
        "at": now.isoformat(),
        "text": f"{name}: "
        + " ".join([_sentence(alarm) for alarm in news.begun] + [f"Over: {_sentence(a)}" for a in news.over]),
        "begun": [_row(alarm) for alarm in news.begun],
        "over": [_row(alarm) for alarm in news.over],
    }


def _row(alarm: OpenAlarm) -> dict[str, str]:
    return {
        "key": alarm.key,
        "words": alarm.words,
        "hint": alarm.hint,
        "since": alarm.since.isoformat(),
    }


def _sentence(alarm: OpenAlarm) -> str:
    return f"{alarm.words[:1].upper()}{alarm.words[1:]}."


def _request(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        answer.read(1024)
