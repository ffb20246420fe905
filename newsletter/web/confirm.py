"""Confirming: a sign-up, and a new address. A page with one big button; the button acts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.pipeline.content.personalization import preferences_path
from newsletter.pipeline.readers import account, self_service, signup_requests
from newsletter.pipeline.readers.welcome_goodbye import first_in_words
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
    """The button; for who is confirmed, that it is done."""
    door = signed_links.opened(request, link_purposes.CONFIRM, token)
    person = self_service.reader_of(site_of(request).engine, door.ref)
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
    """Consent. A repeat shows the same page and changes nothing."""
    site = site_of(request)
    door = signed_links.opened(request, link_purposes.CONFIRM, token)
    origin = {
        "form": FORM_VERSION,
        "method": "link",
        "from": signup_requests.hashed_client(client_of(request), site.policy),
    }
    try:
        person = signup_requests.confirm(
            site.engine,
            ref=door.ref,
            asked_at=door.signed_at,
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
    """The button that moves a reader to this address."""
    site = site_of(request)
    door = signed_links.opened(request, link_purposes.ADDRESS, token)
    newcomer = self_service.reader_of(site.engine, door.to)
    if newcomer is None or newcomer.state is not State.PENDING:
        reader = self_service.reader_of(site.engine, door.ref)
        if reader is not None and account.has_moved(site.engine, reader, door.to):
            return _moved(request, reader)
        return signed_links.gone(request)
    return show(request, "confirm", address=mask(newcomer.address), chosen=[], moving=True)


@router.post("/confirm-address/{token}")
def confirm_address(request: Request, token: str) -> Response:
    """Move. A repeat shows the same page and changes nothing."""
    site = site_of(request)
    door = signed_links.opened(request, link_purposes.ADDRESS, token)
    try:
        person = account.move(site.engine, ref=door.ref, to_ref=door.to, policy=site.policy, now=site.clock())
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
        first=first_in_words(person, now=now),
        preferences=preferences_path(site.links, person.ref, now=now),
    )
