"""Ingests dumps: keeps the bytes, reads the listing, stores its papers, in one transaction for each dump.

It decides nothing about papers (`newsletter.papers.reconcile`) or formats (`newsletter.sources`). The bytes
are on disk, under their hash, before the transaction begins. So a second run after a crash ends in the same
state as one run; bytes without a row are harmless.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from newsletter.core.errors import DumpRefusedError, NewsletterError
from newsletter.core.papers.listing import ListedOn, Listing, Unread, stubs
from newsletter.core.states import DumpStatus
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import enlarge_cache, reading, writing
from newsletter.db.schema import papers
from newsletter.papers import dump_archive, dumps
from newsletter.papers.dumps import StoredDump
from newsletter.papers.possible_duplicates import AbstractOverlap
from newsletter.papers.reconcile import reconcile
from newsletter.pipeline.intake.dump_report import DumpReport, PossiblySame
from newsletter.sources.decoding import check_size
from newsletter.sources.registry import read_listing

HELD_SHARE = 0.1  # of the non-blank lines; a dump with more unread lines waits for an admin
LOOK = "Look at the file; `newsletter dumps release` takes what could be read, `dumps withdraw` forgets it."
STUB = "hardly more than a title"  # a paper without abstract: often stray lines


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """Choices of an admin for the dumps of one run."""

    listed_on: date | None = None  # the listing's date
    format: str | None = None  # a name from `newsletter.sources.formats()`
    backfill: bool = False  # an archive: its papers are known, not news
    source: str | None = None  # the configured source that brought it


def ingest(
    engine: Engine,
    paths: Iterable[Path],
    *,
    archive: Path,
    matcher: TopicMatcher,
    now: datetime,
    options: IngestOptions | None = None,
) -> Iterator[DumpReport]:
    """Ingest files one after the other; yields a report for each, in order.

    archive: the folder of raw bytes. now: aware. A file that cannot be read is a refused dump among the
    others. Raises StorageError when the database or the archive cannot be written: then nothing of that dump
    is stored.
    """
    for path in paths:
        try:
            data = read_file(path)
        except DumpRefusedError as error:
            yield _refused(str(path), error)
            continue
        yield ingest_bytes(
            engine, data, name=str(path), archive=archive, matcher=matcher, now=now, options=options
        )


def ingest_bytes(
    engine: Engine,
    data: bytes,
    *,
    name: str,
    archive: Path,
    matcher: TopicMatcher,
    now: datetime,
    options: IngestOptions | None = None,
) -> DumpReport:
    """Ingest the bytes of one dump. name: of the file, perhaps with folders. Otherwise as `ingest`.

    Bytes that came before are `unchanged`. But a held dump is judged again, and a withdrawn one is ingested
    again: an admin may have withdrawn it by mistake, or because of a wrong option.
    """
    chosen = options or IngestOptions()
    # A file name may hold any bytes.
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    sha256 = dump_archive.sha256_of(data)
    with reading(engine) as connection:
        before = dumps.by_hash(connection, sha256)
        if before is not None and before.status == DumpStatus.INGESTED:
            return _unchanged(connection, name, before)
    try:
        listing = read_listing(data, name=name, format=chosen.format)
    except DumpRefusedError as error:
        return _refused(name, error)
    dump_archive.store_bytes(archive, data)
    with writing(engine, exclusive=True) as connection:
        enlarge_cache(connection)
        before = dumps.by_hash(connection, sha256)  # another process may have been faster
        if before is not None and before.status == DumpStatus.INGESTED:
            return _unchanged(connection, name, before)
        dump_id = _dump_row(connection, before, data, sha256=sha256, name=name, source=chosen.source, now=now)
        error_text = why_held(listing)
        if error_text is not None:
            return _hold(connection, dump_id, listing, name=name, error=error_text, options=chosen)
        return store_listing(
            connection,
            listing,
            dump_id=dump_id,
            name=name,
            matcher=matcher,
            now=now,
            option=chosen.listed_on,
            backfill=chosen.backfill,
        )


def store_listing(
    connection: Connection,
    listing: Listing,
    *,
    dump_id: int,
    name: str,
    matcher: TopicMatcher,
    now: datetime,
    option: date | None = None,
    backfill: bool = False,
    decided: ListedOn | None = None,
    again: bool = False,
) -> DumpReport:
    """Store the listing of a dump and mark the dump ingested. Arguments: see `reconcile`."""
    taken = reconcile(
        connection,
        listing,
        dump_id=dump_id,
        matcher=matcher,
        now=now,
        backfill=backfill,
        filename=Path(name).name,
        option=option,
        decided=decided,
        again=again,
    )
    figures: dict[str, Any] = {
        "entries": len(listing.entries),
        "new": taken.new,
        "known": taken.known,
        "revised": taken.revised,
    }
    values: dict[str, Any] = {
        **figures,
        "status": DumpStatus.INGESTED,
        "format": listing.format,
        "listed_on": taken.listed_on.date,
        "listed_on_from": taken.listed_on.source,
        "nonblank_lines": listing.nonblank_lines,
        "unread_lines": len(listing.unread),
        "error": None,
    }
    if not again:
        values |= {"listed_on_option": option, "backfill": backfill, "ingested_at": now}
    dumps.change(connection, dump_id, **values)
    dumps.quarantine(connection, dump_id, listing.unread)
    return DumpReport(
        file=name,
        status=DumpStatus.INGESTED,
        format=listing.format,
        listed_on=taken.listed_on.date,
        listed_on_from=taken.listed_on.source,
        guess=taken.listed_on.guess,
        quarantined=listing.unread,
        possibly_same=_titled(connection, taken.overlaps),
        **figures,
    )


def why_held(listing: Listing) -> str | None:
    """Why a listing must wait for an admin; None when enough of it was read."""
    if listing.stated is not None and listing.stated != len(listing.entries):
        return (
            f"the file says that it holds {listing.stated} papers, and {len(listing.entries)} were read.\n"
            "Save the page again, whole; `newsletter dumps release` takes what could be read, "
            "`dumps withdraw` forgets it."
        )
    unread = [(item.line, item.reason) for item in listing.unread]
    doubtful = [(entry.line, STUB) for entry in stubs(listing)]
    astray = len(unread) + sum(1 + bool(entry.abstract) for entry in stubs(listing))
    if astray <= listing.nonblank_lines * HELD_SHARE:
        return f"{listing.doubt}.\n{LOOK}" if listing.doubt is not None else None
    line, reason = min(unread + doubtful)
    words = f"{len(unread)} of {listing.nonblank_lines} {listing.unit}s could not be read"
    if doubtful:
        words += f", and {len(doubtful)} papers have hardly more than a title where others have an abstract"
    return f"{words}, from {listing.unit} {line} on ({reason}).\n{LOOK}"


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises DumpRefusedError for a folder, a device, or a file that is too large."""
    try:
        if path.is_dir():
            endings = {file.suffix for file in path.iterdir() if file.is_file()}
            pattern = f"*{endings.pop()}" if len(endings) == 1 else "*"
            files = f"{shlex.quote(str(path))}/{pattern}"
            raise DumpRefusedError("this is a folder", hint=f"Name the files in it: {files}", file=str(path))
        if path.exists() and not path.is_file():
            raise DumpRefusedError("this is no regular file", hint="Name a saved page.", file=str(path))
        check_size(path.stat().st_size, name=str(path))
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DumpRefusedError(
            "there is no such file", hint="Check its name and folder.", file=str(path)
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DumpRefusedError(
            "the file cannot be read", hint="Check its permissions.", file=str(path)
        ) from error


def _dump_row(
    connection: Connection,
    before: StoredDump | None,
    data: bytes,
    *,
    sha256: str,
    name: str,
    source: str | None,
    now: datetime,
) -> int:
    if before is not None:
        return before.id
    values = {
        "sha256": sha256,
        "file": Path(name).name,
        "size": len(data),
        "status": DumpStatus.HELD,  # until its papers are stored, in the same transaction
        "received_at": now,
        "source": source,
    }
    return dumps.add(connection, values)


def _hold(
    connection: Connection, dump_id: int, listing: Listing, *, name: str, error: str, options: IngestOptions
) -> DumpReport:
    dumps.change(
        connection,
        dump_id,
        listed_on_option=options.listed_on,  # for its release
        backfill=options.backfill,
        status=DumpStatus.HELD,
        format=listing.format,
        entries=len(listing.entries),
        nonblank_lines=listing.nonblank_lines,
        unread_lines=len(listing.unread),
        error=error,
    )
    dumps.quarantine(connection, dump_id, listing.unread)
    return DumpReport(
        file=name,
        status=DumpStatus.HELD,
        format=listing.format,
        entries=len(listing.entries),
        quarantined=listing.unread,
        error=f"{name}: {error}",
    )


def _refused(name: str, error: NewsletterError) -> DumpReport:
    said = error.__cause__ is None or isinstance(error.__cause__, FileNotFoundError)
    text = error.message if said else f"{error.message} ({error.__cause__})"
    return DumpReport(file=name, status=DumpStatus.REFUSED, error=f"{name}: {text}. {error.hint}".strip())


def _unchanged(connection: Connection, name: str, dump: StoredDump) -> DumpReport:
    return DumpReport(
        file=name,
        status=DumpStatus.UNCHANGED,
        format=dump.format,
        listed_on=dump.listed_on,
        listed_on_from=dump.listed_on_from,
        entries=dump.entries,
        known=dump.entries,
        quarantined=tuple(Unread(**record) for record in dumps.quarantined(connection, dump.id)),
    )


def _titled(connection: Connection, overlaps: Iterable[AbstractOverlap]) -> tuple[PossiblySame, ...]:
    found = tuple(overlaps)
    ids = {paper_id for pair in found for paper_id in (pair.paper_id, pair.other_id)}
    if not ids:
        return ()
    rows = connection.execute(select(papers.c.id, papers.c.title).where(papers.c.id.in_(ids)))
    titles: dict[int, str] = {row.id: row.title for row in rows}
    return tuple(
        PossiblySame(
            id=pair.paper_id,
            title=titles[pair.paper_id],
            other_id=pair.other_id,
            other_title=titles[pair.other_id],
            overlap=pair.overlap,
        )
        for pair in found
    )
