"""Finds papers whose abstracts overlap with a new one: by shared bands, then by comparing the texts.

It stores findings for an admin to judge and merges nothing. `newsletter.core.papers.overlap` computes.

Two limits keep the cost of a paper the same for any number of stored papers. A bucket takes BUCKET_SIZE
papers: a full one holds a common phrase, and later papers are found by their other bands. And COMPARED
abstracts are compared: those that share most bands first, then those from the smallest bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from newsletter.core.papers.overlap import SAME_JACCARD, bands, jaccard, may_overlap, overlaps, triples
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import paper_bands, papers, possible_same
from newsletter.papers.lookup import in_chunks

BUCKET_SIZE = 16  # papers under one band
COMPARED = 8  # abstracts compared with one new abstract


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstractOverlap:
    """Two papers under different titles whose abstracts overlap strongly."""

    paper_id: int  # the later one
    other_id: int  # the earlier one
    overlap: float  # Jaccard index of word triples, 0 to 1


def index_abstracts(connection: Connection, abstracts: Mapping[int, str]) -> list[AbstractOverlap]:
    """Index new or changed abstracts by their bands; returns the strong overlaps with other papers.

    abstracts: by paper id, stored before. A merged paper counts as the one it was merged into.
    """
    sets = {paper_id: triples(abstract) for paper_id, abstract in abstracts.items()}
    keys = {paper_id: bands(found) for paper_id, found in sets.items()}
    buckets = _buckets(connection, {band for of_paper in keys.values() for band in of_paper})
    rows: list[dict[str, int]] = []
    near: dict[int, list[int]] = {}
    for paper_id, of_paper in keys.items():
        shared: Counter[int] = Counter()
        smallest: dict[int, int] = {}  # by candidate: papers in the smallest bucket that it shares
        for band in of_paper:
            bucket = buckets.setdefault(band, [])
            for other in bucket:
                if other != paper_id:
                    shared[other] += 1
                    smallest[other] = min(smallest.get(other, BUCKET_SIZE), len(bucket))
            if len(bucket) < BUCKET_SIZE and paper_id not in bucket:
                bucket.append(paper_id)
                rows.append({"band": band, "paper_id": paper_id})
        if shared:
            ranked = sorted((-count, smallest[other], other) for other, count in shared.items())
            near[paper_id] = [other for *_, other in ranked[:COMPARED]]
    if rows:  # in the order of the index: neighbours share its pages
        connection.execute(insert(paper_bands), sorted(rows, key=lambda row: row["band"]))
    return _confirmed(connection, abstracts, sets, near) if near else []


def twins(connection: Connection, abstracts: Mapping[int, str]) -> dict[int, list[int]]:
    """Stored papers whose abstracts are nearly the same as these, the nearest first, by the keys given.

    abstracts: of entries that no key recognises. A merged paper counts as the one it was merged into.
    """
    sets = {key: triples(abstract) for key, abstract in abstracts.items()}
    banded = {key: keys for key, of_text in sets.items() if (keys := bands(of_text))}
    buckets = _buckets(connection, {band for of_text in banded.values() for band in of_text})
    near: dict[int, list[int]] = {}
    for key, of_text in banded.items():
        shared = Counter(other for band in of_text for other in buckets.get(band, ()))
        if shared:
            near[key] = [other for other, _ in shared.most_common(COMPARED)]
    texts: dict[int, str] = {}
    kept: dict[int, int] = {}
    for chunk in in_chunks({other for others in near.values() for other in others}):
        chosen = select(papers.c.id, papers.c.abstract, papers.c.merged_into).where(papers.c.id.in_(chunk))
        for row in connection.execute(chosen):
            texts[row.id], kept[row.id] = row.abstract, row.merged_into or row.id
    found: dict[int, list[int]] = {}
    for key, others in near.items():
        scored = [(jaccard(sets[key], triples(texts[other])), other) for other in others]
        same = [kept[other] for index, other in sorted(scored, reverse=True) if index >= SAME_JACCARD]
        if same:
            found[key] = list(dict.fromkeys(same))
    return found


def forget_abstracts(connection: Connection, abstracts: Mapping[int, str]) -> None:
    """Remove replaced abstracts from the index. abstracts: the old texts by paper id."""
    for paper_id, abstract in abstracts.items():
        old = bands(triples(abstract))
        if old:
            connection.execute(
                delete(paper_bands).where(paper_bands.c.band.in_(old), paper_bands.c.paper_id == paper_id)
            )


def report(
    connection: Connection, found: Collection[AbstractOverlap], *, now: datetime
) -> list[AbstractOverlap]:
    """Store findings for an admin to judge; returns the new ones. Verdicts stay."""
    if not found:
        return []
    rows = {
        (item.paper_id, item.other_id): {
            "paper_id": item.paper_id,
            "other_id": item.other_id,
            "overlap": item.overlap,
            "found_at": now,
            "verdict": "open",
        }
        for item in found
    }
    known = {
        (row.paper_id, row.other_id)
        for chunk in in_chunks({paper_id for paper_id, _ in rows})
        for row in connection.execute(
            select(possible_same.c.paper_id, possible_same.c.other_id).where(
                possible_same.c.paper_id.in_(chunk)
            )
        )
    }
    fresh = [row for pair, row in rows.items() if pair not in known]
    if fresh:
        upsert = dialect_insert(connection)
        connection.execute(upsert(possible_same).on_conflict_do_nothing(), fresh)
    return [item for item in found if (item.paper_id, item.other_id) not in known]


def _buckets(connection: Connection, wanted: Collection[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for chunk in in_chunks(wanted):
        chosen = select(paper_bands.c.band, paper_bands.c.paper_id).where(paper_bands.c.band.in_(chunk))
        for band, paper_id in connection.execute(chosen):
            found.setdefault(band, []).append(paper_id)
    return found


def _confirmed(
    connection: Connection,
    abstracts: Mapping[int, str],
    sets: dict[int, frozenset[int]],
    near: Mapping[int, Collection[int]],
) -> list[AbstractOverlap]:
    """The candidates whose abstracts overlap. Most are chance: a comparison of words excludes them fast."""
    texts = dict(abstracts)
    for chunk in in_chunks({other for others in near.values() for other in others} - texts.keys()):
        chosen = select(papers.c.id, papers.c.abstract).where(papers.c.id.in_(chunk))
        texts |= {row.id: row.abstract for row in connection.execute(chosen)}
    strong: list[tuple[int, int, float]] = []
    for paper_id, others in near.items():
        words = frozenset(texts[paper_id].split())
        for other in others:
            if not may_overlap(words, texts[other]):
                continue
            if other not in sets:
                sets[other] = triples(texts[other])
            index = overlaps(sets[paper_id], sets[other])
            if index is not None:
                strong.append((paper_id, other, index))
    return _of_kept(connection, strong) if strong else []


def _of_kept(connection: Connection, strong: Collection[tuple[int, int, float]]) -> list[AbstractOverlap]:
    """The overlaps between different papers; a merged paper counts as the one it was merged into."""
    kept: dict[int, int] = {}
    for chunk in in_chunks({paper_id for *pair, _ in strong for paper_id in pair}):
        chosen = select(papers.c.id, papers.c.merged_into).where(
            papers.c.id.in_(chunk), papers.c.merged_into.is_not(None)
        )
        kept |= {row.id: row.merged_into for row in connection.execute(chosen)}
    found: dict[tuple[int, int], float] = {}
    for one, other, index in strong:
        pair = (kept.get(one, one), kept.get(other, other))
        later, earlier = max(pair), min(pair)
        if later != earlier:
            found[later, earlier] = max(index, found.get((later, earlier), 0.0))
    return [
        AbstractOverlap(paper_id=later, other_id=earlier, overlap=round(index, 4))
        for (later, earlier), index in found.items()
    ]
