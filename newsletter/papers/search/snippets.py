"""Finds the words of a query in a text, and cuts the part that shows most of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from newsletter.core.papers.search_words import Word, bare_words_of, words_of
from newsletter.papers.search.query import Phrase, Term
from newsletter.papers.search.results import Marks, Snippet

SNIPPET = 240  # characters, about three lines on a phone
_READ = 20_000  # characters of a text that are looked at
_BEFORE = 60  # characters that are shown before the first match


def marks_in(text: str, terms: Iterable[Term], field: str) -> Marks:
    """Where a text has words of the terms that may stand in this field."""
    phrases = [
        phrase
        for term in terms
        if not term.is_negated and term.field in (None, field)
        for phrase in term.phrases
    ]
    text = text[:_READ]
    is_exact = not any(phrase.is_prefix for phrase in phrases)
    if is_exact and {phrase.words[0] for phrase in phrases}.isdisjoint(bare_words_of(text)):
        return ()  # most texts: to find places costs twice as much
    return _marks(words_of(text), phrases)


def snippet_of(text: str, marks: Marks) -> Snippet:
    """The part of a text with the most matches; its beginning where there is none."""
    if len(text) <= SNIPPET:
        return Snippet(text=text, marks=marks)
    start = _best_start(marks)
    start = 0 if start <= _BEFORE else text.rfind(" ", 0, start - _BEFORE // 2) + 1
    end = len(text) if len(text) - start <= SNIPPET else text.rfind(" ", start, start + SNIPPET + 1)
    if end <= start:  # one long run of letters
        end = start + SNIPPET
    inside = tuple((a - start, b - start) for a, b in marks if a >= start and b <= end)
    return Snippet(text=text[start:end], marks=inside, is_cut_before=start > 0, is_cut_after=end < len(text))


def _best_start(marks: Marks) -> int:
    best, most = 0, 0
    for number, (start, _) in enumerate(marks):
        inside = sum(end <= start + SNIPPET - _BEFORE for _, end in marks[number : number + 20])
        if inside > most:
            best, most = start, inside
    return best


def _marks(words: Sequence[Word], phrases: Sequence[Phrase]) -> Marks:
    places: dict[str, list[int]] = {}
    for number, word in enumerate(words):
        places.setdefault(word.word, []).append(number)
    beginnings = tuple(phrase.words[0] for phrase in phrases if phrase.is_prefix and len(phrase.words) == 1)
    found = {(word.start, word.end) for word in words if word.word.startswith(beginnings)}
    for phrase in phrases:
        if phrase.is_prefix and len(phrase.words) == 1:
            continue
        starts = places.get(phrase.words[0], ())
        length = len(phrase.words)
        for start in starts:
            run = words[start : start + length]
            if len(run) == length and _fits(run, phrase):
                found.add((run[0].start, run[-1].end))
    return _joined(found)


def _fits(run: Sequence[Word], phrase: Phrase) -> bool:
    *first, last = phrase.words
    if any(one.word != word for one, word in zip(run, first, strict=False)):
        return False
    return run[-1].word.startswith(last) if phrase.is_prefix else run[-1].word == last


def _joined(found: Iterable[tuple[int, int]]) -> Marks:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)
