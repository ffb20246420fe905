"""Configures the logs of programs that keep running: one line a record on stderr, ids instead of addresses.

Writes no record itself.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from newsletter.cli.printable import printable

_ADDRESS = re.compile(r"[^\s@<>\"'=]+@[^\s@<>\"']+")  # wider than any server's own idea of an address

_ORDINARY = (
    "Started server process",
    "Started parent process",
    "Waiting for application",
    "Application startup complete",
    "Application shutdown complete",
    "Uvicorn running on",
    "Finished server process",
)


class AddressMaskingFormatter(logging.Formatter):
    """Replaces addresses in texts of other programs: an SMTP reply, the parameters of a statement."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record with its traceback, `printable`; "(an address)" stands for each address."""
        return printable(_ADDRESS.sub("(an address)", super().format(record)))


class PlainServerLines(logging.Filter):
    """Drops what uvicorn logs of an ordinary start and end, and gives its other lines a plain name.

    One line of ours tells where the pages are served; "Shutting down" stays for the end.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a record."""
        if not record.name.startswith("uvicorn"):
            return True
        record.name = "newsletter.server"
        return not (record.levelno <= logging.INFO and str(record.msg).startswith(_ORDINARY))


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"plain": {"()": PlainServerLines}},
    "formatters": {
        "lines": {
            "()": AddressMaskingFormatter,
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["plain"]}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in (
            ("uvicorn", "INFO"),
            ("newsletter", "INFO"),
            ("subscribers", "INFO"),
            ("apscheduler", "ERROR"),
            ("procrastinate", "CRITICAL"),  # newsletter.workers tells of failures, without a traceback
            ("psycopg.pool", "ERROR"),
        )
    },
}
