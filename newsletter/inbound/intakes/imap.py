"""Takes messages from a mailbox over IMAP, each once by its UID, whether or not somebody has read it.

The last UID is kept in a file. Where that is lost, or the server numbers its messages anew, all are handed in
again; the door knows them.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Literal

from newsletter.core.errors import NewsletterError
from newsletter.inbound.intakes.imap_session import ImapMailbox, ImapSession, opened
from newsletter.inbound.intakes.intake import Take

BATCH = 100  # messages of a look, so that a request to stop is heard

log = logging.getLogger("newsletter.inbound")


class ImapIntake:
    """One folder of one mailbox. For one thread."""

    name = "imap"

    def __init__(
        self,
        mailbox: ImapMailbox,
        *,
        take: Take,
        position: Path,
        after: Literal["seen", "move", "delete"] = "seen",
        moved_to: str = "",
        interval: float = 60.0,
    ) -> None:
        """position: the file of the last UID. after: what becomes of a message that was taken."""
        self.interval = interval
        self._mailbox = mailbox
        self._take = take
        self._position = position
        self._after = after
        self._moved_to = moved_to

    def step(self) -> bool:
        """Take up to BATCH messages; returns whether there are more. Raises NewsletterError."""
        with opened(self._mailbox) as session:
            last = self._last(session.validity)
            uids = session.uids_after(last)
            try:
                for uid in uids[:BATCH]:
                    self._take_message(session, uid)
                    last = uid
            finally:
                if uids:
                    self._keep(session.validity, last)
        return len(uids) > BATCH

    def close(self) -> None:
        """Nothing is open between two looks."""

    def _take_message(self, session: ImapSession, uid: int) -> None:
        data = session.read(uid)
        if data is None:
            return
        try:
            self._take(data, recipient="", source=self.name)
        except NewsletterError:
            raise
        except Exception as error:  # one message with an unforeseen fault must not stop the others
            log.exception("message could not be taken uid=%d", uid)
            log.warning("left in the mailbox uid=%d why='unexpected %s'", uid, type(error).__name__)
            return
        if self._after == "move":
            session.move(uid, self._moved_to)
        elif self._after == "delete":
            session.delete(uid)
        else:
            session.mark_seen(uid)

    def _whose(self) -> str:
        return f"{self._mailbox.username}@{self._mailbox.host}/{self._mailbox.folder}"

    def _last(self, validity: int) -> int:
        """The last UID that was taken; 0 when nothing is known."""
        try:
            kept = json.loads(self._position.read_text("utf-8"))
            if (kept["mailbox"], kept["validity"]) == (self._whose(), validity):
                return int(kept["last"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0

    def _keep(self, validity: int, last: int) -> None:
        text = json.dumps({"mailbox": self._whose(), "validity": validity, "last": last})
        new = self._position.with_suffix(".new")
        try:
            new.write_text(text, "utf-8")
            os.replace(new, self._position)  # noqa: PTH105  (it may exist)
        except OSError as error:
            log.warning("the last UID cannot be kept file=%s why=%r", self._position, error.strerror)
