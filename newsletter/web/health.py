"""Answers monitoring: healthz, readyz, metrics. Metrics are only for this machine and configured networks.

Behind a reverse proxy every request comes from this machine. So a request that a proxy passed on is refused,
whatever address it names.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from newsletter.core.errors import NewsletterError
from newsletter.db.migrate import check_current
from newsletter.ops.stats.prometheus import CONTENT_TYPE, exposition
from newsletter.web.pages import site_of
from newsletter.web.site import Site

# Headers that proxies, load balancers and content networks add. Each visitor can send them as well.
FORWARDING_HEADERS = frozenset(
    {
        "forwarded",  # RFC 7239
        "via",  # RFC 9110 section 7.6.3
        "cdn-loop",  # RFC 8586
        "client-ip",
        "fastly-client-ip",
        "fly-client-ip",
        "front-end-https",
        "proxy-client-ip",
        "surrogate-capability",
        "true-client-ip",
        "wl-proxy-client-ip",
        "x-arr-log-id",
        "x-azure-clientip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "x-original-host",
        "x-original-url",
        "x-originating-ip",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
        "x-proxyuser-ip",
        "x-rewrite-url",
        "x-scheme",
        "x-varnish",
        "x-vercel-id",
    }
)
FORWARDING_PREFIXES = ("x-forwarded", "cf-", "cloudfront-", "x-amz", "x-appengine-", "x-envoy-", "tailscale-")

log = logging.getLogger("newsletter.web")

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> Response:
    """Answers while the process runs."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Whether the database can be used and has the current schema; why not only for those who see metrics."""
    site = site_of(request)
    try:
        check_current(site.engine)
    except NewsletterError as error:
        log.warning("not ready: %s", error.message)
        words = error.message if _may_see_metrics(request, site) else "not ready"
        return PlainTextResponse(f"{words}\n", status_code=503)
    return PlainTextResponse("ready\n")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Counts in the format of Prometheus; 404 for other networks and for all that comes by a proxy."""
    site = site_of(request)
    if not _may_see_metrics(request, site):
        return PlainTextResponse("not found\n", status_code=404)
    text = exposition(site.engine, state_dir=site.state_dir, now=site.clock())
    return Response(text + site.more_metrics(), media_type=CONTENT_TYPE)


def make_health_app(site: Site) -> FastAPI:
    """An application that answers monitoring alone, for a program without pages."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.site = site
    app.include_router(router)
    return app


def _may_see_metrics(request: Request, site: Site) -> bool:
    client = request.client.host if request.client else ""
    return _is_in(client, site.metrics_from) and _is_direct(request, site)


def _is_in(client: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in ip_network(network, strict=False) for network in networks)


def _is_direct(request: Request, site: Site) -> bool:
    """Whether the request names this machine as one does that is next to it, and no proxy passed it on."""
    if request.scope["http_version"] == "1.0":
        return False  # as nginx asks when nobody told it more; it may name this machine as the host
    for name in request.headers:
        if name in FORWARDING_HEADERS or name.startswith(FORWARDING_PREFIXES):
            return False
    hosts = request.headers.getlist("host")
    if len(hosts) != 1:
        return False
    asked, public = _host(f"//{hosts[0]}"), _host(site.base_url)
    if _is_loopback(asked):
        return True
    return asked != public and (_is_address(asked) or (asked != "" and "." not in asked))


def _host(url: str) -> str:
    """The host of a URL in lower case; empty when there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
