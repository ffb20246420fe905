"""Says in readers' words where a newsletter's papers come from, for the sign-up page. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select

from newsletter.core.states import DumpStatus
from newsletter.db.engine import reading
from newsletter.db.schema import dumps
from newsletter.sources.fetchers.requests import Source
from newsletter.sources.origins import origin_of

LATELY = timedelta(days=30)  # a dump that is older says nothing about what comes now
LATEST_DUMPS = 100  # that count, so that a long history costs little
MOST_CATEGORIES = 6  # named for one origin; the rest of them are “others”


def paper_origins(engine: Engine, sources: Sequence[Source], *, now: datetime) -> str:
    """The origins, such as “Hugging Face Daily Papers and arXiv (cs.ET, quant-ph)”; empty when none is known.

    sources: the configured ones. Dumps that others brought lately count by their formats. No address and no
    folder of a source is named. now: aware.
    """
    known: set[str | None] = set()  # sources whose origin is clear before they bring anything
    parts: list[tuple[str | None, tuple[str, ...]]] = []
    for source in sources:
        if (origin := origin_of(source.kind)) is not None:
            known.add(source.name)
            parts.append((origin, () if source.query else source.categories))
    with reading(engine) as connection:
        parts += [(origin_of(name), ()) for by, name in _lately(connection, now) if by not in known]
    others: set[str] = set()
    found: dict[str, list[str]] = {}
    for origin, named in parts:
        if origin is not None:
            found.setdefault(origin, []).extend(named)
            others |= set() if named else {origin}
    return _joined([_words(origin, named, origin in others) for origin, named in found.items()])


def _lately(connection: Connection, now: datetime) -> list[tuple[str | None, str]]:
    """(the source that brought it, its format) of the latest dumps, each pair once."""
    latest = (
        select(dumps.c.source, dumps.c.format)
        .where(
            dumps.c.status == DumpStatus.INGESTED,
            ~dumps.c.backfill,
            dumps.c.format.is_not(None),
            dumps.c.received_at >= now - LATELY,
        )
        .order_by(dumps.c.id.desc())
        .limit(LATEST_DUMPS)
        .subquery()
    )
    rows = connection.execute(select(latest).distinct().order_by(latest.c.format, latest.c.source))
    return [(row.source, row.format) for row in rows]


def _words(origin: str, categories: Sequence[str], has_others: bool) -> str:
    """The origin with its categories."""
    named = list(dict.fromkeys(categories))
    if not named:
        return origin
    shown = named[:MOST_CATEGORIES]
    has_others = has_others or len(named) > len(shown)
    return f"{origin} ({', '.join(shown)}{' and others' if has_others else ''})"


def _joined(words: Sequence[str]) -> str:
    return " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), *words[-1:]])
