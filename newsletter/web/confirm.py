"""Serves the pages that confirm a sign-up or a new address. Only the button on a page confirms."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.pipeline.content.personalization import preferences_path
from newsletter.pipeline.readers import account, confirmations, mail_limits, self_service
from newsletter.pipeline.readers.confirmations import Confirmation
from newsletter.pipeline.readers.welcome_goodbye import first_digest_sentence
from newsletter.web import signed_links
from newsletter.web.forms import Sent, SubmittedForm, error_text, schedule_text
from newsletter.web.pages import notice, show, site_of
from newsletter.web.signup import FORM_VERSION, client_of
from subscribers import link_purposes
from subscribers.addresses import mask
from subscribers.errors import NameRefusedError, SubscriberError
from subscribers.queries import State, SubscriberView

router = APIRouter(include_in_schema=False)

CHOICE = "choice"  # the field that says which of several sign-ups is confirmed


@router.get("/confirm/{token}")
def confirm_page(request: Request, token: str) -> Response:
    """The page with what was asked for and the button, or the page for a confirmed subscriber."""
    opened = signed_links.open_link(request, link_purposes.CONFIRM, token)
    found = confirmations.find(site_of(request).engine, opened)
    if found is not None and found.person.state is State.CONFIRMED:
        return _confirmed(request, found.person)
    if found is None or not found.choices:
        return signed_links.gone(request)
    return _asked(request, found)


@router.post("/confirm/{token}")
def confirm(request: Request, token: str, form: Sent) -> Response:
    """Confirm what the page showed. A repeat shows the same page and changes nothing."""
    site = site_of(request)
    opened = signed_links.open_link(request, link_purposes.CONFIRM, token)
    origin = {
        "form": FORM_VERSION,
        "method": "link",
        "from": mail_limits.hashed_client(client_of(request), site.policy),
    }
    try:
        person = confirmations.confirm(
            site.engine,
            opened,
            choice=form.one(CHOICE),
            name=form.one("name") if "name" in form.fields else None,
            origin=origin,
            policy=site.policy,
            renderer=site.transactional_renderer,
            now=site.clock(),
        )
    except NameRefusedError as error:
        found = confirmations.find(site.engine, opened)
        if found is None or not found.choices:
            return signed_links.gone(request)
        return _asked(request, found, form=form, errors={"name": error_text(error)})
    except SubscriberError as error:
        return signed_links.refused(request, error)
    site.wake()
    return _confirmed(request, person)


@router.get("/confirm-address/{token}")
def confirm_address_page(request: Request, token: str) -> Response:
    """The page with the button that changes the address."""
    site = site_of(request)
    opened = signed_links.open_link(request, link_purposes.ADDRESS, token)
    reader = account.moved_from(site.engine, opened.ref, opened.to)
    if reader is not None:
        return _moved(request, reader)
    newcomer = self_service.reader_of(site.engine, opened.to)
    if newcomer is None or newcomer.state is not State.PENDING:
        return signed_links.gone(request)
    return show(request, "confirm-address", address=mask(newcomer.address))


@router.post("/confirm-address/{token}")
def confirm_address(request: Request, token: str) -> Response:
    """Change the address. A repeat shows the same page and changes nothing."""
    site = site_of(request)
    opened = signed_links.open_link(request, link_purposes.ADDRESS, token)
    try:
        person = account.change_address(
            site.engine, ref=opened.ref, to_ref=opened.to, policy=site.policy, now=site.clock()
        )
    except SubscriberError as error:
        return signed_links.refused(request, error)
    return _moved(request, person)


def _asked(
    request: Request,
    found: Confirmation,
    *,
    form: SubmittedForm | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    site = site_of(request)
    several = len(found.choices) > 1
    picked = form.one(CHOICE) if form is not None else ""
    return show(
        request,
        "confirm",
        status=422 if errors else 200,
        address=mask(found.person.address),
        asked=[
            {
                "ref": choice.ref,
                "at": signed_links.time_text(choice.at),
                "topics": site.titles(choice.topics),
                "when": schedule_text(choice.preferences),
                "name": choice.name if several else "",
            }
            for choice in found.choices
        ],
        picked=picked or found.choices[0].ref,
        name=found.name if form is None else form.one("name"),
        errors=errors or {},
    )


def _moved(request: Request, person: SubscriberView) -> Response:
    site = site_of(request)
    return notice(
        request,
        "Your newsletter has moved",
        f"From now on it comes to {mask(person.address)}. Topics, hour and everything else stay as they are.",
        link=(preferences_path(site.links, person.ref, now=site.clock()), "Your preferences"),
    )


def _confirmed(request: Request, person: SubscriberView) -> Response:
    site = site_of(request)
    now = site.clock()
    return show(
        request,
        "confirmed",
        address=mask(person.address),
        chosen=site.titles(person.topics),
        first=first_digest_sentence(person, now=now),
        preferences=preferences_path(site.links, person.ref, now=now),
    )
