"""Imports and exports rosters, with a transaction for each batch of rows.

Does not parse rows or decide what they change: `subscribers.roster` does.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import StorageError
from newsletter.db.engine import reading, writing
from newsletter.pipeline.readers import backlog
from newsletter.pipeline.readers.policy import ReaderPolicy
from subscribers import queries, topic_slugs
from subscribers.roster.duplicates import DuplicateIndex
from subscribers.roster.exporter import write
from subscribers.roster.importer import import_rows
from subscribers.roster.other_tools import titles
from subscribers.roster.reader import Roster
from subscribers.roster.readings import state_of_word, strictest
from subscribers.roster.row_parser import MAX_UNREAD, ImportPolicy

ROSTER_MODE = 0o600  # file mode of an exported roster: it holds addresses


def import_roster(
    engine: Engine,
    path: Path,
    *,
    confirmed: bool,
    policy: ReaderPolicy,
    now: datetime,
    dry_run: bool = False,
    topics: Sequence[str] = (),
    at_most: str = "",
    encoding: str = "",
    ignore: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    on_change: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Import a roster; returns added, updated, unchanged (counts), refused (row, reason), what was ignored,
    and not_mailed: how many of those added or updated get no mail, by state.

    Each batch is one transaction, so other commands can write in between. An import that was killed is
    finished by running it again. confirmed: consent was given elsewhere. dry_run: stores nothing, and lists
    each change (row, address, change, before, after). on_change: is given each change instead, also of a
    real run. topics: slugs for rows that name none. at_most: pending, unsubscribed or suppressed; nobody in
    the file gets a state beyond it. encoding: empty means detect it. ignore: titles of columns that are not
    read, whatever they look like. progress: called with the rows read and an estimate of all rows. Raises
    RosterError for a file that is not a roster, or has a column that may say who must not be mailed, and
    UnknownTopicError; then nothing is stored.
    """
    total: dict[str, Any] = {"added": 0, "updated": 0, "unchanged": 0, "without_topics": 0, "refused": []}
    unread: Counter[tuple[str, str]] = Counter()
    not_mailed: Counter[str] = Counter()
    rows = 0
    with Roster(path, encoding=encoding, ignore=ignore) as roster, DuplicateIndex() as seen:
        import_policy = ImportPolicy(
            known_topics=policy.known_topics,
            default_topics=(EVERYTHING,),
            defaults=policy.defaults,
            confirmed=confirmed,
            now=now,
            suppression_key=policy.suppression_key,
            topics=topic_slugs.checked(topics, policy.known_topics),
            at_most=strictest(*(state_of_word(word) for word in (at_most, roster.status_by_name) if word)),
            topic_names=titles({slug: policy.topic_titles.get(slug, slug) for slug in policy.known_topics}),
        )
        for batch in roster.batches():
            with reading(engine) if dry_run else writing(engine, exclusive=True) as connection:
                report = import_rows(
                    connection,
                    batch,
                    policy=import_policy,
                    seen=seen,
                    dry_run=dry_run,
                    describe=on_change is not None,
                )
                if report.first_confirmed and policy.welcome:
                    newcomers = queries.by_ids(connection, report.first_confirmed)
                    backlog.give(
                        connection,
                        [(person.id, person.topics) for person in newcomers],
                        papers_each=policy.welcome,
                        now=now,
                    )
            for counted in ("added", "updated", "unchanged", "without_topics"):
                total[counted] += getattr(report, counted)
            total["refused"] += report.refused
            not_mailed.update(report.not_mailed)
            unread.update(
                {
                    value: count
                    for value, count in report.unread.items()
                    if value in unread or len(unread) < MAX_UNREAD
                }
            )
            if dry_run and on_change is None:
                total.setdefault("changes", []).extend(report.changes)
            elif on_change is not None:
                for change in report.changes:
                    on_change(change)
            if progress is not None:
                rows += len(batch)
                progress(rows, max(rows, round(rows * roster.size / max(roster.position, 1))))
        return {
            **total,
            "not_mailed": dict(sorted(not_mailed.items())),
            "ignored_columns": list(roster.columns.ignored),
            "ignored_values": [
                {"field": name, "value": value, "rows": rows}
                for (name, value), rows in sorted(
                    unread.items(), key=lambda item: (item[0][0], -item[1], item[0])
                )
            ],
            "format": roster.format or None,
            "at_most": str(import_policy.at_most) if import_policy.at_most else None,
            "encoding": roster.encoding,
        }


def export_roster(engine: Engine, path: Path) -> int:
    """Write all subscribers but erased ones to a roster, or leave the file as it was; returns how many."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, ROSTER_MODE)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                count = write_roster(engine, file)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}", hint="Name a file in a folder that you may write to."
        ) from error
    return count


def write_roster(engine: Engine, file: TextIO) -> int:
    """Write the same to an open text file (newline="", UTF-8), such as standard output; returns how many."""
    with reading(engine) as connection:
        return write(queries.listed(connection), file)
