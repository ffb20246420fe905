"""Builds from the settings what fetches sources. Fetches nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.cli.workspace import Workspace
    from newsletter.pipeline.intake.dump_report import DumpReport
    from newsletter.pipeline.intake.fetch import FetchReport, IngestFetched
    from newsletter.sources.fetchers.http import HttpClient
    from newsletter.sources.fetchers.requests import Source


def configured_sources(work: Workspace) -> list[Source]:
    """The sources of the settings, in their order."""
    from newsletter.sources.fetchers.requests import Source

    return [Source(name=name, **table.model_dump()) for name, table in work.settings.sources.items()]


def web_client(work: Workspace) -> HttpClient:
    """A client that names this newsletter to the servers."""
    from newsletter.sources.fetchers.http import HttpClient

    return HttpClient(contact=work.settings.base_url)


def due_fetcher(work: Workspace) -> Callable[[datetime], Sequence[FetchReport]]:
    """A function that fetches the sources which are due at an instant."""
    from newsletter.pipeline.intake.fetch import fetch_due

    engine, sources, ingest = work.engine, configured_sources(work), fetched_ingester(work)
    return lambda now: fetch_due(engine, sources, client=lambda: web_client(work), ingest=ingest, now=now)


def fetched_ingester(work: Workspace) -> IngestFetched:
    """A function that ingests the answer of a source."""
    from newsletter.pipeline.intake.ingest import IngestOptions, ingest_bytes

    engine, archive, matcher = work.engine, work.dumps_dir, work.matcher

    def take(data: bytes, name: str, source: Source, now: datetime) -> DumpReport:
        options = IngestOptions(format=source.format, source=source.name)
        return ingest_bytes(
            engine, data, name=name, archive=archive, matcher=matcher, now=now, options=options
        )

    return take
