"""The logs of programs that keep running: no address in them, also not in a traceback."""

from __future__ import annotations

import logging
import logging.config

import pytest

from newsletter.cli.logs import LOGGING


def test_log_holds_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    known = logging.getLogger("newsletter.scheduler")
    quiet = {**LOGGING, "loggers": {"newsletter.scheduler": LOGGING["loggers"]["newsletter"]}}
    logging.config.dictConfig(quiet)
    try:
        try:
            raise ValueError("550 <ada@readers.example> is unknown")
        except ValueError:
            known.exception("delivery=%d refused for ada@readers.example", 7)
    finally:
        known.handlers.clear()
        known.propagate = True
        known.setLevel(logging.NOTSET)
    written = capsys.readouterr().err
    assert "newsletter.scheduler: delivery=7 refused for (an address)" in written
    assert "ValueError: 550 <(an address)> is unknown" in written
    assert "ada@" not in written
