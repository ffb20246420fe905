"""Describes each sentence of an abstract by features that a linear model weighs: words, place, length, title.

It weighs nothing (`newsletter.leads.model` does). Training and scoring both call this module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from newsletter.leads.candidates import LONGEST_LEAD, MOST_SENTENCES

# ASCII letters and digits; all else stands between words.
_WORD_OCTETS = bytes(octet if chr(octet).isalnum() and octet < 128 else 32 for octet in range(256))
_NAME = re.compile(r"\s*([A-Za-z][\w.+-]{1,29})\s*[:—–]")  # "LampNet: …"
MOST_AFTER_CLAIM = 4  # sentences
_CONTENT = 4  # letters; shorter words of a title are no content
_EMPTY = frozenset(
    "a an the of and to in for on with by is are be we our this that it its as from at which can".split()  # noqa: SIM905
)
_OWN = frozenset(("this", "our", "the"))
_SPEAKERS = frozenset(("we", "our"))
_WORKS = frozenset(("paper", "work", "study", "survey", "report", "article"))
_CLAIMS = frozenset(
    """
    propose present introduce develop design build create construct release devise formulate establish
    describe report study investigate
    """.split()  # noqa: SIM905 (a list of quoted words is harder to read)
)
NAME = "="  # stands for the name that the title gives to the thing


def _names(sign: str, last: int, numbers: int) -> list[str]:
    """The names of a feature for the numbers 0, 1, …; those beyond the last one are named like it."""
    return [f"{sign}{min(number, last)}" for number in range(numbers)]


_PLACE = _names("@", 9, MOST_SENTENCES)
_PLACE_FROM_END = _names("@-", 3, MOST_SENTENCES)
_PART = _names("@/", 4, 5)
_LENGTH = _names("#", 14, LONGEST_LEAD)
_TITLE_WORDS = _names("~", 8, LONGEST_LEAD)
_SHARE_OF_TITLE = _names("~/", 8, 9)
_SHARE_OF_WORDS = _names("~~", 12, 13)
_REPEATED = _names("&", 12, 13)
_COMMAS = _names(",", 6, LONGEST_LEAD + 1)
_AFTER_CLAIM = _names("!", 3, MOST_SENTENCES)
_CLAIM_LENGTH = _names("!#", 6, LONGEST_LEAD)
_CLAIM_PLACE = _names("!@", 9, MOST_SENTENCES)


def features_of(title: str, sentences: Sequence[str], opened: Sequence[bool]) -> dict[int, set[str]]:
    """The features of each sentence that may be a lead, by its place.

    Where a sentence claims something ("we propose …"), others may not that stand long after it, or before it
    and speak of others' work. Without a claim, all may.

    sentences: without empty openings; `opened` says which of them had one. A feature of words is the word
    itself, any other begins with a sign: "<we" is a first word, "@3" a place, "#5" a length.
    """
    words: list[list[str]] = []
    claim: int | None = None
    for place, text in enumerate(sentences):
        if claim is not None and place > claim + MOST_AFTER_CLAIM:
            break
        words.append(_words_of(text))
        if claim is None and _claims(words[place]):
            claim = place
    wanted = {word for word in _words_of(title) if len(word) >= _CONTENT}
    found = _NAME.match(title)
    name = _words_of(found[1])[0] if found else None
    times = Counter(chain.from_iterable(words))
    for word in _EMPTY & times.keys():
        times[word] = 1
    times_of = times.__getitem__
    count = len(sentences)
    read = len(words)
    named = False
    described: dict[int, set[str]] = {}
    for place, sentence in enumerate(words):
        if claim is not None and place < claim and _SPEAKERS.isdisjoint(sentence) and name not in sentence:
            continue
        text = sentences[place]
        length = len(sentence)
        features = set(sentence)
        shared = len(features & wanted)
        share = _SHARE_OF_TITLE[shared * 8 // (len(wanted) or 1)]
        repeated = (sum(map(times_of, sentence)) - length) * 12 // ((length or 1) * read)
        one, two = sentence[:2] if length > 1 else (*sentence, "", "")[:2]
        if name is not None:
            if name in features:
                features.discard(name)
                features.add(NAME)
                features.add("=in" if named else "=first")
                named = True
                if name in sentence[:4]:
                    features.add("=early")
                    one, two = (NAME if word == name else word for word in (one, two))
            else:
                features.add("=not")
        features.update(
            (
                _PLACE[place],
                _PLACE_FROM_END[count - 1 - place],
                _PART[5 * place // count],
                _LENGTH[length // 4],
                _TITLE_WORDS[shared],
                share,
                _SHARE_OF_WORDS[shared * 12 // (length or 1)],
                _REPEATED[repeated if repeated < 12 else 12],
                _COMMAS[text.count(",")],
                "<" + one,
                "<<" + two,
                f"< {one} {two}",
            )
        )
        if opened[place]:
            features.add("^")
        if "(" in text:
            features.add("(")
        if ":" in text:
            features.add(":")
        if claim is None:
            features.add("!none")
        else:
            features.add("!before" if place < claim else _AFTER_CLAIM[place - claim])
            if claim == place:
                features.update(("!" + share, _CLAIM_LENGTH[length // 8], _CLAIM_PLACE[place]))
                if "=first" in features:
                    features.add("!=")
        described[place] = features
    return described


def _words_of(text: str) -> list[str]:
    """The words of a text in small letters, as far as they are ASCII."""
    return text.lower().encode("ascii", "replace").translate(_WORD_OCTETS).decode("ascii").split()


def _claims(words: Sequence[str]) -> bool:
    """Whether a sentence says "we propose", "our paper" or the like."""
    if "we" in words:
        at = words.index("we")
        if not _CLAIMS.isdisjoint(words[at + 1 : at + 4]):
            return True
    return len(words) > 1 and words[0] in _OWN and words[1] in _WORKS
