"""Serves the pages of a preferences link: topics, cadence, options, pause, sent digests and their reasons.

The link may have been forwarded: the address is masked, and account changes need a short-lived account link.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.pipeline.content import web_version
from newsletter.pipeline.content.personalization import feed_token, reader_token
from newsletter.pipeline.explain.why import why
from newsletter.pipeline.explain.why_wording import NO_TOPIC
from newsletter.pipeline.readers import account, self_service
from newsletter.render.view_models import MOST_MATCHED
from newsletter.web import signed_links
from newsletter.web.forms import HOURS, Sent, SubmittedForm, error_text, given_of, values_of, zones
from newsletter.web.pages import go, notice, show, site_of
from subscribers import link_purposes, topic_slugs
from subscribers.addresses import mask
from subscribers.errors import PreferenceError, SubscriberError, UnknownTopicError
from subscribers.queries import SubscriberView

router = APIRouter(prefix="/preferences/{token}", include_in_schema=False)

EARLIEST = date(1970, 1, 1)  # before any mail; date.min cannot be converted to every time zone
DONE = {
    "saved": "Saved. It holds from now on.",
    "paused": "Paused. What becomes new in the meantime is kept for you.",
    "resumed": "The pause is over.",
    "renewed": "Earlier links to your archive and feeds show nothing from now on.",
}


@router.get("")
def preferences_page(request: Request, token: str, done: str = "") -> Response:
    """The form with the current choices."""
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    return _page(request, token, person, done=DONE.get(done, ""))


@router.post("")
def save(request: Request, token: str, form: Sent) -> Response:
    """Store the choices."""
    site = site_of(request)
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    offered = site.offered(person.topics)
    sent = {name: form.one(name) for name in form.fields}
    try:
        self_service.save(
            site.engine,
            subscriber_id=person.id,
            topics=topic_slugs.checked(form.ticked(offered), tuple(offered)),
            preferences=given_of(sent),
            policy=site.policy,
            now=site.clock(),
        )
    except PreferenceError as error:
        return _page(request, token, person, form=form, errors={error.field: error_text(error)})
    except UnknownTopicError as error:
        return _page(request, token, person, form=form, errors={"topics": error_text(error)})
    except SubscriberError as error:
        return signed_links.refused(request, error)
    return go(request, f"/preferences/{token}?done=saved")


@router.post("/pause")
def pause(request: Request, token: str, form: Sent) -> Response:
    """Pause until a date, or end a pause."""
    site = site_of(request)
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    try:
        until = None if form.one("end") else _date(form.one("until"))
        self_service.pause(site.engine, subscriber_id=person.id, until=until, now=site.clock())
    except PreferenceError as error:
        return _page(request, token, person, errors={error.field: error_text(error)})
    return go(request, f"/preferences/{token}?done={'resumed' if until is None else 'paused'}#pause")


@router.post("/links")
def renew_links(request: Request, token: str) -> Response:
    """Make the reader's links to the archive and to feeds useless; the page then shows new ones."""
    site = site_of(request)
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    self_service.renew_links(site.engine, subscriber_id=person.id)
    return go(request, f"/preferences/{token}?done=renewed#archive")


@router.get("/sent")
def sent(request: Request, token: str) -> Response:
    """The digests that were mailed to the reader."""
    site = site_of(request)
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    mails = [
        {
            "subject": mail.subject,
            "day": mail.composed_at.astimezone(self_service.zone_of(person)).date(),
            "state": str(mail.state),
            "papers": mail.contents.papers,
            "maybe": mail.contents.maybe,
            "url": site.links.web(mail.key, at=site.clock()),
        }
        for mail in web_version.sent_to(site.engine, person.id)
    ]
    titles = {slug: view.title for slug, view in site.views.items()}
    return show(
        request,
        "sent",
        token=token,
        address=mask(person.address),
        mails=mails,
        titles=titles,
        most=MOST_MATCHED,
    )


@router.get("/why")
def why_page(request: Request, token: str, on: str = "") -> Response:
    """Why the reader got a digest on a day, or none."""
    site = site_of(request)
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    today = self_service.today_of(person, now=site.clock())
    error = ""
    day = today
    if on:
        try:
            day = _date(on)
        except PreferenceError as wrong:
            error = error_text(wrong)
    answer = why(site.engine, subscriber_id=person.id, address="", on=day, now=site.clock())
    return show(
        request,
        "why",
        status=422 if error else 200,
        token=token,
        address=mask(person.address),
        day=day,
        error=error,
        answer=answer,
        titles={slug: view.title for slug, view in site.views.items()},
        most=MOST_MATCHED,
        elsewhere=NO_TOPIC,
    )


@router.post("/account")
def account_link(request: Request, token: str) -> Response:
    """Mail the reader an account link."""
    site = site_of(request)
    person = signed_links.reader(request, link_purposes.PREFERENCES, token)
    mailed = account.request_account_link(
        site.engine,
        subscriber_id=person.id,
        request_limits=site.request_limits,
        policy=site.policy,
        renderer=site.transactional_renderer,
        now=site.clock(),
    )
    site.wake()
    if not mailed:
        return notice(
            request,
            "Look at your mail once more",
            f"Several links were mailed to {mask(person.address)} already. Please wait a while "
            "before you ask for another one.",
            status=429,
            link=(f"/preferences/{token}", "Back to your preferences"),
        )
    return notice(
        request,
        "Check your mail",
        f"A link that is good for one hour is on its way to {mask(person.address)}.",
        link=(f"/preferences/{token}", "Back to your preferences"),
    )


def _page(
    request: Request,
    token: str,
    person: SubscriberView,
    *,
    form: SubmittedForm | None = None,
    errors: dict[str, str] | None = None,
    done: str = "",
) -> Response:
    site = site_of(request)
    values: dict[str, Any] = values_of(person)
    ticked = list(person.topics)
    if form is not None:
        typed = {name: form.one(name) for name in values}
        boxes = {name: bool(typed[name]) for name in ("text_only", "maybe")}
        values |= {**typed, **boxes, "cards": typed["cards"] or values["cards"]}
        ticked = form.ticked(site.offered(person.topics))
    now = site.clock()
    paused = person.paused_until if person.paused_until is not None and person.paused_until > now else None
    return show(
        request,
        "preferences",
        status=422 if errors else 200,
        token=token,
        leave_id=person.leave_id,
        address=mask(person.address),
        panes=site.teasers(also=person.topics),
        reader=reader_token(site.links, person.ref, person.links_epoch, now=now),
        feed=feed_token(site.links, person.ref, person.links_epoch, now=now),
        ticked=ticked,
        values=values,
        errors=errors or {},
        hours=HOURS,
        zones=zones(),
        tomorrow=self_service.today_of(person, now=now) + timedelta(days=1),
        paused_until=None if paused is None else paused.astimezone(self_service.zone_of(person)).date(),
        done=done,
    )


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
        if found < EARLIEST:
            raise ValueError
        return found
    except ValueError as error:
        raise PreferenceError(
            f"until: {text!r} is not a date", field="until", hint="Write it as 2027-03-01."
        ) from error
