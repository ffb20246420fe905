"""Keeps the newest refresh token of a login, for token servers that give a new one with each access token.

Credential files are the admin's, and often read-only; so it has a file of its own in the state directory.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from newsletter.ops.state_dir import PRIVATE_FOLDER, write_private

FOLDER = "refresh-tokens"  # in the state directory

log = logging.getLogger("newsletter.delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenFile:
    """The file of one login."""

    file: Path
    given: str  # a digest of the refresh token in the settings: another one there makes this file old

    @classmethod
    def of(cls, state_dir: Path, relay: str, refresh_token: str) -> RefreshTokenFile:
        """The file for a relay, host:port."""
        name = hashlib.sha256(relay.encode()).hexdigest()[:16]
        given = hashlib.sha256(refresh_token.encode()).hexdigest()
        return cls(file=state_dir / FOLDER / f"{name}.json", given=given)

    def newest(self) -> str:
        """The refresh token that came last; empty when there is none, or the settings have another since."""
        try:
            stored = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        if not isinstance(stored, dict) or stored.get("given") != self.given:
            return ""
        return str(stored.get("newest", ""))

    def keep(self, refresh_token: str) -> None:
        """Store a new one. Where that cannot be, the log says so, and the mail goes on."""
        try:
            self.file.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            text = json.dumps({"given": self.given, "newest": refresh_token})
            write_private(self.file, text, replace=True)
        except OSError as error:
            log.warning("the new refresh token cannot be kept in %s: %s", self.file, error.strerror)
