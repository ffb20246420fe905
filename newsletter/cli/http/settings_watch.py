"""Makes the site of the web pages anew when newsletter.toml has changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from newsletter.cli.wiring import Wiring, make_site
from newsletter.cli.workspace import Workspace
from newsletter.core.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.web.site import Site

SETTLED_AFTER = 1.0  # seconds without a change; a file that is being written may lack its second half

log = logging.getLogger("newsletter.web")


class SettingsWatch:
    """Tells whether the settings of a running server have changed, and how the site is by then."""

    def __init__(self, work: Workspace, *, wake: Callable[[], None]) -> None:
        """work: whose site is shown now. wake: wakes the request mailer."""
        from newsletter.settings.sources import TOML_NAME

        self._work = work
        self._wake = wake
        self._file = work.state_dir / TOML_NAME
        self._seen = self._stamp()

    def __call__(self) -> Site | None:
        """The new site after a change; None without one, or when the settings are wrong."""
        stamp = self._stamp()
        if stamp is None or stamp == self._seen or 0 <= time.time() - stamp[0] / 1e9 < SETTLED_AFTER:
            return None
        self._seen = stamp
        fresh = Workspace(state_dir_flag=self._work.state_dir, flags=self._work.flags)
        try:
            _ = fresh.settings
            fresh.engine = self._work.engine  # another database needs a restart
            site = make_site(Wiring(fresh))
        except NewsletterError as error:
            log.error("%s has changed; the pages go on as before: %s", self._file.name, error)
            return None
        site.wake = self._wake
        log.info("%s has changed: the pages follow it", self._file.name)
        return site

    def _stamp(self) -> tuple[int, int, int] | None:
        """What differs after a change; None without a file, as while an editor replaces it."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
