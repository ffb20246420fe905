"""The logs of programs that keep running: no address in them, also not in a traceback."""

from __future__ import annotations

import logging
import logging.config

import pytest

from newsletter.cli.logs import LOGGING, PlainServerLines


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


@pytest.mark.parametrize(
    ("logger", "level", "words", "written"),
    [
        ("uvicorn.error", logging.INFO, "Started server process [%d]", ""),
        ("uvicorn.error", logging.INFO, "Application startup complete.", ""),
        ("uvicorn.error", logging.INFO, "Uvicorn running on socket %s", ""),
        ("uvicorn.error", logging.INFO, "Shutting down", "newsletter.server: Shutting down"),
        (
            "uvicorn.error",
            logging.INFO,
            "Child process [7] died",
            "newsletter.server: Child process [7] died",
        ),
        (
            "uvicorn.error",
            logging.ERROR,
            "Application startup failed.",
            "newsletter.server: Application startup",
        ),
        (
            "newsletter.scheduler",
            logging.INFO,
            "Waiting for application",
            "scheduler: Waiting for application",
        ),
    ],
)
def test_ordinary_start_of_the_web_server_is_quiet(logger: str, level: int, words: str, written: str) -> None:
    record = logging.LogRecord(logger, level, __file__, 1, words, (), None)
    if PlainServerLines().filter(record):
        assert written
        assert written in f"{record.name}: {record.msg}"
    else:
        assert not written
