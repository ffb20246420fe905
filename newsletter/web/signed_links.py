"""Opens signed links: returns the reader of a valid link, or answers with the right page. Signs nothing.

Forged, truncated and misused links get the same page. The page of an expired link says when it expired and
where to get a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import Request
from fastapi.responses import Response

from newsletter.core.sentences import as_sentence
from newsletter.pipeline.readers import self_service
from newsletter.pipeline.readers.self_service import FormerReader
from newsletter.web.pages import notice, show, site_of
from subscribers import link_purposes
from subscribers.addresses import mask
from subscribers.errors import SubscriberError, TokenExpiredError, TokenForgedError
from subscribers.queries import State, SubscriberView

NEW_LINK = ("/link", "Mail me my link")
SIGN_UP = ("/", "Sign up")


class LinkRefusedError(Exception):
    """A link that cannot be used. `respond` makes the page to show instead."""

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        super().__init__("closed")
        self.respond = respond


def open_link(request: Request, purpose: str, token: str) -> link_purposes.OpenedLink:
    """Check a link and read its payload. Raises LinkRefusedError."""
    site = site_of(request)
    try:
        return link_purposes.read(purpose, token, keys=site.keys, now=site.clock())
    except TokenExpiredError as error:
        ended = error.until
        again = SIGN_UP if purpose == link_purposes.CONFIRM else NEW_LINK
        raise LinkRefusedError(
            lambda request: notice(
                request,
                "This link has expired",
                f"It was good until {time_text(ended)}.",
                "Sign up again, and a new one is mailed to you."
                if purpose == link_purposes.CONFIRM
                else "A new one can be mailed to you.",
                status=410,
                link=again,
            )
        ) from error
    except TokenForgedError as error:
        raise LinkRefusedError(unknown) from error


def reader(request: Request, purpose: str, token: str) -> SubscriberView:
    """The confirmed reader of a link. Raises LinkRefusedError, also for a reader who left."""
    ref = open_link(request, purpose, token).ref
    person = self_service.reader_of(site_of(request).engine, ref)
    if person is None:
        former = self_service.former_reader(site_of(request).engine, ref=ref)
        if former is None or purpose == link_purposes.ACCOUNT:
            raise LinkRefusedError(gone)
        raise LinkRefusedError(lambda request: moved(request, former))
    if person.state is State.PENDING:
        raise LinkRefusedError(
            lambda request: notice(
                request,
                "Not confirmed yet",
                "Your subscription begins once you press the button in the mail that asked you to confirm.",
                "Sign up again to get that mail once more.",
                status=409,
                link=SIGN_UP,
            )
        )
    if person.state is State.UNSUBSCRIBED:
        # A program that polls a feed stops at 410.
        status = 410 if purpose in (link_purposes.FEED, link_purposes.READER) else 200
        raise LinkRefusedError(
            lambda request: show(
                request, "left", status=status, address=mask(person.address), leave_id=person.leave_id
            )
        )
    if person.state is not State.CONFIRMED:
        raise LinkRefusedError(gone)
    return person


def unknown(request: Request) -> Response:
    """The page for a link that is not ours or not complete."""
    return notice(
        request,
        "This link does not work",
        "A part of it may be missing: some mail programs cut long links. Copy the whole link, "
        "or have a new one mailed to you.",
        status=404,
        link=NEW_LINK,
    )


def gone(request: Request) -> Response:
    """The page for a reader who is erased or suppressed."""
    return notice(
        request,
        "Nothing is mailed to this address",
        "There is no subscription behind this link any more.",
        status=410,
        link=SIGN_UP,
    )


def moved(request: Request, former: FormerReader, *, status: int = 410) -> Response:
    """The page for a link that was mailed to an earlier address: it can only leave, and shows nothing."""
    return show(
        request,
        "moved",
        status=status,
        leave_id=former.leave_id,
        gets_mail=former.person.state is State.CONFIRMED,
    )


def refused(request: Request, error: SubscriberError) -> Response:
    """The page for an action that is not possible now."""
    words = f"{as_sentence(error.message)}."
    return notice(request, "That is not possible", words, error.hint, status=409, link=SIGN_UP)


def time_text(at: datetime) -> str:
    """An instant as text for a page."""
    return f"{at:%A} {at.day} {at:%B %Y}, {at:%H:%M} UTC"
