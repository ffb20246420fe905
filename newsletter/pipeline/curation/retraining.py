"""Gathers the examples for training topics, and matches stored papers again.

It learns nothing itself (`newsletter.topics.training`), and changes no edition.
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

CORRECTION_WEIGHT = 3.0  # an admin's decision weighs more than a label: it is about these papers
UNJUDGED_WEIGHT = 0.3  # nobody judged this match, but training needs papers outside the topic
MAX_STORED_TEXTS = 3_000  # the newest stored papers; training with more takes minutes


def known_abstracts(engine: Engine) -> Callable[[str], str | None]:
    """A function that returns the abstract of a stored paper by its title, or None."""
    with reading(engine) as connection:
        found = {text.title: text.abstract for text in stored_texts(connection)}
    return found.get


def examples(
    engine: Engine, labelled: Sequence[LabelledPaper], topics: Sequence[str]
) -> list[TrainingExample]:
    """The examples of training: labels, an admin's corrections, and other stored papers with their topics.

    topics: slugs. The labels decide about every topic that any of their lines names. A correction decides
    about its paper and topic, and takes precedence over a label.
    """
    labelled_topics = {slug for paper in labelled for slug in paper.topics} & set(topics)
    with reading(engine) as connection:
        stored = stored_texts(connection, newest=MAX_STORED_TEXTS)
    by_title = {text.title: text for text in stored}
    found: list[TrainingExample] = []
    for paper in labelled:
        text = by_title.get(paper.title)
        labels = {slug: slug in paper.topics for slug in labelled_topics}
        labels |= {slug: yes for slug, yes in (text.corrected if text else {}).items() if slug in topics}
        found.append(
            TrainingExample(
                title=paper.title,
                abstract=paper.abstract,
                labels=labels,
                source=paper.source,
                categories=paper.categories or (text.categories if text else ()),
            )
        )
    labelled_titles = {paper.title for paper in labelled}
    for text in stored:
        decided = {slug: yes for slug, yes in text.corrected.items() if slug in topics}
        if text.title not in labelled_titles and decided:
            found.append(
                TrainingExample(
                    title=text.title,
                    abstract=text.abstract,
                    labels=decided,
                    weight=CORRECTION_WEIGHT,
                    categories=text.categories,
                )
            )
        unjudged = {
            slug: slug in text.topics
            for slug in topics
            if slug not in decided
            and slug not in text.doubtful
            and not (text.title in labelled_titles and slug in labelled_topics)
        }
        if unjudged:
            found.append(
                TrainingExample(
                    title=text.title,
                    abstract=text.abstract,
                    labels=unjudged,
                    weight=UNJUDGED_WEIGHT,
                    judged=False,
                    categories=text.categories,
                )
            )
    return found


def rematch_all(engine: Engine, matcher: TopicMatcher) -> int:
    """Match every stored paper with the present rules and weights; returns the number of papers.

    Editions stay as they are, and no published paper becomes news.
    """
    with writing(engine, exclusive=True) as connection:
        return rematch(connection, matcher)
