"""Words what waits for an admin, or keeps papers from readers: one sentence and its command for each.

Every command that tells of such a thing prints these words. It reads no rows and judges no urgency.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.core.sentences import as_sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that an admin should know."""

    what: str  # its sort: held edition, edition waits, joined later, look alike, inbox, held dump
    words: str  # the fact, without a capital and a full stop
    to: str  # what the command does: "To let it go out"
    command: str
    edition: int | None = None  # that it is about

    @property
    def sentence(self) -> str:
        """The words as a sentence. The name of a file keeps its letters."""
        named = self.what in ("inbox", "held dump")
        return f"{as_sentence(self.words.rstrip('.'), named=named)}."

    @property
    def line(self) -> str:
        """The sentence and its command."""
        return f"{self.sentence} {self.to}: `{self.command}`"

    def as_json(self) -> dict[str, str]:
        """The notice for programs."""
        return {"what": self.what, "sentence": self.sentence, "command": self.command}


def edition_held(number: int, because: str | None = None) -> Notice:
    """An edition that is held. because: the reason for which the program itself held it."""
    words = (
        f"edition {number} was held by itself: {because}"
        if because
        else f"edition {number} is held, and nothing of it goes out until it is released"
    )
    return _editions("held edition", words, number)


def edition_waits(number: int, ready_at: datetime) -> Notice:
    """An edition in its hold time. ready_at: when that ends."""
    words = f"edition {number} is in its hold time until {instant(ready_at)}, and goes out after that"
    return _editions("edition waits", words, number)


def _editions(what: str, words: str, number: int) -> Notice:
    return Notice(what=what, words=words, to="To let it go out now", command=release(number), edition=number)


def joined_later(number: int, readers: int) -> Notice:
    """Readers who joined after an edition was ready and were never mailed."""
    they = "reader joined" if readers == 1 else "readers joined"
    get = "gets" if readers == 1 else "get"
    return Notice(
        what="joined later",
        words=f"{readers} {they} after edition {number} was ready, and {get} only what comes next",
        to="To give its papers as well",
        command=f"newsletter editions give {number} --newcomers",
        edition=number,
    )


def came_before(number: int, papers: int, address: str) -> Notice:
    """Papers of a reader's topics that came in before they joined, and that edition `number` will hold."""
    they = "1 paper of their topics came in before this reader joined, and goes"
    if papers != 1:
        they = f"{papers} papers of their topics came in before this reader joined, and go"
    return Notice(
        what="joined later",
        words=f"{they} to earlier readers only",
        to="To give this reader what is new so far",
        command=f"newsletter editions publish && newsletter editions give {number} {shlex.quote(address)}",
    )


def look_alike(pairs: Sequence[tuple[int, str, int, str]]) -> Notice:
    """Pairs of papers that no admin has judged: (id, title, other id, title), the likeliest first."""
    one, title, other, other_title = pairs[0]
    more = f" ({len(pairs) - 1} more: `newsletter papers possibly-same`)" if len(pairs) > 1 else ""
    return Notice(
        what="look alike",
        words=f"papers {one} “{title}” and {other} “{other_title}” look alike and are mailed as two{more}",
        to=f"To keep them apart: `newsletter papers split {one} {other}`; to make them one",
        command=f"newsletter papers merge {one} {other}",
    )


def file_waits(file: str, path: str, *, why: str = "", refused: bool = False) -> Notice:
    """A file that lies in the inbox. why: its visible fault. refused: it was tried, and lies among those."""
    if refused:
        words = f"{file} was refused, and lies in inbox/refused/"
    else:
        words = f"{file} lies in the inbox and is not taken{f': {why}' if why else ''}"
    to = "To see why" if refused else "To take it in"
    return Notice(what="inbox", words=words, to=to, command=f"newsletter ingest {path}")


def dump_held(file: str, sha256: str, error: str) -> Notice:
    """A dump that is held until an admin has looked."""
    return Notice(
        what="held dump",
        words=f"{file} is held: {error.partition(chr(10))[0].rstrip('.') or 'somebody has to look'}",
        to="To take it in as it is",
        command=f"newsletter dumps release {sha256[:12]}",
    )


def release(number: int) -> str:
    """The command that lets an edition go out."""
    return f"newsletter editions release {number}"


def instant(at: datetime) -> str:
    """An instant for people, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
