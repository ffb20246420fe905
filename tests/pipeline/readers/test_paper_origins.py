"""Where the papers come from, as the sign-up page says it: by sources, and by the formats of late dumps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from newsletter.db.engine import writing
from newsletter.db.schema import dumps
from newsletter.pipeline.readers.paper_origins import paper_origins
from newsletter.sources.fetchers.requests import Source
from newsletter.sources.origins import origin_of
from newsletter.sources.registry import formats
from tests.pipeline.readers.scenario import NOON

HF = "Hugging Face Daily Papers"
MANY = ("cs.AI", "cs.AR", "cs.CL", "cs.ET", "cs.LG", "cs.NE", "quant-ph")
COUNTS = dict.fromkeys(("size", "entries", "new", "known", "revised", "nonblank_lines", "unread_lines"), 0)


def source(kind: str, **fields: Any) -> Source:
    return Source(name=kind, kind=kind, hours=(5,), **fields)


def store(engine: Engine, *brought: dict[str, Any]) -> None:
    with writing(engine) as connection:
        for number, dump in enumerate(brought):
            usual = {"status": "ingested", "received_at": NOON, "backfill": False, "source": None}
            row = {"sha256": f"{number}", "file": "f", **COUNTS, **usual, **dump}
            connection.execute(insert(dumps), row)


@pytest.mark.parametrize(
    ("sources", "brought", "words"),
    [
        ([], [], ""),
        ([], [{"format": "daily-papers"}], HF),
        ([], [{"format": "daily-papers"}, {"format": "hf-api-json"}, {"format": "hf-page-html"}], HF),
        ([], [{"format": "daily-papers"}, {"format": "arxiv-mail"}], f"arXiv and {HF}"),
        ([], [{"format": "csv"}], ""),
        ([], [{"format": None, "status": "refused"}], ""),
        ([], [{"format": "arxiv-mail", "status": "held"}, {"format": "hf-api-json", "backfill": True}], ""),
        ([], [{"format": "arxiv-mail", "received_at": NOON - timedelta(days=31)}], ""),
        ([source("hf-daily")], [], HF),
        ([source("arxiv-feed", categories=("cs.ET", "quant-ph"))], [], "arXiv (cs.ET, quant-ph)"),
        ([source("arxiv-api", query="all:memristor", categories=("cs.ET",))], [], "arXiv"),
        (
            [source("hf-daily"), source("arxiv-feed", categories=("cs.ET",))],
            [
                {"format": "arxiv-feed", "source": "arxiv-feed"},
                {"format": "hf-api-json", "source": "hf-daily"},
            ],
            f"{HF} and arXiv (cs.ET)",
        ),
        (
            [source("arxiv-feed", categories=("cs.ET",)), source("arxiv-api", categories=("cs.ET", "cs.AR"))],
            [{"format": "arxiv-mail"}],
            "arXiv (cs.ET, cs.AR and others)",
        ),
        (
            [source("arxiv-feed", categories=MANY)],
            [],
            "arXiv (cs.AI, cs.AR, cs.CL, cs.ET, cs.LG, cs.NE and others)",
        ),
        ([source("url", url="https://secret.example/x?key=1"), source("folder", path="/srv/secret")], [], ""),
        ([source("url", url="https://secret.example/x")], [{"format": "hf-page-html", "source": "url"}], HF),
    ],
)
def test_origins_are_named_for_readers(
    engine: Engine, sources: list[Source], brought: list[dict[str, Any]], words: str
) -> None:
    store(engine, *brought)
    assert paper_origins(engine, sources, now=NOON) == words


def test_every_format_of_hugging_face_and_arxiv_has_its_origin() -> None:
    found = {name: origin_of(name) for name in formats()}
    assert {origin for name, origin in found.items() if "arxiv" in name} == {"arXiv"}
    assert {origin for name, origin in found.items() if name.startswith(("hf", "daily"))} == {HF}
