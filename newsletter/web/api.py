"""Accepts sign-ups as JSON, for sites with a form of their own. Described by /api/openapi.json.

Confirms nobody and shows no state of an address.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from newsletter.web.forms import SIGN_UP_PREFERENCES, SubmittedForm
from newsletter.web.middleware import CROSS_ORIGIN
from newsletter.web.pages import site_of
from newsletter.web.signup import read_request, store_request

router = APIRouter(prefix="/api", tags=["sign-up"])

Text = Annotated[str, Field(max_length=2000)]


class TopicOut(BaseModel):
    """A topic that can be followed."""

    slug: str
    title: str
    description: str
    lately: int = Field(description="Papers of the last 30 days.")


class SignUp(BaseModel):
    """A sign-up: address, topics and preferences."""

    model_config = ConfigDict(extra="forbid")

    email: Text = Field(
        description="The address; it is asked to confirm by mail.", examples=["ada@example.org"]
    )
    topics: list[Text] = Field(
        min_length=1, max_length=100, description="Slugs, at least one.", examples=[["quantum"]]
    )
    name: Text = Field(default="", description="To be greeted by.")
    cadence: Text = Field(default="", description="daily, weekdays or weekly.")
    weekday: Text = Field(default="", description="For weekly: monday to sunday.")
    hour: int | None = Field(default=None, ge=0, le=23, description="On the reader's clock.")
    timezone: Text = Field(default="", description="An IANA name such as Europe/Berlin.")


class Accepted(BaseModel):
    """The same for every well-formed request."""

    status: str = "check your mail"


class Refused(BaseModel):
    """What is wrong, field by field."""

    errors: dict[str, str]


@router.get("/topics", summary="The topics that can be followed")
def topics(request: Request, response: Response) -> list[TopicOut]:
    """In reading order."""
    _allow_cross_origin(response)
    return [
        TopicOut(slug=teaser.slug, title=teaser.title, description=teaser.description, lately=teaser.lately)
        for teaser in site_of(request).teasers()
    ]


@router.post(
    "/sign-ups",
    status_code=202,
    summary="Ask for a subscription",
    response_model=Accepted,
    responses={422: {"model": Refused, "description": "A field is wrong."}},
)
def sign_up(request: Request, sign_up_request: SignUp) -> Response:
    """A mail goes to the address, and nothing more before its owner confirms. The answer is the same for
    every well-formed request: it does not show whether the address is known or a limit is reached."""
    values = {
        name: str(getattr(sign_up_request, name))
        for name in SIGN_UP_PREFERENCES
        if getattr(sign_up_request, name) not in (None, "")
    }
    fields = {
        "email": (sign_up_request.email.strip(),),
        "name": (sign_up_request.name,),
        "topics": tuple(sign_up_request.topics),
    }
    form = SubmittedForm({**fields, **{name: (value,) for name, value in values.items()}})
    asked, errors = read_request(request, form, method="json")
    if asked is None:
        answer: Response = JSONResponse({"errors": errors}, status_code=422)
    else:
        store_request(request, asked)
        answer = JSONResponse(Accepted().model_dump(), status_code=202)
    _allow_cross_origin(answer)
    return answer


def _allow_cross_origin(response: Response) -> None:
    for name, value in CROSS_ORIGIN:
        response.headers[name.decode()] = value.decode()
