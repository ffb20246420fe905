"""Opens signed links: the reader behind a good one, the right page for one that is not.

Forged, cut off and wrongly used links look alike; an expired one says since when, and where a new one is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import Request
from fastapi.responses import Response

from newsletter.pipeline.readers import self_service
from newsletter.web.pages import notice, show, site_of
from subscribers import link_purposes
from subscribers.addresses import mask
from subscribers.errors import SubscriberError, TokenExpiredError, TokenForgedError
from subscribers.queries import State, SubscriberView

NEW_LINK = ("/link", "Mail me my link")
SIGN_UP = ("/", "Sign up")


class LinkRefusedError(Exception):
    """A link that opens nothing; the page to show instead."""

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        super().__init__("closed")
        self.respond = respond


def opened(request: Request, purpose: str, token: str) -> link_purposes.OpenedLink:
    """The pass of a link. Raises LinkRefusedError."""
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
                f"It was good until {in_words(ended)}.",
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
    """The confirmed reader whom a link means. Raises LinkRefusedError, also for who has left."""
    person = self_service.reader_of(site_of(request).engine, opened(request, purpose, token).ref)
    if person is None:
        raise LinkRefusedError(gone)
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
        raise LinkRefusedError(
            lambda request: show(request, "left", address=mask(person.address), leave_id=person.leave_id)
        )
    if person.state is not State.CONFIRMED:
        raise LinkRefusedError(gone)
    return person


def unknown(request: Request) -> Response:
    """The page for a link that is none of ours, or not whole."""
    return notice(
        request,
        "This link does not work",
        "A part of it may be missing: some mail programs cut long links. Copy the whole link, "
        "or have a new one mailed to you.",
        status=404,
        link=NEW_LINK,
    )


def gone(request: Request) -> Response:
    """The page for a reader who is not kept any more."""
    return notice(
        request,
        "Nothing is mailed to this address",
        "There is no subscription behind this link any more.",
        status=410,
        link=SIGN_UP,
    )


def refused(request: Request, error: SubscriberError) -> Response:
    """The page for something that cannot be done now."""
    words = f"{error.message[:1].upper()}{error.message[1:]}."
    return notice(request, "That is not possible", words, error.hint, status=409, link=SIGN_UP)


def in_words(at: datetime) -> str:
    """An instant as a page says it."""
    return f"{at:%A} {at.day} {at:%B %Y}, {at:%H:%M} UTC"
