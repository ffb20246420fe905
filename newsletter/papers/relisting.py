"""Updates papers after a dump is withdrawn or redated, from the listings of the dumps that remain.

It does not decide which dumps count: a dump counts when its status is ingested, not when it is held or
withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from newsletter.core.papers.dating import resolve_printed
from newsletter.core.papers.diff import PaperText
from newsletter.core.states import DumpStatus
from newsletter.db.schema import dumps, listed_entries, paper_revisions, papers
from newsletter.db.search_index import index_papers
from newsletter.papers.lookup import in_chunks
from newsletter.papers.store import read_printed


def papers_of(connection: Connection, dump_id: int) -> list[int]:
    """The papers that a dump lists, in its order, each once."""
    chosen = (
        select(listed_entries.c.paper_id)
        .where(listed_entries.c.dump_id == dump_id)
        .order_by(listed_entries.c.position)
    )
    return list(dict.fromkeys(connection.execute(chosen).scalars()))


def refresh_first_listings(connection: Connection, paper_ids: Collection[int]) -> None:
    """Set first listing and publication date of papers from the ingested dumps.

    The first listing of a kept paper is the earliest of all papers merged into it. A date printed without a
    year follows its listing; one with a year stays. A paper that no ingested dump lists keeps its last place,
    and is no news.
    """
    for chunk in in_chunks(_with_kept(connection, paper_ids)):
        own: dict[int, list[Any]] = {paper_id: [] for paper_id in chunk}
        group: dict[int, list[Any]] = {paper_id: [] for paper_id in chunk}
        for row in _listings(connection, chunk):
            for paper_id, found in ((row.paper_id, own), (row.paper_id, group), (row.merged_into, group)):
                if paper_id in found:
                    found[paper_id].append(row)
        rows = [_place(paper_id, found, own[paper_id]) for paper_id, found in group.items() if found]
        if rows:
            statement = update(papers).where(papers.c.id == bindparam("b_id"))
            connection.execute(statement, [{k: v for k, v in row.items() if k != "dated"} for row in rows])
            dated = [{"b_id": row["b_id"], "published_on": row["dated"]} for row in rows if row["dated"]]
            if dated:
                connection.execute(statement, dated)


def no_longer_listed(connection: Connection, paper_ids: Collection[int]) -> list[int]:
    """Those of these papers, and of all merged with them, that no ingested dump lists in any form."""
    chunks = list(in_chunks(_with_kept(connection, paper_ids)))
    listed = {row.merged_into or row.paper_id for chunk in chunks for row in _listings(connection, chunk)}
    gone: list[int] = []
    for chunk in chunks:
        members = select(papers.c.id, papers.c.merged_into).where(
            or_(papers.c.id.in_(chunk), papers.c.merged_into.in_(chunk))
        )
        gone += [row.id for row in connection.execute(members) if (row.merged_into or row.id) not in listed]
    return sorted(set(gone))


def _with_kept(connection: Connection, paper_ids: Collection[int]) -> list[int]:
    """These papers and the papers that they were merged into."""
    found = set(paper_ids)
    for chunk in in_chunks(paper_ids):
        kept = select(papers.c.merged_into).where(papers.c.id.in_(chunk), papers.c.merged_into.is_not(None))
        found.update(connection.execute(kept).scalars())
    return sorted(found)


def _listings(connection: Connection, paper_ids: Collection[int]) -> Sequence[Any]:
    return connection.execute(
        select(
            listed_entries.c.paper_id,
            papers.c.merged_into,
            listed_entries.c.position,
            listed_entries.c.printed,
            dumps.c.id.label("dump_id"),
            dumps.c.listed_on,
            dumps.c.backfill,
        )
        .join(dumps, dumps.c.id == listed_entries.c.dump_id)
        .join(papers, papers.c.id == listed_entries.c.paper_id)
        .where(
            or_(papers.c.id.in_(paper_ids), papers.c.merged_into.in_(paper_ids)),
            dumps.c.status == DumpStatus.INGESTED,
        )
        .order_by(dumps.c.listed_on, dumps.c.id, listed_entries.c.position)
    ).all()


def _place(paper_id: int, group: list[Any], own: list[Any]) -> dict[str, Any]:
    first = group[0]
    return {
        "b_id": paper_id,
        "first_listed_on": first.listed_on,
        "first_dump_id": first.dump_id,
        "first_position": first.position,
        "dated": _published_on(own),
    }


def _published_on(listings: list[Any]) -> date | None:
    """The newest date printed with its year, else the oldest without one in its listing's year."""
    printed = [(read_printed(row.printed), row.listed_on) for row in listings if row.printed]
    whole = [day for day, _ in printed if day.year is not None]
    try:
        if whole:
            return resolve_printed(whole[-1], listings[-1].listed_on)
        return resolve_printed(*printed[0]) if printed else None
    except ValueError:  # a date that no calendar has
        return None


def mark_archive_only(connection: Connection, paper_ids: Collection[int]) -> None:
    """Mark papers as backfill when only dumps of an archive list them any more: they are no news."""
    for chunk in in_chunks(paper_ids):
        listed = select(listed_entries.c.paper_id).join(dumps, dumps.c.id == listed_entries.c.dump_id)
        listed = listed.where(dumps.c.status == DumpStatus.INGESTED, listed_entries.c.paper_id.in_(chunk))
        connection.execute(
            update(papers)
            .where(
                papers.c.id.in_(chunk),
                papers.c.id.in_(listed),
                papers.c.id.not_in(listed.where(~dumps.c.backfill)),
            )
            .values(backfill=True)
        )


def restore_older_texts(connection: Connection, dump_id: int) -> dict[int, tuple[PaperText, PaperText]]:
    """Replace texts that came with this dump, which no longer counts, by the papers' newest other texts.

    A text stays when a later dump lists the paper, since that one had the same text, or when there is no
    other. Returns (former text, present text) by paper.
    """
    current = (
        select(papers.c.id, papers.c.title, papers.c.abstract, dumps.c.listed_on)
        .join(
            paper_revisions,
            (paper_revisions.c.paper_id == papers.c.id) & (paper_revisions.c.number == papers.c.revision),
        )
        .join(dumps, dumps.c.id == paper_revisions.c.dump_id)
        .where(paper_revisions.c.dump_id == dump_id, papers.c.revision > 1)
    )
    # only a dump that lists a paper can have brought its current text
    current = current.where(papers.c.id.in_(papers_of(connection, dump_id)))
    changed: dict[int, tuple[PaperText, PaperText]] = {}
    for paper in connection.execute(current).all():
        later = (
            select(listed_entries.c.dump_id)
            .join(dumps, dumps.c.id == listed_entries.c.dump_id)
            .where(
                listed_entries.c.paper_id == paper.id,
                dumps.c.status == DumpStatus.INGESTED,
                dumps.c.listed_on >= paper.listed_on,
            )
        )
        other = (
            select(paper_revisions)
            .join(dumps, dumps.c.id == paper_revisions.c.dump_id)
            .where(paper_revisions.c.paper_id == paper.id, dumps.c.status == DumpStatus.INGESTED)
            .order_by(dumps.c.listed_on.desc(), paper_revisions.c.number.desc())
        )
        found = connection.execute(other.limit(1)).first()
        if found is None or connection.execute(later.limit(1)).first() is not None:
            continue
        text = PaperText(title=found.title, abstract=found.abstract)
        connection.execute(
            update(papers)
            .where(papers.c.id == paper.id)
            .values(title=text.title, abstract=text.abstract, revision=found.number)
        )
        changed[paper.id] = (PaperText(title=paper.title, abstract=paper.abstract), text)
    index_papers(connection, changed)
    return changed
