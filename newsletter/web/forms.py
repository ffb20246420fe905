"""Reads forms: fields, the honeypot, the signed time of a form, and the fields of preferences.

Stores nothing. A form that comes back faster than a person can type is answered with a delay, so that a bot
waits and nobody is refused. A form whose time is too old or not ours is shown again. Forms on other sites
carry no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from newsletter.core.sentences import as_sentence
from newsletter.web.pages import site_of
from subscribers import link_purposes, tokens
from subscribers.errors import PreferenceError, SubscriberError, TokenError
from subscribers.preferences import ALL_CARDS, ANY_NUMBER, Preferences, known_zones
from subscribers.queries import SubscriberView

HONEYPOT = "website"  # a field that people do not see
FORM_TIME = "form"  # the field with the signed time
FASTEST_ANSWER = timedelta(seconds=1)  # nobody types an address and chooses topics faster
MAX_FIELDS = 200  # fields of one form; a newsletter has fewer topics
MAX_FIELD_LENGTH = 2_000  # characters
SIGN_UP_PREFERENCES = ("cadence", "weekday", "hour", "timezone")  # the others follow on the preferences page
HOURS = tuple((str(hour), f"{hour:02}:00") for hour in range(24))  # value and label


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The fields of a form with all their values, stripped."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value of a field; empty when there is none."""
        return self.fields.get(name, ("",))[0]

    def ticked(self, slugs: Collection[str]) -> list[str]:
        """The ticked topics: sent as `topics=slug`, or as `slug=on` by forms on other sites."""
        named = {value for value in self.fields.get("topics", ()) if value}
        return [*(slug for slug in slugs if slug in named or slug in self.fields), *sorted(named - {*slugs})]


async def read_form(request: Request) -> SubmittedForm:
    """The form of a request; empty when it has none that can be read."""
    try:
        sent: FormData = await request.form(max_fields=MAX_FIELDS, max_files=0)
    except Exception as error:  # Starlette's errors for a malformed body: treated as an empty form
        if type(error).__module__.startswith("newsletter"):
            raise
        return SubmittedForm()
    fields: dict[str, list[str]] = {}
    for name, value in sent.multi_items():
        if not isinstance(value, UploadFile):
            # PostgreSQL stores no NUL in a text.
            fields.setdefault(name, []).append(value[:MAX_FIELD_LENGTH].replace("\x00", "").strip())
    return SubmittedForm({name: tuple(values) for name, values in fields.items()})


Sent = Annotated[SubmittedForm, Depends(read_form)]


def sign_form_time(request: Request) -> str:
    """The signed current time, for a form that is shown now."""
    site = site_of(request)
    return tokens.sign(link_purposes.FORM, {}, keys=site.keys, now=site.clock())


async def check_form_time(request: Request, form: SubmittedForm) -> bool:
    """Wait until a person could have filled in the form; returns whether its time is valid or missing."""
    token = form.one(FORM_TIME)
    if not token:
        return True
    site = site_of(request)
    now = site.clock()
    try:
        shown_at = link_purposes.read(link_purposes.FORM, token, keys=site.keys, now=now).signed_at
    except TokenError:
        return False
    wait = shown_at + FASTEST_ANSWER - now
    if wait > timedelta(0):
        await asyncio.sleep(wait.total_seconds())
    return True


@cache
def zones() -> tuple[str, ...]:
    """Time zones to choose from: UTC, and those named by region and city."""
    return ("UTC", *sorted(zone for zone in known_zones() if _by_city(zone)))


def _by_city(zone: str) -> bool:
    return "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))


def values_of(person: SubscriberView) -> dict[str, Any]:
    """The preferences of a reader as form values by field."""
    chosen = person.preferences
    return {
        "cadence": chosen.cadence,
        "weekday": chosen.weekday or "monday",
        "hour": str(chosen.hour),
        "timezone": chosen.timezone,
        "text_only": chosen.text_only,
        "minimum": str(chosen.minimum),
        "maximum": "" if chosen.maximum is None else str(chosen.maximum),
        "cards": ALL_CARDS if chosen.cards is None else str(chosen.cards),
        "maybe": chosen.maybe,
    }


def schedule_text(chosen: Preferences) -> str:
    """When digests come: “Daily at 07:00 (Europe/Berlin)”."""
    days = {"daily": "Daily", "weekdays": "Monday to Friday"}
    day = days.get(chosen.cadence) or f"On {(chosen.weekday or 'monday').capitalize()}s"
    return f"{day} at {chosen.hour:02}:00 ({chosen.timezone})"


def given_of(sent: dict[str, str]) -> dict[str, object]:
    """The fields of a preferences form as `subscribers.preferences.changed` takes them.

    A box that is not ticked and a number that was cleared are values as well.
    """
    given: dict[str, object] = {name: sent[name] for name in SIGN_UP_PREFERENCES if sent.get(name)}
    if given.get("cadence", "weekly") != "weekly":
        given.pop("weekday", None)
    for name in ("text_only", "maybe"):
        given[name] = sent.get(name) in ("on", "true")
    given["minimum"] = sent.get("minimum") or "1"
    given["maximum"] = sent.get("maximum") or ANY_NUMBER
    given["cards"] = sent.get("cards")
    return given


def error_text(error: SubscriberError) -> str:
    """An error as a form shows it next to the field."""
    _, _, words = error.message.rpartition(": ") if isinstance(error, PreferenceError) else ("", "", "")
    text = (words or error.message).rstrip(".")
    return f"{as_sentence(text)}. {error.hint}".strip()
