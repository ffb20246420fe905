"""Serves the unsubscribe pages: fewer mails, one topic or all, with undo. The link never expires.

The unsubscribe button of a mail program posts here as well; that unsubscribes without a further step
(RFC 8058). A link that was mailed to an earlier address of a reader can leave and nothing else.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from newsletter.pipeline.content.personalization import preferences_path
from newsletter.pipeline.readers import self_service
from newsletter.pipeline.readers.self_service import FormerReader
from newsletter.web import signed_links
from newsletter.web.forms import Sent, SubmittedForm
from newsletter.web.pages import go, show, site_of
from subscribers.addresses import mask
from subscribers.errors import SubscriberError, UnknownTopicError
from subscribers.preferences import CADENCES
from subscribers.queries import State, SubscriberView

router = APIRouter(prefix="/u/{leave_id}", include_in_schema=False)

ONE_CLICK = "List-Unsubscribe"  # the form field of RFC 8058, section 3.1; its value is One-Click
LEFT = "You are unsubscribed.\n"


@router.get("")
def leave_page(request: Request, leave_id: str, done: str = "", was: str = "") -> Response:
    """The page with the buttons for fewer mails, for each topic and for everything."""
    former = self_service.former_reader(site_of(request).engine, leave_id=leave_id)
    if former is not None:
        return signed_links.moved(request, former, status=200)
    return _page(request, _leaver(request, leave_id), done=done, was=was)


@router.post("")
def leave(request: Request, leave_id: str, form: Sent) -> Response:
    """Unsubscribe. A repeat shows the same page and changes nothing."""
    site = site_of(request)
    former = self_service.former_reader(site.engine, leave_id=leave_id)
    if former is not None:
        return _leave_from_earlier_address(request, former, form)
    person = _known(request, leave_id)
    now = site.clock()
    if form.one(ONE_CLICK):
        self_service.leave(site.engine, subscriber_id=person.id, how=self_service.BY_MAILBOX, now=now)
        return PlainTextResponse(LEFT)
    topic = form.one("topic") or None
    if person.state in (State.ERASED, State.SUPPRESSED):
        # They get no mail now, but must stay unsubscribed when the suppression is lifted.
        self_service.leave(site.engine, subscriber_id=person.id, how=self_service.BY_PAGE, now=now)
        raise signed_links.LinkRefusedError(signed_links.gone)
    try:
        after = self_service.leave(
            site.engine,
            subscriber_id=person.id,
            topic=topic,
            how=self_service.BY_PAGE,
            now=now,
            renderer=site.transactional_renderer,
        )
    except UnknownTopicError as error:
        return signed_links.refused(request, error)
    site.wake()
    if after.state is not State.CONFIRMED:
        return go(request, f"/u/{leave_id}")
    return go(request, f"/u/{leave_id}?done={topic or ''}")


def _leave_from_earlier_address(request: Request, former: FormerReader, form: SubmittedForm) -> Response:
    """Unsubscribe from everything. The reader is told at the present address, and can take it back there."""
    site = site_of(request)
    one_click = bool(form.one(ONE_CLICK))
    self_service.leave(
        site.engine,
        subscriber_id=former.person.id,
        how=self_service.BY_MAILBOX if one_click else self_service.BY_PAGE,
        now=site.clock(),
        renderer=site.transactional_renderer,
    )
    site.wake()
    return PlainTextResponse(LEFT) if one_click else go(request, f"/u/{former.leave_id}")


@router.post("/fewer")
def fewer(request: Request, leave_id: str, form: Sent) -> Response:
    """Mail less: another cadence, a pause of four weeks, or the end of that pause."""
    site = site_of(request)
    person = _leaver(request, leave_id)
    cadence, now = form.one("cadence"), site.clock()
    try:
        if cadence in CADENCES:
            was = str(person.preferences.cadence)
            self_service.set_cadence(
                site.engine, subscriber_id=person.id, cadence_wanted=cadence, policy=site.policy, now=now
            )
            return go(request, f"/u/{leave_id}?done={'weekly' if cadence == 'weekly' else 'undo'}&was={was}")
        ends = form.one("pause") == "end"
        until = None if ends else self_service.today_of(person, now=now) + self_service.SHORT_PAUSE
        self_service.pause(site.engine, subscriber_id=person.id, until=until, now=now)
    except SubscriberError as error:
        return signed_links.refused(request, error)
    return go(request, f"/u/{leave_id}?done={'undo' if ends else 'paused'}")


@router.post("/undo")
def undo(request: Request, leave_id: str) -> Response:
    """Undo the last unsubscription."""
    site = site_of(request)
    person = _leaver(request, leave_id)
    try:
        self_service.undo(site.engine, subscriber_id=person.id, now=site.clock())
    except SubscriberError as error:
        return signed_links.refused(request, error)
    return go(request, f"/u/{leave_id}?done=undo")


def _known(request: Request, leave_id: str) -> SubscriberView:
    person = self_service.leaver_of(site_of(request).engine, leave_id)
    if person is None:
        raise signed_links.LinkRefusedError(signed_links.unknown)
    return person


def _leaver(request: Request, leave_id: str) -> SubscriberView:
    person = _known(request, leave_id)
    if person.state in (State.ERASED, State.SUPPRESSED):
        raise signed_links.LinkRefusedError(signed_links.gone)
    return person


def _page(request: Request, person: SubscriberView, *, done: str, was: str) -> Response:
    site = site_of(request)
    now = site.clock()
    until = person.paused_until if person.paused_until is not None and person.paused_until > now else None
    address = mask(person.address)
    if person.state is State.UNSUBSCRIBED:
        return show(request, "left", address=address, leave_id=person.leave_id)
    return show(
        request,
        "leave",
        address=address,
        leave_id=person.leave_id,
        followed=[(slug, site.titles([slug])[0]) for slug in site.in_order(person.topics)],
        left_topic=site.titles([done])[0] if done in person.left else "",
        undone=done == "undo",
        weekly=person.preferences.cadence == "weekly",
        weekday=str(person.preferences.weekday or "").capitalize(),
        was=was if done == "weekly" and was in CADENCES and was != "weekly" else "",
        paused_until=None if until is None else until.astimezone(self_service.zone_of(person)).date(),
        pending=person.state is State.PENDING,
        preferences=preferences_path(site.links, person.ref, now=site.clock())
        if person.state is State.CONFIRMED
        else "",
    )
