"""Answers monitoring: healthz, readyz, metrics. Metrics are only for this machine and configured networks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from newsletter.core.errors import NewsletterError
from newsletter.db.migrate import check_current
from newsletter.ops.stats.prometheus import CONTENT_TYPE, exposition
from newsletter.web.pages import site_of

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> Response:
    """Answers while the process runs."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Whether the database can be used and has the current schema."""
    try:
        check_current(site_of(request).engine)
    except NewsletterError as error:
        return PlainTextResponse(f"{error.message}\n", status_code=503)
    return PlainTextResponse("ready\n")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Counts in the format of Prometheus; 404 for other networks."""
    site = site_of(request)
    if not _may_see(request.client.host if request.client else "", site.metrics_from):
        return PlainTextResponse("not found\n", status_code=404)
    text = exposition(site.engine, state_dir=site.state_dir, now=site.clock())
    return Response(text, media_type=CONTENT_TYPE)


def _may_see(client: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in ip_network(network, strict=False) for network in networks)
