"""Knows from a few statements whether anything changed that a page of a static copy shows."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import Row, select

from newsletter.db.schema import dumps, edition_papers, editions, listed_entries, paper_topics, papers
from newsletter.pipeline.archive.edition_page import edition_links
from newsletter.pipeline.archive.scope import ORDER, ArchiveScope
from newsletter.pipeline.archive.static_folder import fingerprint


class StaticInputs:
    """Fingerprints of what pages show, from a few statements over all papers."""

    def __init__(self, scope: ArchiveScope) -> None:
        self._scope = scope
        chosen = select(papers).where(scope.shown()).order_by(*ORDER)
        self.shown: list[Row[Any]] = list(scope.connection.execute(chosen))

    @cached_property
    def of_paper(self) -> dict[int, bytes]:
        """By id: the row, its topics, its listings and its editions, those of merged papers included."""
        connection = self._scope.connection
        hashes = {row.id: hashlib.blake2b(repr(tuple(row)).encode(), digest_size=12) for row in self.shown}
        merged = select(papers.c.id, papers.c.merged_into).where(papers.c.merged_into.is_not(None))
        kept = {row.id: row.merged_into for row in connection.execute(merged)}
        listed = select(
            listed_entries.c.paper_id,
            listed_entries.c.position,
            listed_entries.c.upvotes,
            dumps.c.id,
            dumps.c.listed_on,
            dumps.c.entries,
            dumps.c.status,
        ).join(dumps, dumps.c.id == listed_entries.c.dump_id)
        frozen = select(
            edition_papers.c.paper_id,
            edition_papers.c.edition,
            edition_papers.c.topic,
            edition_papers.c.dropped_at,
            edition_papers.c.withdrawn_at,
            editions.c.date,
            self._scope.visibility.edition_is_visible().label("is_visible"),
        ).join(editions, editions.c.number == edition_papers.c.edition)
        matched = select(
            paper_topics.c.paper_id,
            paper_topics.c.topic,
            paper_topics.c.score,
            paper_topics.c.strength,
            paper_topics.c.evidence,
        )
        for statement in (
            listed.order_by(listed_entries.c.dump_id, listed_entries.c.position),
            frozen.order_by(edition_papers.c.edition, edition_papers.c.topic),
            matched.order_by(paper_topics.c.paper_id, paper_topics.c.topic),
        ):
            for row in connection.execute(statement):
                found = hashes.get(kept.get(row.paper_id, row.paper_id))
                if found is not None:
                    found.update(repr(tuple(row)).encode())
        return {paper_id: found.digest() for paper_id, found in hashes.items()}

    def of_papers(self, ids: list[int]) -> str:
        """One fingerprint of a list."""
        return fingerprint([self.of_paper[paper_id] for paper_id in ids])

    @cached_property
    def of_edition(self) -> dict[int, str]:
        """By number: the edition's own row and its papers."""
        connection = self._scope.connection
        rows = {row.number: [repr(tuple(row))] for row in connection.execute(select(editions))}
        chosen = select(edition_papers).order_by(
            edition_papers.c.edition, edition_papers.c.place, edition_papers.c.topic
        )
        for row in connection.execute(chosen):
            rows[row.edition].append(f"{tuple(row)!r}{self.of_paper.get(row.paper_id)!r}")
        return {number: fingerprint(parts) for number, parts in rows.items()}

    @cached_property
    def editions_by_month(self) -> dict[date, list[tuple[int, str]]]:
        """By the first day of a month: its editions that pages link to."""
        found: dict[date, list[tuple[int, str]]] = {}
        for edition in edition_links(self._scope, select(editions).order_by(editions.c.number)):
            month = edition.date.replace(day=1)
            found.setdefault(month, []).append((edition.number, self.of_edition[edition.number]))
        return found
