"""Reads forms: fields as people sent them, the honeypot, and the time at which a form was handed out.

A form that is back sooner than any person types is answered as late as if one had: a bot waits, and nobody is
sent away. One whose time is too old, or not ours, is shown again. Forms on other sites bear none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from newsletter.web.pages import site_of
from subscribers import link_purposes, tokens
from subscribers.errors import TokenError

HONEYPOT = "website"  # a field that people do not see
FORM_TIME = "form"  # the signed time
SOONEST = timedelta(seconds=1)  # nobody types an address and chooses topics faster
MOST_FIELDS = 200  # fields of one form; a newsletter has fewer topics
LONGEST = 2_000  # characters of one field


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The fields of a form, stripped; of those with several values all."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value of a field; empty when there is none."""
        return self.fields.get(name, ("",))[0]

    def ticked(self, slugs: Collection[str]) -> list[str]:
        """The topics whose boxes are ticked: sent as `topics=slug`, or, by other sites' forms, `slug=on`."""
        named = {value for value in self.fields.get("topics", ()) if value}
        return [*(slug for slug in slugs if slug in named or slug in self.fields), *sorted(named - {*slugs})]


async def read_form(request: Request) -> SubmittedForm:
    """The form that a request brings; empty when it brings none that can be read."""
    try:
        sent: FormData = await request.form(max_fields=MOST_FIELDS, max_files=0)
    except Exception as error:  # starlette raises its own for a malformed body: it is an empty form to us
        if type(error).__module__.startswith("newsletter"):
            raise
        return SubmittedForm()
    fields: dict[str, list[str]] = {}
    for name, value in sent.multi_items():
        if not isinstance(value, UploadFile):
            # NUL is no text to a database, and no key of ours sends it.
            fields.setdefault(name, []).append(value[:LONGEST].replace("\x00", "").strip())
    return SubmittedForm({name: tuple(values) for name, values in fields.items()})


Sent = Annotated[SubmittedForm, Depends(read_form)]


def stamp(request: Request) -> str:
    """The signed time for a form that is handed out now."""
    site = site_of(request)
    return tokens.sign(link_purposes.FORM, {}, keys=site.keys, now=site.clock())


async def take_time(request: Request, form: SubmittedForm) -> bool:
    """Wait until a person could have filled the form; whether it bears a good time, or none."""
    token = form.one(FORM_TIME)
    if not token:
        return True
    site = site_of(request)
    now = site.clock()
    try:
        handed_out = link_purposes.read(link_purposes.FORM, token, keys=site.keys, now=now).signed_at
    except TokenError:
        return False
    wait = handed_out + SOONEST - now
    if wait > timedelta(0):
        await asyncio.sleep(wait.total_seconds())
    return True
