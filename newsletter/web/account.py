"""Serves the pages of an account link: address, name, export, erasure. The link is valid for an hour."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.pipeline.content.personalization import preferences_path
from newsletter.pipeline.readers import account
from newsletter.web import signed_links
from newsletter.web.forms import Sent, error_text
from newsletter.web.pages import go, notice, show, site_of
from subscribers import link_purposes
from subscribers.errors import NameRefusedError, SubscriberError
from subscribers.queries import SubscriberView


def _reader(request: Request, token: str) -> SubscriberView:
    """The reader of an account link. An address change ends it: it was mailed to the old address."""
    person = signed_links.reader(request, link_purposes.ACCOUNT, token)
    signed_at = signed_links.open_link(request, link_purposes.ACCOUNT, token).signed_at
    if account.moved_since(site_of(request).engine, person, signed_at):
        raise signed_links.LinkRefusedError(signed_links.gone)
    return person


router = APIRouter(prefix="/account/{token}", include_in_schema=False)


@router.get("")
def account_page(request: Request, token: str, done: str = "") -> Response:
    """The page with the full address and the buttons."""
    person = _reader(request, token)
    return _page(request, token, person, done="Saved." if done == "name" else "")


@router.post("/address")
def change_address(request: Request, token: str, form: Sent) -> Response:
    """Ask the new address to confirm."""
    site = site_of(request)
    person = _reader(request, token)
    try:
        asked = account.request_address_change(
            site.engine,
            subscriber_id=person.id,
            address=form.one("email"),
            request_limits=site.request_limits,
            policy=site.policy,
            renderer=site.transactional_renderer,
            now=site.clock(),
        )
    except SubscriberError as error:
        return _page(request, token, person, errors={"email": error_text(error)}, typed=form.one("email"))
    if not asked:
        return notice(
            request,
            "Please wait a while",
            "Several addresses were asked already. Everything stays as it is; try again in an hour.",
            status=429,
            link=(f"/account/{token}", "Back"),
        )
    site.wake()
    return notice(
        request,
        "Check the mail of your new address",
        "If it can be used, a link to confirm it is on its way there. "
        "Until you press the button behind it, everything stays as it is.",
        link=(f"/account/{token}", "Back"),
    )


@router.post("/name")
def change_name(request: Request, token: str, form: Sent) -> Response:
    """Change the name in the greeting."""
    person = _reader(request, token)
    try:
        account.rename(site_of(request).engine, subscriber_id=person.id, name=form.one("name"))
    except NameRefusedError as error:
        return _page(request, token, person, errors={"name": error_text(error)}, name=form.one("name"))
    return go(request, f"/account/{token}?done=name")


@router.post("/export")
def export(request: Request, token: str) -> Response:
    """All stored data of the reader as a JSON file."""
    person = _reader(request, token)
    exported = account.export(site_of(request).engine, subscriber_id=person.id)
    return Response(
        json.dumps(exported, ensure_ascii=False, indent=2) + "\n",
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="subscription.json"'},
    )


@router.post("/erase")
def erase(request: Request, token: str, form: Sent) -> Response:
    """Erase the reader; the box next to the button must be ticked."""
    site = site_of(request)
    person = _reader(request, token)
    if not form.one("sure"):
        return _page(request, token, person, errors={"sure": "Tick the box first: this cannot be undone."})
    account.erase(site.engine, subscriber_id=person.id, policy=site.policy, now=site.clock())
    return notice(
        request,
        "You are forgotten",
        "Your address, name and choices are erased. What is left is a code that nobody can turn back into "
        "your address; it keeps others from signing you up by a list. You can come back whenever you like.",
        link=signed_links.SIGN_UP,
    )


def _page(
    request: Request,
    token: str,
    person: SubscriberView,
    *,
    errors: dict[str, str] | None = None,
    typed: str = "",
    name: str | None = None,
    done: str = "",
) -> Response:
    site = site_of(request)
    return show(
        request,
        "account",
        status=422 if errors else 200,
        token=token,
        person=person,
        typed=typed,
        name=person.name if name is None else name,
        errors=errors or {},
        done=done,
        preferences=preferences_path(site.links, person.ref, now=site.clock()),
    )
