"""Retraining: gathers what is known of papers and topics, lets it be learned from, matches papers anew.

Learns nothing itself (`newsletter.topics.training`). What an edition froze stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import reading, writing
from newsletter.papers.topic_matches import rematch
from newsletter.papers.training_texts import stored_texts
from newsletter.topics.labels import LabelledPaper
from newsletter.topics.training_set import TrainingExample

CORRECTION = 3.0  # weight of an admin's verdict: it says what the reader of these papers wants
STANDING = 0.3  # of a paper as it stands: nobody looked, but a topic needs papers that are not its own
MOST = 3_000  # stored papers that are learned from, the newest; more take minutes


def known_abstracts(engine: Engine) -> Callable[[str], str | None]:
    """What finds the abstract of a stored paper by its title; None for one that is not stored."""
    with reading(engine) as connection:
        found = {text.title: text.abstract for text in stored_texts(connection)}
    return found.get


def examples(
    engine: Engine, labelled: Sequence[LabelledPaper], topics: Sequence[str]
) -> list[TrainingExample]:
    """All that training learns from: labels, an admin's corrections, and other stored papers as they stand.

    topics: slugs. A file of labels speaks of those topics that any of its lines names; so do all files
    together. A correction speaks of its paper and topic alone, and beats a label.
    """
    spoken = {slug for paper in labelled for slug in paper.topics} & set(topics)
    with reading(engine) as connection:
        stored = stored_texts(connection, newest=MOST)
    by_title = {text.title: text for text in stored}
    found: list[TrainingExample] = []
    for paper in labelled:
        text = by_title.get(paper.title)
        labels = {slug: slug in paper.topics for slug in spoken}
        labels |= {slug: yes for slug, yes in (text.corrected if text else {}).items() if slug in topics}
        found.append(
            TrainingExample(title=paper.title, abstract=paper.abstract, labels=labels, source=paper.source)
        )
    told = {paper.title for paper in labelled}
    for text in stored:
        decided = {slug: yes for slug, yes in text.corrected.items() if slug in topics}
        if text.title not in told and decided:
            found.append(
                TrainingExample(title=text.title, abstract=text.abstract, labels=decided, weight=CORRECTION)
            )
        standing = {
            slug: slug in text.topics
            for slug in topics
            if slug not in decided
            and slug not in text.doubtful
            and not (text.title in told and slug in spoken)
        }
        if standing:
            found.append(
                TrainingExample(
                    title=text.title, abstract=text.abstract, labels=standing, weight=STANDING, judged=False
                )
            )
    return found


def match_anew(engine: Engine, matcher: TopicMatcher) -> int:
    """Match every stored paper with what is in force now; returns how many there are.

    Editions stay as they were frozen, and no paper that was published becomes news by it.
    """
    with writing(engine, alone=True) as connection:
        return rematch(connection, matcher)
