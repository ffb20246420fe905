"""Sentences for what happens to dumps: pages are written, dropped, withdrawn; papers come out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from newsletter.core.papers.listing import Entry, ListedOn, Listing
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.schema import edition_papers, paper_bands, paper_keys, paper_revisions, papers
from newsletter.papers import dumps, queries
from newsletter.papers.reconcile import ReconcileReport, reconcile
from newsletter.papers.unpublished import unpublished_pairs
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.pipeline.intake.dumps import redate_dump, release_dump, replay_dump, withdraw_dump
from newsletter.pipeline.intake.ingest import IngestOptions, ingest
from newsletter.pipeline.publish import publish
from tests.databases import migrated_url

NOW = datetime(2026, 4, 17, 6, tzinfo=UTC)
VOCABULARY = """
    lattice gradient spike photon reservoir kernel tensor manifold bandit codec parser prior sensor planner
    graph token voxel phase qubit neuron axon layer pruning routing memory cache signal noise drift oracle
    policy reward margin entropy sketch embedding encoder decoder adapter scaffold benchmark corpus syntax
    propose method model results framework evaluate
"""
WORDS = VOCABULARY.split()


class WordMatcher:
    """Finds a topic where its name stands in the text: strong in the title, maybe in the abstract."""

    def __init__(self, *topics: str) -> None:
        self.topics = topics or ("quantum", "circuits")

    def match(self, title: str, abstract: str, categories: Sequence[str] = ()) -> tuple[TopicMatch, ...]:
        found = []
        for topic in self.topics:
            if topic in title.lower():
                found.append(TopicMatch(topic=topic, score=0.9, strength="strong", evidence=(topic,)))
            elif topic in abstract.lower():
                found.append(TopicMatch(topic=topic, score=0.3, strength="maybe", evidence=(topic,)))
        return tuple(found)


def abstract_of(seed: object, length: int = 120) -> str:
    """An abstract of its own for every seed: sentences of words that share no triples by chance."""
    rng = random.Random(f"abstract {seed}")
    words = [rng.choice(WORDS) for _ in range(length)]
    words[: min(length, 6) : 3] = ["propose", "results"][
        : len(words[: min(length, 6) : 3])
    ]  # as abstracts do
    sentences = [" ".join(words[start : start + 12]).capitalize() + "." for start in range(0, length, 12)]
    return " ".join(sentences)


def reworded(abstract: str, share: float = 0.1) -> str:
    """The abstract with its last words replaced."""
    words = abstract.split()
    kept = round(len(words) * (1 - share))
    return " ".join(words[:kept]) + " and these final words were written for a later version of the text."


@dataclass(frozen=True, kw_only=True)
class PrintedPaper:
    """A paper as a page prints it."""

    title: str
    abstract: str | None = None  # None: one of its own
    authors: str | None = "3 authors"
    printed: str = "Feb 3"
    comments: int | None = None

    def lines(self) -> list[str]:
        text = abstract_of(self.title) if self.abstract is None else self.abstract
        block: list[str] = []
        if self.authors is not None:
            who = f"  • {self.authors}" if self.authors.endswith("authors") else self.authors
            comments = f" {self.comments}" if self.comments is not None else ""
            block = [who, "·", self.printed + comments, ""]
        return [self.title, "", text, "", *block]


def page(day: str, *printed: PrintedPaper | str, junk: Sequence[str] = ()) -> bytes:
    """A page saved as text. day: "Mar 3". junk: lines that belong to nothing."""
    lines = ["Daily Papers", "", "byAK and the research community", "", day, ""]
    for paper in printed:
        lines += (PrintedPaper(title=paper) if isinstance(paper, str) else paper).lines()
    return "\n".join([*lines, *junk]).encode()


class DumpScenario:
    """A newsletter's store, and what an admin does at it."""

    def __init__(self, folder: Path, *, url: str | None = None, topics: Sequence[str] = ()) -> None:
        self.folder = folder
        self.archive = folder / "dumps"
        self.engine = open_engine(url or migrated_url(folder))
        self.matcher = WordMatcher(*topics)
        self.now = NOW

    def drop(self, name: str, data: bytes, **options: Any) -> DumpReport:
        """A file is ingested."""
        path = self.folder / name
        path.write_bytes(data)
        return self.drop_files([path], **options)[0]

    def drop_files(self, paths: Iterable[Path], **options: Any) -> list[DumpReport]:
        found = ingest(
            self.engine,
            paths,
            archive=self.archive,
            matcher=self.matcher,
            now=self.now,
            options=IngestOptions(**options),
        )
        return list(found)

    def list_entries(self, *entries: Entry, on: date, sha: str = "") -> ReconcileReport:
        """A listing that came from some other source, with identifiers."""
        with writing(self.engine) as connection:
            dump_id = dumps.add(
                connection,
                {
                    "sha256": sha or f"{on:%Y%m%d}{len(dumps.all_dumps(connection)):056}",
                    "file": "listing.json",
                    "size": 1,
                    "status": "ingested",
                    "listed_on": on,
                    "received_at": self.now,
                    "ingested_at": self.now,
                },
            )
            listing = Listing(
                format="test",
                printed=None,
                entries=tuple(replace(entry, position=n, line=n) for n, entry in enumerate(entries, 1)),
                nonblank_lines=len(entries),
            )
            return reconcile(
                connection,
                listing,
                dump_id=dump_id,
                matcher=self.matcher,
                now=self.now,
                decided=ListedOn(date=on, source="option"),
            )

    def publish(self) -> int | None:
        return publish(self.engine, now=self.now)

    def withdraw(self, name: str) -> dict[str, Any]:
        return withdraw_dump(self.engine, name, matcher=self.matcher, now=self.now)

    def redate(self, name: str, day: str) -> dict[str, Any]:
        return redate_dump(self.engine, name, date.fromisoformat(day))

    def release(self, name: str) -> dict[str, Any]:
        return release_dump(self.engine, name, archive=self.archive, matcher=self.matcher, now=self.now)

    def replay(self, name: str) -> dict[str, Any]:
        return replay_dump(self.engine, name, archive=self.archive, matcher=self.matcher, now=self.now)

    def papers(self, **asked: Any) -> list[dict[str, Any]]:
        with reading(self.engine) as connection:
            return queries.rows(connection, **asked)

    def show(self, paper_id: int) -> dict[str, Any]:
        with reading(self.engine) as connection:
            return queries.show(connection, paper_id)

    def titles(self, **asked: Any) -> list[str]:
        return [row["title"] for row in self.papers(**asked)]

    def id_of(self, title: str) -> int:
        """The paper whose current title this is, merged ones included."""
        with reading(self.engine) as connection:
            return int(connection.execute(select(papers.c.id).where(papers.c.title == title)).scalar_one())

    def news(self) -> set[tuple[str, str]]:
        """The (title, topic) pairs that publishing would take."""
        with reading(self.engine) as connection:
            pairs = unpublished_pairs().subquery()
            chosen = select(papers.c.title, pairs.c.topic).join(papers, papers.c.id == pairs.c.paper_id)
            return {(row.title, row.topic) for row in connection.execute(chosen)}

    def withdrawn_pairs(self) -> set[tuple[str, str]]:
        with reading(self.engine) as connection:
            chosen = (
                select(papers.c.title, edition_papers.c.topic)
                .join(papers, papers.c.id == edition_papers.c.paper_id)
                .where(edition_papers.c.withdrawn_at.is_not(None))
            )
            return {(row.title, row.topic) for row in connection.execute(chosen)}

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is stored, without ids that depend on the order of inserts."""
        with reading(self.engine) as connection:
            listed = {
                row["file"]: [(item["position"], item["line"], item["title"]) for item in row["papers"]]
                for dump in dumps.all_dumps(connection)
                for row in [{"file": dump.file, "papers": queries.listed_in(connection, dump.id)}]
            }
            return {
                "dumps": [tuple(dump.as_json().values()) for dump in dumps.all_dumps(connection)],
                "papers": [
                    tuple((key, str(value)) for key, value in row.items()) for row in queries.rows(connection)
                ],
                "listed": sorted(listed.items()),
                "keys": sorted(tuple(row) for row in connection.execute(select(paper_keys))),
                "bands": sorted(tuple(row) for row in connection.execute(select(paper_bands))),
                "revisions": sorted(
                    (row.paper_id, row.number, row.title, row.abstract)
                    for row in connection.execute(select(paper_revisions))
                ),
            }
