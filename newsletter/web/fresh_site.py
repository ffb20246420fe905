"""Shows the pages by the settings of the moment: asks for a new site before each request."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.web.site import Site


class FreshSiteMiddleware:
    """Lets the application go on with another site once there is one."""

    def __init__(self, app: ASGIApp, fresh: Callable[[], Site | None], use: Callable[[Site], None]) -> None:
        """fresh: the site since the last call; None: as before. use: makes the application show a site."""
        self._app = app
        self._fresh = fresh
        self._use = use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (site := self._fresh()) is not None:
            self._use(site)
        await self._app(scope, receive, send)
