"""Fetches configured sources that are due, and ingests their answers like dropped files.

No transaction is open while a server is asked. A failure is stored, and the source is asked again later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from newsletter.core.errors import DumpRefusedError, NotFoundError
from newsletter.core.states import DumpStatus
from newsletter.db.engine import reading, writing
from newsletter.papers import source_records
from newsletter.papers.source_records import StoredSource
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.sources.decoding import check_size
from newsletter.sources.fetchers.http import Fetched, FetchError, HttpClient, Validators
from newsletter.sources.fetchers.requests import Source, wanted
from newsletter.sources.inbox_files import is_hidden, is_unfinished
from newsletter.sources.registry import read_listing

FIRST_RETRY = timedelta(minutes=5)  # after a failure; doubled for each further one
LONGEST_RETRY = timedelta(hours=6)
IngestFetched = Callable[[bytes, str, Source, datetime], DumpReport]

log = logging.getLogger("newsletter.sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """The outcome of one fetch of a source."""

    name: str
    dumps: tuple[DumpReport, ...] = ()  # of its answers; empty when nothing had changed
    error: str = ""  # why it failed; empty: it did not
    next_fetch_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `sources fetch --json` prints for the source."""
        return {
            "name": self.name,
            "dumps": [report.as_json() for report in self.dumps],
            "error": self.error or None,
            "next_fetch_at": self.next_fetch_at.isoformat() if self.next_fetch_at else None,
        }


def fetch_due(
    engine: Engine,
    sources: Sequence[Source],
    *,
    client: Callable[[], HttpClient],
    ingest: IngestFetched,
    now: datetime,
    only: str | None = None,
) -> list[FetchReport]:
    """Fetch the sources whose hour has come. only: this one, whatever the hour.

    client: makes the web client, when one is needed. ingest: takes bytes, file name, source and instant.
    Raises NotFoundError for an unknown name.
    """
    by_name = {source.name: source for source in sources}
    if only is not None:
        _named(sources, only)
    with reading(engine) as connection:
        before = source_records.stored(connection)
    if before.keys() - by_name.keys():
        with writing(engine) as connection:
            source_records.forget_others(connection, by_name)
    due = [only] if only is not None else source_records.unfetched(list(by_name), before, now=now)
    if not due:
        return []
    web = client()
    try:
        return [
            _fetch(engine, by_name[name], before.get(name, StoredSource(name=name)), web, ingest, now=now)
            for name in due
        ]
    finally:
        web.close()


def try_source(
    sources: Sequence[Source], name: str, *, client: Callable[[], HttpClient], now: datetime
) -> Iterator[dict[str, Any]]:
    """Ask one source once; yields what each answer holds, and stores nothing.

    Raises NotFoundError for an unknown name, FetchError without an answer, and DumpRefusedError for an answer
    that is no listing.
    """
    source = _named(sources, name)
    web = client()
    try:
        for file, _, answer in _answers(source, StoredSource(name=name), web, now=now):
            listing = read_listing(answer.data or b"", name=file, format=source.format)
            yield {
                "file": file,
                "format": listing.format,
                "entries": len(listing.entries),
                "first": [
                    {"title": entry.title, "url": entry.url, "authors": list(entry.author_names)}
                    for entry in listing.entries[:3]
                ],
            }
    finally:
        web.close()


def next_hour(hours: Sequence[int], now: datetime) -> datetime:
    """The first of these hours (UTC) after `now`."""
    start = now.replace(minute=0, second=0, microsecond=0)
    return next(at for step in range(1, 25) if (at := start + timedelta(hours=step)).hour in hours)


def _named(sources: Sequence[Source], name: str) -> Source:
    found = next((source for source in sources if source.name == name), None)
    if found is None:
        known = ", ".join(source.name for source in sources) or "none; add a table [sources.<name>]"
        raise NotFoundError(f"there is no source {name!r}", hint=f"Known: {known}.")
    return found


def _fetch(
    engine: Engine,
    source: Source,
    before: StoredSource,
    web: HttpClient,
    ingest: IngestFetched,
    *,
    now: datetime,
) -> FetchReport:
    after, reports, error = before, list[DumpReport](), ""
    try:
        for name, url, answer in _answers(source, before, web, now=now):
            if answer.data is not None:
                reports.append(ingest(answer.data, name, source, now))
            said = answer.validators
            after = replace(after, url=url, etag=said.etag, last_modified=said.last_modified)
        refused = next((report for report in reports if report.status == DumpStatus.REFUSED), None)
        if refused is not None:
            raise FetchError(refused.error or "the answer is no listing")
        after = replace(
            after,
            fetched_on=now.date(),
            fetched_at=now,
            failures=0,
            error="",
            next_fetch_at=next_hour(source.hours, now),
        )
    except FetchError as failure:
        error = str(failure)
        delay = failure.retry_after or min(FIRST_RETRY * 2 ** min(before.failures, 10), LONGEST_RETRY)
        after = replace(
            before,
            failures=before.failures + 1,
            error=error[:500],
            next_fetch_at=now + max(delay, FIRST_RETRY),
        )
        log.warning("source %s: %s", source.name, error)
    with writing(engine) as connection:
        source_records.save(connection, after)
    return FetchReport(name=source.name, dumps=tuple(reports), error=error, next_fetch_at=after.next_fetch_at)


def _answers(
    source: Source, before: StoredSource, web: HttpClient, *, now: datetime
) -> Iterator[tuple[str, str | None, Fetched]]:
    """(file name, address, answer) for each request of a source; files have no address."""
    if source.kind == "folder":
        for name, data in _files(Path(source.path or ""), since=before.fetched_at):
            yield name, None, Fetched(data=data)
        return
    known = Validators(etag=before.etag, last_modified=before.last_modified)
    for request in wanted(source, today=now.date(), last_day=before.fetched_on):
        is_same = request.url == before.url and before.failures == 0
        answer = web.get(request.url, known if is_same else None, robots=request.robots)
        yield request.file, request.url, answer


def _files(folder: Path, *, since: datetime | None) -> Iterator[tuple[str, bytes]]:
    """The regular files of a folder that came or changed since then.

    Raises FetchError when the folder, or in the end a file, cannot be read.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise FetchError(f"the folder {folder.absolute()} cannot be read: {error.strerror}") from error
    faults: list[str] = []
    for file in found:
        if is_hidden(file.name) or is_unfinished(file.name) or file.is_symlink() or not file.is_file():
            continue
        try:
            status = file.stat()
            came = max(status.st_mtime, status.st_ctime)  # a copy may keep the time of its words
            if since is not None and came < since.timestamp() - 60:
                continue
            check_size(status.st_size, name=file.name)
            data = file.read_bytes()
        except (DumpRefusedError, OSError) as error:
            words = error.message if isinstance(error, DumpRefusedError) else error.strerror
            faults.append(f"{file.name}: {words}")
            continue
        yield file.name, data
    if faults:
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        raise FetchError(f"{faults[0]}{more}")
