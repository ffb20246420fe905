"""Serves the pages that confirm a sign-up or a new address. Only the button on a page confirms."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.pipeline.content.personalization import preferences_path
from newsletter.pipeline.readers import account, self_service, signup_requests
from newsletter.pipeline.readers.welcome_goodbye import first_digest_sentence
from newsletter.web import signed_links
from newsletter.web.pages import notice, show, site_of
from newsletter.web.signup import FORM_VERSION, client_of
from subscribers import link_purposes
from subscribers.addresses import mask
from subscribers.errors import SubscriberError
from subscribers.queries import State, SubscriberView

router = APIRouter(include_in_schema=False)


@router.get("/confirm/{token}")
def confirm_page(request: Request, token: str) -> Response:
    """The page with the button, or the page for a confirmed subscriber."""
    opened = signed_links.open_link(request, link_purposes.CONFIRM, token)
    person = self_service.reader_of(site_of(request).engine, opened.ref)
    if person is not None and person.state is State.CONFIRMED:
        return _confirmed(request, person)
    if person is None or person.state is not State.PENDING:
        return signed_links.gone(request)
    return show(
        request,
        "confirm",
        address=mask(person.address),
        chosen=site_of(request).titles(person.topics),
        moving=False,
    )


@router.post("/confirm/{token}")
def confirm(request: Request, token: str) -> Response:
    """Confirm. A repeat shows the same page and changes nothing."""
    site = site_of(request)
    opened = signed_links.open_link(request, link_purposes.CONFIRM, token)
    origin = {
        "form": FORM_VERSION,
        "method": "link",
        "from": signup_requests.hashed_client(client_of(request), site.policy),
    }
    try:
        person = signup_requests.confirm(
            site.engine,
            ref=opened.ref,
            asked_at=opened.signed_at,
            origin=origin,
            policy=site.policy,
            renderer=site.transactional_renderer,
            now=site.clock(),
        )
    except SubscriberError as error:
        return signed_links.refused(request, error)
    site.wake()
    return _confirmed(request, person)


@router.get("/confirm-address/{token}")
def confirm_address_page(request: Request, token: str) -> Response:
    """The page with the button that changes the address."""
    site = site_of(request)
    opened = signed_links.open_link(request, link_purposes.ADDRESS, token)
    newcomer = self_service.reader_of(site.engine, opened.to)
    if newcomer is None or newcomer.state is not State.PENDING:
        reader = self_service.reader_of(site.engine, opened.ref)
        if reader is not None and account.has_moved(site.engine, reader, opened.to):
            return _moved(request, reader)
        return signed_links.gone(request)
    return show(request, "confirm", address=mask(newcomer.address), chosen=[], moving=True)


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
