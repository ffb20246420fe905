"""Makes the personal parts of a message: greeting, links, and the reason why it comes. Reads no rows.

Its links are signed with the key of the stored delivery, so that a retry has the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from newsletter.core.cadence import zone_of
from newsletter.core.mail.signing_keys import key_of
from newsletter.core.mail.values import Recipient
from newsletter.core.states import MailKind
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from subscribers import tokens
from subscribers.consent import ConsentOrigin
from subscribers.link_purposes import ACCOUNT, ADDRESS, CONFIRM, FEED, PREFERENCES, READER

WEB_DIGEST = "digest"  # purpose of a token that is nobody's own; others: `subscribers.link_purposes`
KEY_LENGTH = 32  # hex digits of a digest's key in a link: 128 bits identify it, and the link stays short
SAMPLE = "sample"  # key of a digest that is outside the ledger
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)  # of a web link without an instant; none expires
ASKED_BY_SOMEBODY = "Somebody, hopefully you, asked for it."
ASKED_BY_EDITORS = "Its editors would like to send it to you, and ask you first."
CACHED_LINKS = 256  # by digest; a run has few digests that many readers share


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes the personal values of messages."""

    base_url: str  # without a slash at the end
    newsletter: str  # its name
    secret_keys: Sequence[str]  # the newest first
    private_topics: bool = False  # whether there are papers that only their readers may see
    _of_digest: dict[tuple[str, str | None], str] = field(default_factory=dict)  # web links of recent digests

    def __call__(self, mail: ClaimedMail) -> dict[str, str]:
        """The values of the slots `my.…` of a delivery, by name."""
        if mail.kind != MailKind.DIGEST:
            return self._of_transactional(mail)
        person = mail.person
        token = tokens.sign(PREFERENCES, {"ref": person.ref}, keys=self._keys(mail), now=mail.composed_at)
        preferences = f"{self.base_url}/preferences/{token}"
        return {
            "greeting": greeting(person.name, mail.composed_at, person.timezone),
            "because": because(
                person.cadence,
                person.weekday,
                person.hour,
                person.timezone,
                origin=person.origin,
                newsletter=self.newsletter,
            ),
            "unsubscribe_url": f"{self.base_url}/u/{person.leave_id}",
            "preferences_url": preferences,
            "pause_url": f"{preferences}#pause",
            "web_url": self._of_digest.get((mail.digest_key, mail.signed_with)) or self._web(mail),
            "reader_token": self._reader(mail) if self.private_topics else "",  # signing costs
        }

    def _keys(self, mail: ClaimedMail) -> Sequence[str]:
        return self.secret_keys if mail.signed_with is None else (key_of(mail.signed_with, self.secret_keys),)

    def web(self, digest_key: str, *, at: datetime = UNDATED, signed_with: str | None = None) -> str:
        """The link to a digest on the web, by its key or the beginning of it. at: when the link was made.

        signed_with: the id of the secret key; None: the newest.
        """
        if digest_key == SAMPLE:
            return f"{self.base_url}/sample"
        # By its key: a preview's digest has no row yet, and its link must be the one that will be sent.
        payload = {"key": digest_key[:KEY_LENGTH]}
        keys = (key_of(signed_with, self.secret_keys),)
        token = tokens.sign(WEB_DIGEST, payload, keys=keys, now=at)
        return f"{self.base_url}/digests/{token}"

    def _web(self, mail: ClaimedMail) -> str:
        if len(self._of_digest) >= CACHED_LINKS:
            self._of_digest.clear()
        url = self.web(mail.digest_key, at=mail.composed_at, signed_with=mail.signed_with)
        self._of_digest[mail.digest_key, mail.signed_with] = url
        return url

    def _reader(self, mail: ClaimedMail) -> str:
        payload = {"ref": mail.person.ref, "epoch": str(mail.person.links_epoch)}
        return tokens.sign(READER, payload, keys=self._keys(mail), now=mail.composed_at)

    def _of_transactional(self, mail: ClaimedMail) -> dict[str, str]:
        """The links that a message of its kind prints, and no other: an unsigned link cannot leak."""
        person = mail.person
        makers: dict[str, Callable[[], str]] = {
            "unsubscribe_url": lambda: f"{self.base_url}/u/{person.leave_id}",
            "undo_url": lambda: f"{self.base_url}/u/{person.leave_id}",  # the page offers to come back
            "preferences_url": lambda: self._signed("preferences", PREFERENCES, {"ref": person.ref}, mail),
            "account_url": lambda: self._signed("account", ACCOUNT, {"ref": person.ref}, mail),
            "confirm_url": lambda: self._confirm(mail),
        }
        kind = TRANSACTIONAL_KINDS[mail.kind]
        asked = {"asked": ASKED_BY_SOMEBODY} if "asked" in kind.slots else {}
        return {**asked, **{name: makers[name]() for name in kind.links}}

    def _confirm(self, mail: ClaimedMail) -> str:
        if mail.kind == MailKind.ADDRESS:
            payload = {"ref": str(mail.values["of"]), "to": mail.person.ref}
            return self._signed("confirm-address", ADDRESS, payload, mail)
        choice = str(mail.values.get("choice", ""))  # a message of an older version has none
        return self._signed("confirm", CONFIRM, _confirms(mail.person.ref, choice), mail)

    def _signed(self, page: str, purpose: str, payload: Mapping[str, str], mail: ClaimedMail) -> str:
        token = tokens.sign(purpose, payload, keys=self._keys(mail), now=mail.composed_at)
        return f"{self.base_url}/{page}/{token}"


def confirm_path(links: Links, ref: str, choice: str = "", *, now: datetime) -> str:
    """The path, below the base URL, where the person with that ref confirms what they asked for."""
    return f"/confirm/{tokens.sign(CONFIRM, _confirms(ref, choice), keys=links.secret_keys, now=now)}"


def _confirms(ref: str, choice: str) -> dict[str, str]:
    return {"ref": ref, "for": choice} if choice else {"ref": ref}


def preferences_path(links: Links, ref: str, *, now: datetime) -> str:
    """The path, below the base URL, of the preferences of the reader with that ref."""
    return f"/preferences/{tokens.sign(PREFERENCES, {'ref': ref}, keys=links.secret_keys, now=now)}"


def reader_token(links: Links, ref: str, epoch: int, *, now: datetime) -> str:
    """What a link to the archive carries (`?reader=…`), to show a reader their private topics as well.

    epoch: `links_epoch` of the reader. Links with another one show nothing.
    """
    payload = {"ref": ref, "epoch": str(epoch)}
    return tokens.sign(READER, payload, keys=links.secret_keys, now=now)


def feed_token(links: Links, ref: str, epoch: int, *, now: datetime) -> str:
    """The secret part of the address of a reader's own feed. epoch: as in `reader_token`."""
    payload = {"ref": ref, "epoch": str(epoch)}
    return tokens.sign(FEED, payload, keys=links.secret_keys, now=now)


def recipient_of(mail: ClaimedMail, links: Callable[[ClaimedMail], Mapping[str, str]]) -> Recipient:
    """The recipient of a delivery with its personal values: the same for sending and for a preview."""
    person = mail.person
    my = links(mail)
    if mail.values:
        my = {**my, **mail.values}
    named = mail.kind == MailKind.DIGEST or not TRANSACTIONAL_KINDS[mail.kind].for_anybody
    return Recipient(
        subscriber_id=mail.subscriber_id,
        address=person.address,
        kind=mail.kind,
        key=mail.key,
        my=my,
        unsubscribe_url=my.get("unsubscribe_url", ""),
        text_only=person.text_only,
        # Anybody can type a name next to another person's address; it must not reach that person:
        # docs/explanation/web-pages.md, “Limits”.
        name=person.name if named else "",
        delivery_id=mail.id,
        signed_with=mail.signed_with,
    )


def greeting(name: str, at: datetime, timezone: str) -> str:
    """A greeting by the reader's time of day: “Good morning, Ada.”"""
    part = _part_of_day(at, timezone)
    return f"Good {part}, {name}." if name else f"Good {part}."


@lru_cache(maxsize=1024)  # one entry for each zone and instant of a run
def _part_of_day(at: datetime, timezone: str) -> str:
    hour = at.astimezone(zone_of(timezone)).hour
    return "morning" if 4 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"


_REASONS: Mapping[str, str] = {
    ConsentOrigin.SIGNED_UP: "because you signed up for it",
    ConsentOrigin.CONFIRMED: "because you confirmed that you want it",
    ConsentOrigin.ADDED: "because the editors of {newsletter} added you",
    ConsentOrigin.IMPORTED: "because you were on a list that the editors of {newsletter} took over",
    ConsentOrigin.CAME_BACK: "because you came back to it",
    ConsentOrigin.UNKNOWN: "because you are subscribed to it",
}


@lru_cache(maxsize=4096)  # far fewer schedules than readers
def because(
    cadence: str, weekday: str | None, hour: int, timezone: str, *, origin: str, newsletter: str
) -> str:
    """The sentence that says why a digest comes: “You get this daily at 07:00 (Europe/Berlin), …”

    origin: a `ConsentOrigin`. newsletter: its name.
    """
    weekly = f"on {(weekday or 'monday').capitalize()}s"
    when = {"daily": "daily", "weekdays": "on weekdays"}.get(cadence, weekly)
    reason = _REASONS[origin].format(newsletter=newsletter)
    return f"You get this {when} at {hour:02}:00 ({timezone}), {reason}."
