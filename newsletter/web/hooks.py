"""Takes what mail providers post about bounces and complaints, where the settings know how to check it.

Each provider's own rules are in `newsletter.inbound.intakes.webhooks`.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from newsletter.core.errors import NewsletterError
from newsletter.inbound.intakes.webhooks.hook import PostedNotice, RefusedNoticeError
from newsletter.web.pages import site_of
from newsletter.web.site import Site

router = APIRouter(prefix="/hooks", include_in_schema=False)

log = logging.getLogger("newsletter.inbound")


@router.post("/{provider}")
async def take_notice(request: Request, provider: str) -> Response:
    """Take one notice. 503 asks the provider to repeat it."""
    site = site_of(request)
    if provider not in site.hooks:
        return PlainTextResponse("no such webhook\n", status_code=404)
    notice = PostedNotice(headers=dict(request.headers), body=await request.body(), now=site.clock())
    return await run_in_threadpool(_taken, site, provider, notice)


def _taken(site: Site, provider: str, notice: PostedNotice) -> Response:
    hook = site.hooks[provider]
    try:
        for event in hook.events(notice):
            site.take_event(provider, event)
    except RefusedNoticeError as error:
        log.warning("a notice was refused provider=%s why=%r", provider, str(error))
        return PlainTextResponse("refused\n", status_code=hook.refusal)
    except NewsletterError as error:
        log.warning("a notice must come again provider=%s why=%r", provider, error.message)
        return PlainTextResponse("busy; repeat it later\n", status_code=503)
    site.wake()  # who left through the provider may get a goodbye
    return PlainTextResponse("taken\n")
