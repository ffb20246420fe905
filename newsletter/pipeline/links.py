"""What only one reader's mail prints: greeting, links, and why they get it. Signs; looks nothing up.

Everything here depends on the stored mail alone, so that a retry is byte-equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from newsletter.core.mail import Recipient
from newsletter.delivery.claims import Claimed
from subscribers import tokens

PREFERENCES = "preferences"  # purposes of tokens
WEB_DIGEST = "digest"
KEY_LENGTH = 32  # hex digits of a digest's key in the link to it: 128 bits name one, and it stays short
KEPT = 256  # digests whose links are kept; a run has few that many share


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes the personal values of digests."""

    base_url: str  # without a slash at the end
    secret_keys: Sequence[str]  # the newest first
    _of_digest: dict[str, str] = field(default_factory=dict)  # links to the web of recent digests, by key

    def __call__(self, mail: Claimed) -> Mapping[str, str]:
        """The slots `my.…` of a mail, by name."""
        person = mail.person
        preferences = self._url(PREFERENCES, {"ref": person["ref"]}, mail.composed_at)
        return {
            "greeting": greeting(mail.name, mail.composed_at, person["timezone"]),
            "because": f"You get this {in_words(person)}, because you signed up for it.",
            "unsubscribe_url": f"{self.base_url}/u/{person['leave_id']}",
            "preferences_url": preferences,
            "pause_url": f"{preferences}#pause",
            "web_url": self._web(mail),
        }

    def _web(self, mail: Claimed) -> str:
        # By its key, not by its row: a preview's digest has no row yet, and bears the link that will be sent.
        key = mail.digest_key
        if key not in self._of_digest:
            if len(self._of_digest) >= KEPT:
                self._of_digest.clear()
            self._of_digest[key] = self._url("digests", {"key": key[:KEY_LENGTH]}, mail.composed_at)
        return self._of_digest[key]

    def _url(self, page: str, payload: Mapping[str, object], signed_at: datetime) -> str:
        purpose = PREFERENCES if page == PREFERENCES else WEB_DIGEST
        token = tokens.sign(purpose, payload, keys=self.secret_keys, now=signed_at)
        return f"{self.base_url}/{page}/{token}"


def recipient_of(mail: Claimed, links: Callable[[Claimed], Mapping[str, str]]) -> Recipient:
    """Whom a mail is for, with all that only it prints: the same for sending and for a preview."""
    my = {**links(mail), **mail.values}
    return Recipient(
        subscriber_id=mail.subscriber_id,
        address=mail.address,
        kind=mail.kind,
        key=mail.key,
        my=my,
        unsubscribe_url=my.get("unsubscribe_url", ""),
        text_only=mail.text_only,
        name=mail.name,
    )


def greeting(name: str, at: datetime, timezone: str) -> str:
    """Good morning, Ada."""
    hour = at.astimezone(_zone(timezone)).hour
    part = "morning" if 4 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
    return f"Good {part}, {name}." if name else f"Good {part}."


def in_words(person: Mapping[str, object]) -> str:
    """A cadence as a reader says it: daily at 07:00 (Europe/Berlin)."""
    cadence = {
        "daily": "daily",
        "weekdays": "on weekdays",
        "weekly": f"on {str(person['weekday'] or 'monday').capitalize()}s",
    }[str(person["cadence"])]
    return f"{cadence} at {person['hour']:02}:00 ({person['timezone']})"


@lru_cache(maxsize=600)  # as many zones as there are
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
