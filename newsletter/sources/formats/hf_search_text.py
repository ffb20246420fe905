"""Reads the text of Hugging Face *Daily Papers* pages: banner, date, papers with their author blocks.

It decides no year and does not use the name of the file. docs/explanation/sources.md, “Daily Papers pages
saved as text”, describes such a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from newsletter.core.papers.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.author_blocks import AuthorBlock, TextLine, block_at, take_organization
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import clean_text, make_entry
from newsletter.sources.gate import is_furniture, is_scholarly
from newsletter.sources.limits import LONGEST_TEXT, MOST_ROWS, check_number
from newsletter.sources.printed_dates import read_date
from newsletter.sources.text.cleaning import had_room, split_lines
from newsletter.sources.text.latex import readable
from newsletter.sources.title_or_abstract import (
    TYPICAL_TITLE,
    Paragraph,
    ParagraphRole,
    assign_roles,
    is_abstract,
    is_title,
)
from newsletter.sources.unreadable_lines import unreadable

NAME = "daily-papers"
ABOUT = "a Hugging Face Daily Papers page saved as plain text"
BY_NAME = True  # a page without its banner has no marks of its own

_BY_LINE = re.compile(r"by ?AK and the research community$", re.IGNORECASE)
_PAGE_TEXTS = """new | subscribe
daily papers | daily | weekly | monthly | trending papers | submit | submit a paper
get trending papers in your email inbox! | get trending papers in your email inbox once a day!
hugging face | models | datasets | spaces | docs | pricing | enterprise | community | log in | sign up
previous | next | load more | company | tos | privacy | about | careers | website | system theme
© hugging face"""
_BANNER = frozenset(line.strip() for line in re.split(r"[|\n]", _PAGE_TEXTS))  # in lower case
_LINKED = re.compile(r"huggingface\.co/(?:papers|login)\b")  # a page saved with its links is another format
_CARD = re.compile(r"^[ \t]*Submitted by\b", re.MULTILINE | re.IGNORECASE)  # of the daily page
_BLOCK = re.compile(
    r"^[^\w\n]{0,6}\d{1,5} authors?[ \t\r]*\n\s*[^\w\s]{1,2}[ \t\r]*\n\s*[A-Z][a-z]{2} \d", re.MULTILINE
)
LONGEST_ABSTRACT = 2000  # characters; arXiv takes 1,920
SHORTEST_ABSTRACT = 300  # characters; a shorter paragraph may be the rest of any
LONGEST_REST = 700  # characters of an abstract's further paragraphs
LONG_ROW = 20  # characters; such a row does not come twice by chance
_LONGEST_BANNER = 60  # characters of a line between the banner and the date (a search, a menu)
_HEADER_ROWS = 60  # non-blank lines; the banner's last line must be among them
_DATE_WITHIN = 6  # non-blank lines after the banner; the listing's date must be among them


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a page, from 0 (not at all) to 1 (surely)."""
    text = dump.head
    if len(_LINKED.findall(text)) > 1 or len(_CARD.findall(text)) > 1:
        return 0
    rows = list(_rows(split_lines(text)))
    if any(_BY_LINE.match(row.text) for row in rows):
        return 1
    if _BLOCK.search(text):
        return 0.9
    top = [row.text.lower() for row in rows[:12]]
    if any(line.startswith("get trending papers in your email inbox") for line in top):
        return 0.8
    dated = [n for n, row in enumerate(rows[:12]) if _day(row.text) is not None]
    if "daily papers" in top and dated:
        return 0.7
    if dated and _BANNER.issuperset(top[: dated[0]]):  # no banner: a date, then titles and abstracts in turn
        body = rows[dated[0] + 1 :]
        pairs = len(body) // 2
        regular = sum(
            is_title(a.text) and is_abstract(b.text) for a, b in zip(body[::2], body[1::2], strict=False)
        )
        scholarly = sum(is_scholarly(row.text) for row in body[1::2])
        if pairs >= 3 and regular >= 0.9 * pairs and scholarly >= 0.9 * pairs:
            return 0.5
    return 0


def parse(dump: DumpFile) -> Listing:
    """Read such a page. Every non-blank line is banner, part of an entry, or in `unread` with its reason.

    Raises nothing. Another kind of text gives no entries or wrong ones: call `recognise` first.
    """
    rows = list(_rows(dump.lines))
    check_number(len(rows), "lines with text", most=MOST_ROWS, name=dump.name)
    printed, start = _header(rows)
    header = [row.text for row in rows[:start]]
    body, unread = _without_copies(rows[start:])
    if start == 0 and body and body[0].text[:1].islower():
        unread.append(_unread(body.pop(0), "the rest of a text whose beginning is lost"))
    end = _second_listing(body, printed)
    if end < len(body):
        reason = "a second listing begins here: put each page into a file of its own"
        unread += [_unread(row, reason) for row in body[end:]]
        body = body[:end]
    while body and body[-1].text.lower() in _BANNER:
        header.append(body.pop().text)
    runs = list(_runs(body))
    header += [row.text for _, _, banner in runs for row in banner]
    apart = sum(row.apart for row in body)
    rows_of_text = [row for found, _, _ in runs for row in found]
    page = _Page(
        blocks=any(block is not None and block.rows for _, block, _ in runs),
        spaced=4 * apart >= sum(len(row.text) > TYPICAL_TITLE for row in body),
        wrapped=2 * sum(not row.apart for row in rows_of_text) > len(rows_of_text),
        width=max((len(row.text) for row in rows_of_text if " " in row.text), default=0),
    )
    read = _Read()
    for found, block, _ in runs:
        texts, noise = _without_noise(found, wrapped=page.wrapped)
        read.unread += noise
        _read_run(texts, block, page, read)
    entries = read.entries
    unread += read.unread
    return Listing(
        format=NAME,
        printed=printed,
        entries=tuple(entries),
        unread=tuple(sorted(unread, key=lambda item: item.line)),
        nonblank_lines=len(rows),
        header_lines=tuple(header),
        irregular=read.astray if any(entry.abstract for entry in entries) else len(entries),
        doubt=_doubt(read, page),
    )


def _doubt(read: _Read, page: _Page) -> str | None:
    if not any(entry.abstract for entry in read.entries):
        return "no paper has an abstract"
    return "lines of a wrapped text are lost or in the wrong order" if page.wrapped and read.astray else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What holds for a whole page."""

    blocks: bool  # some paper has an author block
    spaced: bool  # blank lines are reliable; else each long row is a paragraph
    wrapped: bool  # the text was wrapped at any word, so only a row that is a whole paragraph can be judged
    width: int  # characters of its longest row


@dataclass(slots=True)
class _Read:
    """What the runs of a page gave."""

    entries: list[Entry] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    astray: int = 0  # abstracts and author blocks without a title, second abstracts, lost lines


def _without_copies(rows: list[TextLine]) -> tuple[list[TextLine], list[Unread]]:
    """(rows, long rows that repeat the one before them)."""
    copies = [
        n for n in range(1, len(rows)) if rows[n].text == rows[n - 1].text and len(rows[n].text) >= LONG_ROW
    ]
    taken = set(copies)
    return [row for n, row in enumerate(rows) if n not in taken], [
        _unread(rows[n], "the same line twice") for n in copies
    ]


def _rows(lines: Sequence[str]) -> Iterator[TextLine]:
    apart = True
    for number, line in enumerate(lines, start=1):
        if line:
            yield TextLine(number, line, apart)
        apart = not line


def _unread(row: TextLine, reason: str) -> Unread:
    return Unread(line=row.line, reason=reason, text=row.text[:200])


def _day(text: str) -> PartialDate | None:
    """The date, when the line holds nothing else, not even a number of comments."""
    found = read_date(text)
    return found[0] if found is not None and found[1] is None else None


def _header(rows: list[TextLine]) -> tuple[PartialDate | None, int]:
    """Return the listing's printed date and the number of rows that are header."""
    start, by_line = 0, False  # after the by-line the date always follows
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        if len(row.text) > TYPICAL_TITLE or block_at(rows, number) is not None:
            break
        if _BY_LINE.match(row.text) or row.text.lower() == "daily papers":
            start, by_line = number + 1, by_line or row.text.lower() != "daily papers"
    while start < len(rows) and rows[start].text.lower() in _BANNER:
        start += 1
    for number in range(start, min(start + _DATE_WITHIN, len(rows))):
        row = rows[number]
        printed = _day(row.text)
        if printed is not None and (by_line or not _is_dated_title(rows, number)):
            number += 1
            while number < len(rows) and rows[number].text.lower() in _BANNER:
                number += 1
            return printed, number
        if len(row.text) > _LONGEST_BANNER or start == 0 or block_at(rows, number) is not None:
            break  # a title without an abstract; the date below it is that of its block
    return None, start


def _is_dated_title(rows: list[TextLine], number: int) -> bool:
    """Whether this date is the title of the first paper: its abstract and its block follow directly."""
    following = rows[number + 1 : number + 3]
    return (
        len(following) == 2
        and is_abstract(following[0].text)
        and block_at(rows, number + 2) is not None
        and block_at(rows, number + 1) is None
    )


def _second_listing(body: list[TextLine], printed: PartialDate | None) -> int:
    """The row at which a page of another date begins in the same file; else the number of rows."""
    banner, by_line = 0, False  # first of the latest banner rows; whether the by-line is among them
    for number, row in enumerate(body):
        if _BY_LINE.match(row.text):
            by_line = True
        elif row.text.lower() not in _BANNER:
            other = _day(row.text) if by_line else None
            if other is not None and other != printed:
                return banner
            banner, by_line = number + 1, False
    return len(body)


def _runs(body: list[TextLine]) -> Iterator[tuple[list[TextLine], AuthorBlock | None, list[TextLine]]]:
    """Cut the body into runs of text rows, each with the author block (or repeated banner) that ends it."""
    texts: list[TextLine] = []
    number = 0
    while number < len(body):
        block = block_at(body, number)
        if block is not None:
            number += len(block.rows)
            take_organization(texts, block)
            yield texts, block, []
            texts = []
        elif _BY_LINE.match(body[number].text):  # the same page's banner once more
            banner = [body[number]]
            while texts and texts[-1].text.lower() in _BANNER:
                banner.insert(0, texts.pop())
            if number + 1 < len(body) and _day(body[number + 1].text) is not None:
                banner.append(body[number + 1])
                number += 1
            yield texts, None, banner
            texts = []
            number += 1
        else:
            texts.append(body[number])
            number += 1
    yield texts, None, []


def _without_noise(rows: list[TextLine], *, wrapped: bool) -> tuple[list[TextLine], list[Unread]]:
    """(rows that may be text, the other rows with the reason).

    wrapped: the text was wrapped at any word, so only a row that is a whole paragraph can be judged.
    """
    kept: list[TextLine] = []
    noise: list[Unread] = []
    for number, row in enumerate(rows):
        alone = row.apart and (number + 1 == len(rows) or rows[number + 1].apart)
        judged = (alone or not wrapped) and len(row.text) <= LONGEST_TEXT
        reason = unreadable(readable(row.text)) if judged else None
        if reason is None:
            kept.append(row)
        else:
            noise.append(_unread(row, reason))
    return kept, noise


def _paragraphs(texts: list[TextLine], *, spaced: bool) -> list[list[TextLine]]:
    """Join rows without a blank line between them. A row that is too long for a title starts a paragraph when
    a shorter one is before it.

    spaced: whether blank lines are reliable; else each long row is a paragraph.
    """
    groups: list[list[TextLine]] = []
    for row in texts:
        before = groups[-1][-1].text if groups else ""
        begins = len(row.text) > TYPICAL_TITLE >= len(before)
        ended = len(before) > TYPICAL_TITLE and not spaced
        if not groups or row.apart or begins or ended:
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def _is_wrapped_title(group: Sequence[TextLine], page: _Page) -> bool:
    """Whether several rows are one title that was wrapped."""
    full = not any(had_room(a.text, b.text, page.width) for a, b in pairwise(group))
    return page.wrapped and full and not any(is_furniture(row.text) for row in group)


def _is_full(paragraph: Paragraph, page: _Page) -> bool:
    """Whether the first line of a paragraph was wrapped, so that it may not be the whole title."""
    return not had_room(paragraph.lines[0], paragraph.lines[1], page.width)


def _has_lost_lines(paragraph: Paragraph, page: _Page) -> bool:
    """Whether a long line of a wrapped paragraph has room for the word after it: a line between is lost."""
    return any(
        2 * len(line) > page.width and had_room(line, following, page.width)
        for line, following in pairwise(paragraph.lines)
    )


def _is_second(first: str, second: str) -> bool:
    """Whether a paragraph is an abstract of its own, below another one: the title between them is lost."""
    if not first:
        return False
    return (
        len(second) > min(max(len(first), SHORTEST_ABSTRACT), LONGEST_REST)
        or len(first) + len(second) > LONGEST_ABSTRACT
    )


def _read_run(texts: list[TextLine], block: AuthorBlock | None, page: _Page, read: _Read) -> None:
    """Turn the paragraphs before an author block into entries; the block belongs to the last entry."""
    drafts: list[tuple[int, str, list[str]]] = []
    groups: list[list[TextLine]] = []
    for fits, rows in groupby(texts, key=lambda row: len(row.text) <= LONGEST_TEXT):
        if fits:
            groups += _paragraphs(list(rows), spaced=page.spaced)
        else:
            read.unread += [_unread(row, "too long for an abstract") for row in rows]
    paragraphs = [Paragraph(lines=tuple(row.text for row in group)) for group in groups]
    roles = assign_roles(paragraphs, blocks=page.blocks)
    titled = False
    for group, paragraph, role in zip(groups, paragraphs, roles, strict=True):
        if role is ParagraphRole.TITLE and len(group) > 1 and not _is_wrapped_title(group, page):
            read.unread += [_unread(row, "several lines in the place of a title") for row in group]
            read.astray += 1
            titled = False
        elif role is ParagraphRole.TITLE:
            drafts.append((group[0].line, paragraph.text, []))
            titled = True
        elif role is ParagraphRole.BOTH and page.wrapped and _is_full(paragraph, page):
            read.unread += [_unread(row, "no blank line tells where the title ends") for row in group]
            read.astray += 1
            titled = False
        elif role is ParagraphRole.BOTH:
            drafts.append((group[0].line, paragraph.lines[0], list(paragraph.lines[1:])))
            titled = True
        elif (
            role is ParagraphRole.ABSTRACT
            and titled
            and not _is_second(" ".join(drafts[-1][2]), paragraph.text)
        ):
            drafts[-1][2].extend(paragraph.lines)
            read.astray += page.wrapped and _has_lost_lines(paragraph, page)
        else:
            read.unread += [_unread(row, "an abstract without a title") for row in group]
            read.astray += 1
    if block is not None and not titled:
        read.unread += [_unread(row, "authors and date without a title") for row in block.rows]
        read.astray += not groups  # else its abstract was counted
        block = None
    if block is not None and block.undated is not None:
        read.unread.append(_unread(block.undated, "not a date that can be read"))
    for number, (line, title, abstract) in enumerate(drafts, start=1):
        own = block if block is not None and number == len(drafts) else AuthorBlock()
        read.entries.append(
            make_entry(
                position=len(read.entries) + 1,
                line=line,
                title=title,
                abstract=" ".join(abstract),
                published=own.printed,
                comments=own.comments,
                author_count=own.author_count,
                organization=clean_text(own.organization) if own.organization else None,
            )
        )
