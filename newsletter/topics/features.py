"""Extracts the terms that a trained model weighs: content words and pairs of neighbours, in the singular.

It weighs nothing (`newsletter.topics.model` does) and learns nothing (`newsletter.topics.training` does).
Both call this module, so that training and scoring use the same terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from newsletter.core.topics.phrases import stem_of

# Words without a topic: the model must not use them, and they are no evidence.
NO_CONTENT = frozenset(
    """
    a about above across after against all along also although am among an and any approach are as
    at based be because been before being below between both but by can could demonstrate did do doe
    does done down during each either even every existing experiment few finally first for from
    further furthermore g had ha has have having he hence her here his how however i if in include
    including into is it just less many may method might more moreover most much must my neither new
    no nor not novel of off on once one only onto or other our out over own paper per present
    propose proposed recent result same second several shall she should show since so some still
    study such t than that the their them then there these they third this those though three
    through thu thus to too two under until up upon use used using very via wa was we well were what
    when where whereas which while who whom whose why will with within without work would yet you
    your achieve additionally al address e et ie eg etc s code available github http www com org
    arxiv
    """.split()  # noqa: SIM905 (a list of 170 quoted words is harder to read)
)


def content_of(word: str) -> str | None:
    """The term of one word of `words_of`; None for a sign, a number, a letter or a word without content."""
    if len(word) == 1 or word[0].isdigit():
        return None
    stem = stem_of(word)
    return None if stem in NO_CONTENT else stem


def terms_of(words: Sequence[str]) -> set[str]:
    """The terms of a text: "spiking networks" gives spiking, network, spiking network."""
    stems = [content_of(word) for word in words]
    single = {stem for stem in stems if stem}
    return single | {f"{one} {two}" for one, two in pairwise(stems) if one and two}


def readable(terms: Iterable[str], most: int) -> tuple[str, ...]:
    """Terms for people: the first `most`, without terms whose words are all in another shown one."""
    shown: list[str] = []
    for term in terms:
        words = set(term.split())
        if any(words <= set(earlier.split()) for earlier in shown):
            continue
        shown = [earlier for earlier in shown if not set(earlier.split()) < words]
        shown.append(term)
        if len(shown) == most:
            break
    return tuple(shown)
