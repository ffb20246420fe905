"""Holds a paper as a reference list cites it: the names of authors in parts, and a key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

# A name with one of these words is of a group. It has no family name.
_GROUP = re.compile(
    r"\b(?:collaborations?|consortium|teams?|groups?|university|universit[äé]t?|institute|laborator(?:y|ies)"
    r"|labs?|inc|ltd|gmbh|llc|foundation|committee|research|project|network|community|contributors|members)\b"
    r"|[&@/:]",
    re.IGNORECASE,
)
_AND = re.compile(r"(?:^|\s)and(?:\s|$)", re.IGNORECASE)
_GENERATION = re.compile(r"(?:[JS]r\.?|I{1,3}|IV)")
_WORD = re.compile(r"[a-z0-9]+")
_SMALL_WORDS = frozenset(
    "a an and are as at by can do for from how in is it of on or the to via what when who why with".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class PersonName:
    """The name of one author. A group has only a family name, which is its whole name."""

    given: str
    family: str  # with its particle ("van der Berg") and generation ("King Jr.")

    @property
    def whole(self) -> str:
        """The name as it was listed."""
        return f"{self.given} {self.family}".strip()


def split_name(name: str) -> PersonName:
    """The parts of a name that is written with the given name first.

    The family name is the last word, with the lower-case particles before it and a generation after it. A
    name with a comma or an "and", and one of a group, stays whole. The `whole` of the result is `name`, with
    single blanks.
    """
    words = name.split()
    if len(words) < 2 or "," in name or _GROUP.search(name) or _AND.search(name):
        return PersonName("", " ".join(words))
    start = len(words) - 1
    if _GENERATION.fullmatch(words[start]) and len(words) > 2:
        start -= 1
    while start > 1 and words[start - 1][0].islower():
        start -= 1
    return PersonName(" ".join(words[:start]), " ".join(words[start:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One paper for a list of references."""

    id: int
    title: str
    abstract: str = ""
    lead: str = ""  # the sentence of the abstract that says what was found
    authors: tuple[str, ...] = ()  # in order, given names first
    organization: str | None = None
    published_on: date | None = None
    listed_on: date  # of its first listing
    arxiv_id: str | None = None
    doi: str | None = None
    categories: tuple[str, ...] = ()  # of arXiv, the first one first
    topics: tuple[str, ...] = ()  # titles of its topics
    url: str | None = None  # of the paper itself
    code_url: str | None = None
    page_url: str | None = None  # of its page in the archive

    @property
    def names(self) -> tuple[PersonName, ...]:
        """The authors in parts; where none is known, the organisation as a group."""
        if not self.authors and self.organization:
            return (PersonName("", self.organization),)
        return tuple(split_name(name) for name in self.authors)

    @property
    def year(self) -> int:
        """The year of publication, else of the first listing."""
        return (self.published_on or self.listed_on).year


def citation_keys(references: Sequence[Reference]) -> dict[int, str]:
    """A key for each reference by its id: family name, year, first word of weight of the title.

    A key that an earlier reference of the list has gets the id of the paper at its end.
    """
    keys: dict[int, str] = {}
    taken: set[str] = set()
    for reference in references:
        family = _words([reference.names[0].family.split()[-1]] if reference.names else [])
        title = _words(reference.title.split())
        weighty = [word for word in title if word not in _SMALL_WORDS]
        key = f"{''.join(family)[:30] or 'paper'}{reference.year}{(weighty or title or ['untitled'])[0][:30]}"
        if key in taken:
            key = f"{key}-{reference.id}"
        taken.add(key)
        keys[reference.id] = key
    return keys


def _words(texts: Iterable[str]) -> list[str]:
    """The words in ASCII, small letters: keys are typed by people and read by old programs."""
    plain = (unicodedata.normalize("NFKD", text).casefold() for text in texts)
    return [word for text in plain if (word := "".join(_WORD.findall(text)))]
