"""Weighs the phrases of topics in a paper: rules with context in, points and evidence out.

It reads no files, knows no default topic and does not find phrases (`newsletter.core.topics.phrases` does).
It does not decide either: `newsletter.topics.matcher` turns points into a score.

At each place the longest phrase of a topic uses up its words: where "quantum circuit" is an `ignore` phrase,
"circuit" is not found in it. `context` looks for a phrase anywhere in the paper outside ignored phrases,
`unless` anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from newsletter.core.topics.phrases import (
    FoundPhrase,
    PhraseIndex,
    cleaned,
    spans_of,
    stem_of,
    words_of,
)
from newsletter.core.topics.topic_match import MAYBE, STRONG

TITLE_FACTOR = 2.0  # a phrase in the title says as much as any number of mentions in the abstract
FADING = 0.5  # each further mention in the abstract counts half the one before: 1, 1.5, 1.75 … under 2
STRONG_AT = 2.0  # points: a phrase in the title, or two in the abstract
STRONG_SCORE = 0.5  # score of a paper whose points just reach its topic's `strong_at`
MAYBE_SHARE = 0.5  # of the score that puts a paper into a section; a paper below it is no match
EVIDENCE_SHOWN = 6  # phrases; more would not fit in a line of a mail


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseRule:
    """Phrases of equal weight for a topic, and the context in which they count."""

    phrases: tuple[str, ...]  # as `newsletter.core.topics.phrases` reads them
    weight: float = 1.0  # points of one mention in the abstract; below 0 it speaks against the topic
    context: tuple[str, ...] = ()  # one of these must be in the paper, if any is given
    unless: tuple[str, ...] = ()  # none of these may be


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRules:
    """The rules of one topic."""

    topic: str  # slug
    rules: tuple[PhraseRule, ...]
    ignore: tuple[str, ...] = ()  # longer phrases whose words mean something else
    context: tuple[str, ...] = ()  # as in PhraseRule, for the whole topic
    unless: tuple[str, ...] = ()
    strong_at: float = STRONG_AT  # points that put a paper into the topic


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseHit:
    """The mentions of one phrase in one paper."""

    phrase: str  # as the paper writes it where it comes first
    in_title: int  # mentions
    in_abstract: int
    points: float  # 0 when it was set aside
    set_aside: str = ""  # why it does not count; empty when it does


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReading:
    """One topic's phrases in one paper, for scorers and for `topics explain`."""

    topic: str  # slug
    strong_at: float  # points
    points: float = 0.0
    hits: tuple[PhraseHit, ...] = ()  # most points first, those set aside last


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperReading:
    """One paper with its phrases for every topic."""

    title: tuple[str, ...]  # words as written, with the signs that end a clause
    abstract: tuple[str, ...]
    topics: tuple[TopicReading, ...]  # in the order of the rule set
    quotes: PaperQuotes = field(compare=False)  # the words as the paper writes them
    categories: tuple[str, ...] = ()  # of arXiv, where the source has them; no rule reads them


class RuleSet:
    """The rules of several topics, compiled to be read in one pass over the text."""

    def __init__(self, topics: Iterable[TopicRules]) -> None:
        """Compile. Raises ValueError for a phrase that cannot be used."""
        self.topics = tuple(topics)
        numbers: dict[str, int] = {}

        def number_of(phrases: Iterable[str]) -> frozenset[int]:
            return frozenset(numbers.setdefault(phrase, len(numbers)) for phrase in phrases)

        self._topics = tuple(
            _CompiledTopic(
                rules=topic,
                ignore=number_of(topic.ignore),
                context=number_of(topic.context),
                unless=number_of(topic.unless),
                by_phrase=_by_phrase(
                    (number_of(rule.phrases), number_of(rule.context), number_of(rule.unless), rule)
                    for rule in topic.rules
                ),
            )
            for topic in self.topics
        )
        self._index = PhraseIndex(numbers)

    def read(self, title: str, abstract: str, categories: Sequence[str] = ()) -> PaperReading:
        """Read a paper for every topic. Any text is fine; only `phrases.MAX_CHARS` of each are looked at."""
        sides = (words_of(title), words_of(abstract))
        found = tuple(self._index.find(words) for words in sides)
        anywhere = frozenset(place.phrase for side in found for place in side)
        quotes = PaperQuotes((title, abstract))
        return PaperReading(
            title=tuple(sides[0]),
            abstract=tuple(sides[1]),
            topics=tuple(topic.read(self._index.phrases, quotes, found, anywhere) for topic in self._topics),
            categories=tuple(categories),
            quotes=quotes,
        )


class PaperQuotes:
    """Quotes title and abstract of one paper. Finds where the words stand only when it is asked."""

    def __init__(self, sides: Sequence[str]) -> None:
        """sides: title and abstract."""
        self._sides = sides
        self._found: dict[int, tuple[str, list[tuple[int, int]]]] = {}

    def quote(self, side: int, start: int, end: int) -> str:
        """Words `start` up to `end`, and what stands between them. side: 0 title, 1 abstract."""
        text, spans = self._spans(side)
        return " ".join(text[spans[start][0] : spans[end - 1][1]].split())

    def as_written(self, term: str) -> str:
        """The words of `term`, which are stems, where the paper has them first in a row; else `term`."""
        stems = term.split()
        for side in (0, 1):
            text, spans = self._spans(side)
            words = [stem_of(text[start:end]) for start, end in spans]
            for start in range(len(words) - len(stems) + 1):
                if words[start : start + len(stems)] == stems:
                    return self.quote(side, start, start + len(stems))
        return term

    def _spans(self, side: int) -> tuple[str, list[tuple[int, int]]]:
        if side not in self._found:
            text = cleaned(self._sides[side])
            self._found[side] = (text, spans_of(text))
        return self._found[side]


_Conditions = tuple[frozenset[int], frozenset[int], PhraseRule]  # context, unless, the rule they belong to


def _by_phrase(
    rules: Iterable[tuple[frozenset[int], frozenset[int], frozenset[int], PhraseRule]],
) -> dict[int, list[_Conditions]]:
    table: dict[int, list[_Conditions]] = {}
    for phrases, context, unless, rule in rules:
        for phrase in phrases:
            table.setdefault(phrase, []).append((context, unless, rule))
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class _CompiledTopic:
    """A topic's rules; each phrase is a number of the index."""

    rules: TopicRules
    ignore: frozenset[int]
    context: frozenset[int]
    unless: frozenset[int]
    by_phrase: dict[int, list[_Conditions]]

    def read(
        self,
        phrases: Sequence[str],
        quotes: PaperQuotes,
        found: Sequence[Sequence[FoundPhrase]],
        anywhere: AbstractSet[int],
    ) -> TopicReading:
        if self.by_phrase.keys().isdisjoint(anywhere):
            return TopicReading(topic=self.rules.topic, strong_at=self.rules.strong_at)
        mentions: dict[int, list[int]] = {}  # phrase → in the title, in the abstract
        shown: dict[int, str] = {}
        ignored: tuple[set[int], set[int]] = (set(), set())  # words of ignored phrases
        for side in (0, 1):
            free = 0  # first word that no phrase of this topic has used up
            for place in found[side]:
                if place.start < free:
                    continue
                if place.phrase in self.ignore:
                    ignored[side].update(range(place.start, place.end))
                elif place.phrase in self.by_phrase:
                    mentions.setdefault(place.phrase, [0, 0])[side] += 1
                    if place.phrase not in shown:
                        shown[place.phrase] = quotes.quote(side, place.start, place.end)
                else:
                    continue
                free = place.end
        if not mentions:
            return TopicReading(topic=self.rules.topic, strong_at=self.rules.strong_at)
        present = anywhere
        if ignored[0] or ignored[1]:
            present = {
                place.phrase
                for side in (0, 1)
                for place in found[side]
                if place.start not in ignored[side] or place.end - 1 not in ignored[side]
            }
        surroundings = _PhrasesPresent(present=present, anywhere=anywhere, phrases=phrases)
        refusal = surroundings.refusal(self.context, self.unless)
        hits = [
            _hit(shown[phrase], counts, surroundings, refusal, self.by_phrase[phrase])
            for phrase, counts in mentions.items()
        ]
        hits.sort(key=lambda hit: (-hit.points, bool(hit.set_aside)))
        return TopicReading(
            topic=self.rules.topic,
            strong_at=self.rules.strong_at,
            points=sum(hit.points for hit in hits),
            hits=tuple(hits),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PhrasesPresent:
    """The phrases of the paper, for checks of `context` and `unless`."""

    present: AbstractSet[int]  # outside the topic's ignored phrases
    anywhere: AbstractSet[int]
    phrases: Sequence[str]

    def refusal(self, context: frozenset[int], unless: frozenset[int]) -> str:
        """Why phrases with these conditions do not count here; empty when they do."""
        if context and context.isdisjoint(self.present):
            names = [self.phrases[number] for number in sorted(context)]
            return "needs " + ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        if not unless.isdisjoint(self.anywhere):
            return "not beside " + ", ".join(self.phrases[n] for n in sorted(unless & self.anywhere))
        return ""


def _hit(
    shown: str,
    counts: Sequence[int],
    surroundings: _PhrasesPresent,
    refusal: str,
    conditions: Sequence[_Conditions],
) -> PhraseHit:
    """Weigh one phrase by the best of its rules. refusal: why none of the topic counts, or empty."""
    weight: float | None = None
    reason = refusal
    if not refusal:
        for context, unless, rule in conditions:
            if unmet := surroundings.refusal(context, unless):
                reason = unmet
            elif weight is None or abs(rule.weight) > abs(weight):
                weight = rule.weight
    in_title, in_abstract = counts
    if weight is None:
        return PhraseHit(
            phrase=shown, in_title=in_title, in_abstract=in_abstract, points=0.0, set_aside=reason
        )
    points = weight * (TITLE_FACTOR * (in_title > 0) + (1 - FADING**in_abstract) / (1 - FADING))
    return PhraseHit(phrase=shown, in_title=in_title, in_abstract=in_abstract, points=points)


def score_of(points: float, strong_at: float) -> float:
    """Points as a score of 0 to 1: half at `strong_at`; each further `strong_at` halves the distance to 1."""
    return 0.0 if points <= 0 else round(1.0 - 0.5 ** min(points / strong_at, 50.0), 4)


def strength_of(score: float, section_at: float = STRONG_SCORE) -> str | None:
    """strong from `section_at` on, maybe from half of it on, or None for no match."""
    if score >= section_at:
        return STRONG
    return MAYBE if score >= section_at * MAYBE_SHARE else None


def evidence_of(hits: Iterable[PhraseHit]) -> tuple[str, ...]:
    """The phrases with positive points, strongest first, at most EVIDENCE_SHOWN.

    A phrase whose words are all in a stronger one is left out ("quantum" after "quantum annealing").
    """
    shown: list[str] = []
    seen: list[set[str]] = []
    for hit in hits:
        stems = {stem_of(word) for word in words_of(hit.phrase)}
        if hit.points <= 0 or any(stems <= earlier for earlier in seen):
            continue
        shown.append(hit.phrase)
        seen.append(stems)
        if len(shown) == EVIDENCE_SHOWN:
            break
    return tuple(shown)
