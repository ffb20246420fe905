"""Remembers whether a topic was public, so that a private one stays private when its definition is gone."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, select

from newsletter.db.engine import dialect_insert, reading, writing
from newsletter.db.schema import known_topics, paper_topics


def remember(engine: Engine, topics: Mapping[str, bool]) -> dict[str, bool]:
    """Store the topics of the settings, and return them with those that are not defined any more.

    topics, result: for each slug whether it is public. Whoever shows the archive to others calls this first.
    A topic that has papers and was never stored counts as private.
    """
    with reading(engine) as connection:
        known = _known(connection)
    changed = {slug: public for slug, public in topics.items() if known.get(slug) is not public}
    if changed:
        with writing(engine) as connection:
            insert = dialect_insert(connection)(known_topics)
            rows = [{"slug": slug, "public": public} for slug, public in changed.items()]
            replaced = insert.on_conflict_do_update(
                index_elements=[known_topics.c.slug], set_={"public": insert.excluded.public}
            )
            connection.execute(replaced, rows)
    return recalled(engine, topics)


def recalled(engine: Engine, topics: Mapping[str, bool]) -> dict[str, bool]:
    """As `remember` returns them, without storing any."""
    with reading(engine) as connection:
        matched = connection.execute(select(paper_topics.c.topic).distinct()).scalars()
        return {**dict.fromkeys(matched, False), **_known(connection), **topics}


def _known(connection: Connection) -> dict[str, bool]:
    return {row.slug: row.public for row in connection.execute(select(known_topics))}
