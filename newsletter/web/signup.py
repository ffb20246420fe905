"""Serves the sign-up page, its form, and the form for a lost link. Looks up no subscriber.

Every well-formed address gets the same page after the same work. `pipeline.readers.signup_requests` answers
the stored request later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from newsletter.pipeline.readers import mail_limits, signup_requests
from newsletter.web.forms import (
    FORM_TIME,
    HONEYPOT,
    HOURS,
    SIGN_UP_PREFERENCES,
    Sent,
    SubmittedForm,
    check_form_time,
    error_text,
    sign_form_time,
    zones,
)
from newsletter.web.pages import go, show, site_of
from subscribers import addresses, preferences, requests, topic_slugs
from subscribers.errors import AddressError, NameRefusedError, PreferenceError, UnknownTopicError

router = APIRouter(include_in_schema=False)

FORM_VERSION = "2026-11"  # version of the text of the sign-up form, for the consent ledger
FORM_TOO_OLD = "This page was open for a long time. Please send it once more."


@router.get("/")
def sign_up_page(request: Request) -> Response:
    """The page with topics and form."""
    return _form(request, SubmittedForm(), {})


@router.post("/sign-up")
async def sign_up(request: Request, form: Sent) -> Response:
    """Store a sign-up, and say where to look for the confirmation."""
    if form.one(HONEYPOT):
        return go(request, "/check-your-mail")  # people do not see that field
    errors = {} if await check_form_time(request, form) else {FORM_TIME: FORM_TOO_OLD}
    asked, wrong = read_request(request, form, method="form")
    errors |= wrong
    if asked is None or errors:
        return await run_in_threadpool(_form, request, form, errors)
    await run_in_threadpool(store_request, request, asked)
    return go(request, "/check-your-mail")


@router.get("/check-your-mail")
def check_your_mail(request: Request) -> Response:
    """The next step; the same page for everybody."""
    return show(request, "check-your-mail")


@router.get("/link")
def link_page(request: Request) -> Response:
    """The form that asks for one's own link."""
    return _link_form(request, "", {})


@router.post("/link")
async def link(request: Request, form: Sent) -> Response:
    """Store the request for a link."""
    site = site_of(request)
    if form.one(HONEYPOT):
        return go(request, "/check-your-mail")
    errors = {} if await check_form_time(request, form) else {FORM_TIME: FORM_TOO_OLD}
    address = _address(form, errors)
    if address is None or errors:
        return _link_form(request, form.one("email"), errors)
    asked = requests.PageRequest(kind=requests.RequestKind.LINK, address=address.address, at=site.clock())
    await run_in_threadpool(store_request, request, asked)
    return go(request, "/check-your-mail")


def read_request(
    request: Request, form: SubmittedForm, *, method: str
) -> tuple[requests.PageRequest | None, dict[str, str]]:
    """The sign-up in a form, or None with the errors by field."""
    site = site_of(request)
    errors: dict[str, str] = {}
    address = _address(form, errors)
    wanted: tuple[str, ...] = ()
    try:
        wanted = topic_slugs.checked(form.ticked(site.offered()), tuple(site.offered()))
        if not wanted:
            errors["topics"] = "Choose at least one topic."
    except UnknownTopicError as error:
        errors["topics"] = error_text(error)
    given = {name: form.one(name) for name in SIGN_UP_PREFERENCES if form.one(name)}
    if given.get("cadence", "weekly").lower() != "weekly":
        given.pop("weekday", None)  # the form always sends one; only weekly digests have a weekday
    try:
        preferences.changed(site.policy.defaults, given)
    except PreferenceError as error:
        errors[error.field] = error_text(error)
    name = ""
    try:
        name = addresses.checked_name(form.one("name"), address=form.one("email"))
    except NameRefusedError as error:
        errors["name"] = error_text(error)
    if address is None or errors:
        return None, errors
    return (
        requests.PageRequest(
            kind=requests.RequestKind.SIGN_UP,
            address=address.address,
            name=name,
            topics=wanted,
            given=given,
            origin={
                "form": FORM_VERSION,
                "method": method,
                "from": mail_limits.hashed_client(client_of(request), site.policy),
            },
            at=site.clock(),
        ),
        {},
    )


def _address(form: SubmittedForm, errors: dict[str, str]) -> addresses.Address | None:
    """The address in a form; None, with the reason added to `errors`, when it is not one."""
    try:
        return addresses.parse(form.one("email"))
    except AddressError as error:
        errors["email"] = error_text(error)
        return None


def store_request(request: Request, asked: requests.PageRequest) -> None:
    """Store a request within the limits of its client, and wake the sender of transactional mail."""
    site = site_of(request)
    signup_requests.submit(
        site.engine,
        asked,
        client=client_of(request),
        request_limits=site.request_limits,
        policy=site.policy,
        now=site.clock(),
    )
    site.wake()


def client_of(request: Request) -> str:
    """The network address of a request, for limits; for IPv6 its /64 network (RFC 6177)."""
    from ipaddress import IPv6Address, ip_address, ip_network

    host = request.client.host if request.client is not None else ""
    forwarded = re.fullmatch(r"(?:\[([^\]]+)\]|([0-9.]+)):[0-9]+", host)  # some proxies also forward the port
    host = (forwarded[1] or forwarded[2]) if forwarded else host
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(address.ipv4_mapped if isinstance(address, IPv6Address) else address)


def _link_form(request: Request, email: str, errors: Mapping[str, str]) -> Response:
    return show(
        request,
        "link",
        status=422 if errors else 200,
        errors=errors,
        email=email,
        form_time=sign_form_time(request),
    )


def _form(request: Request, form: SubmittedForm, errors: Mapping[str, str]) -> Response:
    site = site_of(request)
    chosen = site.policy.defaults
    values: dict[str, Any] = {
        "email": form.one("email"),
        "name": form.one("name"),
        "cadence": form.one("cadence") or chosen.cadence,
        "weekday": form.one("weekday") or "monday",
        "hour": form.one("hour") or str(chosen.hour),
        "timezone": form.one("timezone") or chosen.timezone,
    }
    return show(
        request,
        "sign-up",
        status=422 if errors else 200,
        panes=site.teasers(),
        origins=site.origins(),
        ticked=form.ticked(site.offered()),
        values=values,
        errors=errors,
        hours=HOURS,
        zones=zones(),
        guess=not form.fields,
        form_time=sign_form_time(request),
    )
