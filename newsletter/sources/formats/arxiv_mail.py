"""Reads arXiv's daily mailings: saved as .eml or mbox, or the pasted text.

Papers after the line of `%%--%%--` are new versions of known ones and come without an abstract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from newsletter.core.papers.listing import Announcement, Entry, Listing, Unread
from newsletter.sources.arxiv_mail_fields import author_names, is_folded, read_fields, width_of
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import full_date, make_entry
from newsletter.sources.mail_texts import mail_texts
from newsletter.sources.printed_dates import read_date
from newsletter.sources.text.cleaning import CLIPPED, is_clipped, split_lines, unix_lines

NAME = "arxiv-mail"
ABOUT = "a daily mailing of arXiv, saved as mail or as text"

_START = re.compile(
    r"(?:arXiv:|Paper: )(?P<id>(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?)(?P<more>[^\w].*)?$"
)
_FOLLOWS = re.compile(r"Date\b.*:|replaced with|\(\*cross-listing\*\)|Title:")
_END = re.compile(r"\\\\ \(\s*https?://|-{30,}$|%[%-]{20,}$")
_CLOSING = re.compile(r"arxiv\.org/abs/([\w./-]+)")
_RULE = re.compile(r"-{20,}")
SHORTEST_RULE = 70  # dashes; arXiv writes 78
LONGEST_ABSTRACT = 3000  # characters, with indents; arXiv takes 1,920
LOST = "lines of this paper are lost or in the wrong place"
_RECEIVED = re.compile(r"received from .* to\s+\w{3},?\s+(?P<day>\d{1,2} \w{3}) (?P<year>\d{2}) ")


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a mailing, from 0 (not at all) to 1 (surely)."""
    if "arxiv" not in dump.head.lower():
        return 0
    best = 0.0
    for _, text in mail_texts(dump):
        lines = split_lines(text[:100_000])
        if next(_starts(lines), None) is not None:
            best = 0.4
            if "\\\\" in lines or any(map(_END.match, lines)):
                return 1
    return best


def parse(dump: DumpFile) -> Listing:
    """Read the mailing; a block without title is unread. Several mailings count under the newest date."""
    entries: list[Entry] = []
    unread: list[Unread] = []
    days: list[date] = []
    number = records = 0
    clipped = False
    for sent_on, text in mail_texts(dump):
        lines = split_lines(text)
        raw = unix_lines(text).split("\n")
        folded = is_folded(raw)
        width = width_of(raw, folded=folded)
        clipped = clipped or is_clipped(raw) or _has_short_rules(raw)
        day = sent_on or _received(lines)
        days += [day] if day else []
        starts = list(_starts(lines))
        dump.check_papers(number + len(starts))
        lost = _ends_alone(lines, starts)
        unread += [Unread(line=number + 1, reason=LOST, text=line[:200]) for line in lost]
        records += len(lost)
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
            number += 1
            entry = _entry(raw[start:end], folded, width, position=len(entries) + 1, number=number)
            if entry is None:
                unread.append(Unread(line=number, reason=LOST, text=lines[start][:200]))
            else:
                entries.append(entry)
    return Listing(
        format=NAME,
        printed=full_date(max(days, default=None)),
        entries=tuple(entries),
        unread=tuple(sorted(unread, key=lambda item: item.line)),
        nonblank_lines=number + records,
        unit="record",
        doubt=CLIPPED if clipped else None,
    )


def _starts(lines: Sequence[str]) -> Iterator[int]:
    for number, line in enumerate(lines):
        if _START.match(line) and any(map(_FOLLOWS.match, lines[number + 1 : number + 4])):
            yield number


def _has_short_rules(lines: Sequence[str]) -> bool:
    """Whether the lines of dashes have lost their ends, and other lines end in the same column."""
    width = max((len(line) for line in lines if _RULE.fullmatch(line)), default=0)
    widest = max(map(len, lines))
    return width == widest < SHORTEST_RULE and sum(len(line) == width and " " in line for line in lines) > 1


def _ends_alone(lines: Sequence[str], starts: Sequence[int]) -> list[str]:
    """The lines that end a paper, without the beginning of that paper."""
    begun = {_bare(found["id"]) for n in starts if (found := _START.match(lines[n]))}
    ends = [(line, closed[1]) for line in lines if _END.match(line) and (closed := _CLOSING.search(line))]
    return [line for line, closed in ends if _bare(closed) not in begun]


def _bare(arxiv_id: str) -> str:
    return re.sub(r"v[0-9]+$", "", arxiv_id)


def _received(lines: Sequence[str]) -> date | None:
    """The last day of the submissions, in a text without the mail's own header."""
    found = next((match for line in lines[:60] if (match := _RECEIVED.search(line[:300] + " "))), None)
    printed = read_date(f"{found['day']} 20{found['year']}") if found else None
    return date(printed[0].year, printed[0].month, printed[0].day) if printed and printed[0].year else None


def _closes(lines: Sequence[str], arxiv_id: str) -> bool:
    """Whether the line that ends a paper names it and is whole; it may be wrapped, and the last one lost."""
    return not lines or (arxiv_id in _CLOSING.findall(lines[0]) and ")" in "".join(lines))


def _entry(block: Sequence[str], folded: bool, width: int, *, position: int, number: int) -> Entry | None:
    start = _START.match(block[0].strip())
    assert start is not None
    end = next((n for n, line in enumerate(block) if _END.match(line.strip())), len(block))
    read = read_fields(block[:end], folded=folded, width=width)
    if read is None or not _closes(block[end : end + 2], start["id"]):
        return None
    fields, abstract = read
    if len(abstract) > LONGEST_ABSTRACT:
        return None
    replaced = any(line.startswith("replaced with") for line in block[:3])
    crossed = "*cross-listing*" in " ".join(block[:2])
    kinds = (Announcement.NEW, Announcement.CROSS, Announcement.REPLACE, Announcement.REPLACE_CROSS)
    printed = read_date(" ".join(fields.get("date", "").split()[:4]))
    return make_entry(
        position=position,
        line=number,
        title=fields["title"],
        abstract=abstract,
        authors=author_names(fields.get("authors", fields.get("author", ""))),
        published=printed[0] if printed else None,
        arxiv_id=start["id"],
        doi=fields.get("doi"),
        url=f"https://arxiv.org/abs/{_bare(start['id'])}",
        categories=tuple(fields.get("categories", "").split()),
        announcement=kinds[2 * replaced + crossed],
    )
