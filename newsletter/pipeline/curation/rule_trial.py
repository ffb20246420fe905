"""Compares two sets of rules: which stored papers topics would gain and lose. Stores nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Engine

from newsletter.core.topics.topic_match import STRONG, TopicMatch
from newsletter.db.engine import reading
from newsletter.papers.training_texts import StoredText, stored_texts
from newsletter.topics.matcher import Matcher


def compare(engine: Engine, before: Matcher, after: Matcher, *, since: date) -> dict[str, Any]:
    """Match papers first listed on or after `since` with both matchers.

    Returns `{"papers", "since", "topics": [{"topic", "before", "after", "gained", "lost"}]}`; gained and lost
    hold `{"id", "title", "score", "evidence"}`, best first. Decisions of an admin are left out.
    """
    with reading(engine) as connection:
        texts = stored_texts(connection, since=since)
    rows: dict[str, dict[str, Any]] = {
        slug: {"topic": slug, "before": 0, "after": 0, "gained": [], "lost": []}
        for slug in dict.fromkeys((*before.slugs, *after.slugs))
    }
    for text in texts:
        was, becomes = _sections(before, text), _sections(after, text)
        for slug, row in rows.items():
            row["before"] += slug in was
            row["after"] += slug in becomes
            if slug in becomes and slug not in was:
                row["gained"].append(_row(text, becomes[slug]))
            elif slug in was and slug not in becomes:
                row["lost"].append(_row(text, was[slug]))
    for row in rows.values():
        for papers in (row["gained"], row["lost"]):
            papers.sort(key=lambda paper: -paper["score"])
    return {"papers": len(texts), "since": since.isoformat(), "topics": list(rows.values())}


def _sections(matcher: Matcher, text: StoredText) -> dict[str, TopicMatch]:
    return {
        match.topic: match
        for match in matcher.match(text.title, text.abstract, text.categories)
        if match.strength == STRONG and match.topic not in text.corrected
    }


def _row(text: StoredText, match: TopicMatch) -> dict[str, Any]:
    return {
        "id": text.paper_id,
        "title": text.title,
        "score": match.score,
        "evidence": list(match.evidence),
    }
