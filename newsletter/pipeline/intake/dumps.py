"""Manages stored dumps: list, show, redate, withdraw, release, replay; each in one transaction.

It ingests no new bytes (`newsletter.pipeline.intake.ingest`). A dump is named by its file or by the beginning
of its SHA-256.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from newsletter.core.errors import NewsletterError, UsageError
from newsletter.core.papers.listing import ListedOn, Listing
from newsletter.core.states import DumpStatus
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import reading, writing
from newsletter.papers import dump_archive, dumps, possible_duplicates, queries, relisting
from newsletter.papers.dumps import StoredDump
from newsletter.papers.topic_matches import assign, rematch, withdraw_pairs
from newsletter.pipeline.intake.ingest import store_listing, why_held
from newsletter.sources.registry import formats, read_listing


def list_dumps(engine: Engine) -> list[dict[str, Any]]:
    """Every dump, in the order in which they came: the rows of `dumps list`."""
    with reading(engine) as connection:
        return [dump.as_json() for dump in dumps.all_dumps(connection)]


def show_dump(engine: Engine, name: str) -> dict[str, Any]:
    """One dump with its unread lines and the papers that it lists. Raises NotFoundError."""
    with reading(engine) as connection:
        dump = dumps.find(connection, name)
        return {
            **dump.as_json(),
            "quarantined": dumps.quarantined(connection, dump.id),
            "papers": queries.listed_in(connection, dump.id),
        }


def redate_dump(engine: Engine, name: str, listed_on: date) -> dict[str, Any]:
    """Change the date of a dump and of the papers dated from it; returns its row.

    Titles and editions of those papers stay. Raises NotFoundError.
    """
    with writing(engine, exclusive=True) as connection:
        dump = dumps.find(connection, name)
        values: dict[str, Any] = {"listed_on_option": listed_on}
        if dump.status != DumpStatus.HELD:  # a held dump has no date before its release
            values |= {"listed_on": listed_on, "listed_on_from": "option"}
        dumps.change(connection, dump.id, **values)
        relisting.refresh_first_listings(connection, relisting.papers_of(connection, dump.id))
        return _row(connection, dump)


def withdraw_dump(engine: Engine, name: str, *, matcher: TopicMatcher, now: datetime) -> dict[str, Any]:
    """Withdraw a dump; returns its row. Raises NotFoundError.

    Papers that only this dump listed are no longer news, and readers who did not get them will not get them.
    Texts that it changed are restored. The papers stay stored; they become news when another dump lists them,
    or when the same bytes are ingested again.
    """
    with writing(engine, exclusive=True) as connection:
        dump = dumps.find(connection, name)
        if dump.status != DumpStatus.WITHDRAWN:
            dumps.change(connection, dump.id, status=DumpStatus.WITHDRAWN)
        if dump.status == DumpStatus.INGESTED:
            listed = relisting.papers_of(connection, dump.id)
            changed = relisting.restore_older_texts(connection, dump.id)
            present = {held: new for held, (_, new) in changed.items()}
            possible_duplicates.forget_abstracts(
                connection, {held: old.abstract for held, (old, _) in changed.items()}
            )
            possible_duplicates.index_abstracts(
                connection, {held: new.abstract for held, new in present.items()}
            )
            assign(connection, present, matcher)
            _unlist(connection, listed, now=now)
        return _row(connection, dump)


def release_dump(
    engine: Engine, name: str, *, archive: Path, matcher: TopicMatcher, now: datetime
) -> dict[str, Any]:
    """Ingest a held dump in spite of its unread lines; returns its row. An ingested dump stays as it is.

    Raises NotFoundError; UsageError for a withdrawn dump; StorageError when its bytes are gone.
    """
    with writing(engine, exclusive=True) as connection:
        dump = dumps.find(connection, name)
        if dump.status == DumpStatus.WITHDRAWN:
            raise UsageError(
                "the dump was withdrawn", hint="Ingest the file again to take it in.", file=dump.file
            )
        if dump.status == DumpStatus.HELD:
            store_listing(
                connection,
                _reread(archive, dump),
                dump_id=dump.id,
                name=dump.file,
                matcher=matcher,
                now=now,
                option=dump.listed_on_option,
                backfill=dump.backfill,
            )
        return _row(connection, dump)


def replay_dump(
    engine: Engine, name: str, *, archive: Path, matcher: TopicMatcher, now: datetime
) -> dict[str, Any]:
    """Parse a dump's kept bytes again with the present parser, and match its papers again; returns its row.

    The date stays. A listed paper is recognised by its line, also when its title is now read better; only
    papers that were overlooked before are news. A held dump is judged again. Raises NotFoundError; UsageError
    for a withdrawn dump; NewsletterError when the present parser reads less of it.
    """
    with writing(engine, exclusive=True) as connection:
        dump = dumps.find(connection, name)
        if dump.status == DumpStatus.WITHDRAWN:
            raise UsageError(
                "the dump was withdrawn", hint="Ingest the file again to take it in.", file=dump.file
            )
        listing = _reread(archive, dump)
        again = dump.status == DumpStatus.INGESTED
        why = why_held(listing)
        if why is not None and not again:
            return _row(connection, dump)
        if why is not None and len(listing.unread) > dump.unread_lines:
            raise NewsletterError(
                "the present parser reads less of this dump than before",
                hint="Nothing was changed. Report the dump, or name its format when ingesting.",
                file=dump.file,
            )
        before = relisting.papers_of(connection, dump.id) if again else []
        store_listing(
            connection,
            listing,
            dump_id=dump.id,
            name=dump.file,
            matcher=matcher,
            now=now,
            option=dump.listed_on_option,
            backfill=dump.backfill,
            decided=_decided(dump) if again else None,
            again=again,
        )
        dumps.change(connection, dump.id, revised=_row(connection, dump)["revised"] + dump.revised)
        listed = relisting.papers_of(connection, dump.id)
        rematch(connection, matcher, listed)
        _unlist(connection, set(before).difference(listed), now=now)
        return _row(connection, dump)


def _unlist(connection: Connection, paper_ids: Collection[int], *, now: datetime) -> None:
    """Update papers that a dump does not list any more."""
    relisting.refresh_first_listings(connection, paper_ids)
    relisting.mark_archive_only(connection, paper_ids)
    withdraw_pairs(connection, relisting.no_longer_listed(connection, paper_ids), now=now)


def _reread(archive: Path, dump: StoredDump) -> Listing:
    data = dump_archive.load_bytes(archive, dump.sha256)
    known = dump.format if dump.format in formats() else None
    return read_listing(data, name=dump.file, format=known)


def _decided(dump: StoredDump) -> ListedOn | None:
    if dump.listed_on is None or dump.listed_on_from is None:
        return None
    return ListedOn(date=dump.listed_on, source=dump.listed_on_from)


def _row(connection: Connection, dump: StoredDump) -> dict[str, Any]:
    return dumps.find(connection, dump.sha256).as_json()
