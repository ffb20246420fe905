"""How the programs that run on write their logs: a line each on stderr, with ids and never an address."""

from __future__ import annotations

import logging
import re
from typing import Any

_ADDRESS = re.compile(r"[^\s@<>\"'=]+@[^\s@<>\"']+")  # more than any server or library would call one


class AddressFilter(logging.Formatter):
    """Takes addresses out of what other people's code says: a server's reply, a statement's parameters."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of a record, its traceback included, without addresses."""
        return _ADDRESS.sub("(an address)", super().format(record))


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": "newsletter.cli.logs.Lines",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in (
            ("uvicorn", "INFO"),
            ("newsletter", "INFO"),
            ("subscribers", "INFO"),
            ("apscheduler", "ERROR"),
        )
    },
}
