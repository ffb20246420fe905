"""The text of Hugging Face *Daily Papers* pages (DESIGN §8): banner, date, papers with their author blocks.

It reads what is printed and decides no year; which file it came from does not matter to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from newsletter.core.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.alternation import (
    TYPICAL_TITLE,
    Paragraph,
    Part,
    is_abstract,
    is_title,
    read_parts,
)
from newsletter.sources.cleaning import one_line, split_lines
from newsletter.sources.code_links import code_link
from newsletter.sources.latex import readable
from newsletter.sources.printed_dates import read_count, read_date

NAME = "daily-papers"
ABOUT = "a Hugging Face Daily Papers page saved as plain text"

_BY_LINE = re.compile(r"by ?AK and the research community$", re.IGNORECASE)
_BANNER = frozenset(  # lines around the papers, in lower case
    line.strip()
    for line in """new | subscribe | daily papers | daily | weekly | monthly | trending papers | submit | submit a paper
    | get trending papers in your email inbox! | get trending papers in your email inbox once a day!
    | hugging face | models | datasets | spaces | docs | pricing | enterprise | community | log in | sign up
    | previous | next | load more | company | tos | privacy | about | careers | website | system theme
    | © hugging face""".split("|")
)
_AUTHORS = re.compile(r"(?P<mark>[^\w\s]{0,3}) ?(?P<count>\d{1,5}) authors?$", re.IGNORECASE)
_DOTS = frozenset("·•∙⋅‧・")
_INLINE = re.compile(r"(?P<who>.{0,120}?) ?[·•∙⋅‧・] ?(?P<when>[^·•∙⋅‧・]{5,40})$")
_ORGANIZATION = re.compile(r"(?P<slug>[A-Za-z0-9][A-Za-z0-9._-]*) (?P<name>\S.*)$")
_COUNT = re.compile(r"(?P<count>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?k|\d{1,6})(?: comments?)?$")
_LINKED = re.compile(r"huggingface\.co/(?:papers|login)\b")  # a page saved with its links is another format
_BLOCK = re.compile(
    r"^[^\w\n]{0,6}\d{1,5} authors?[ \t\r]*\n\s*[^\w\s]{1,2}[ \t\r]*\n\s*[A-Z][a-z]{2} \d", re.MULTILINE
)
_LONGEST_ORGANIZATION = 100  # characters, slug and name
_HEADER_ROWS = 60  # non-blank lines in which the banner's last line is looked for
_DATE_WITHIN = 6  # non-blank lines behind the banner in which the listing's date is looked for


@dataclass(slots=True)
class _Row:
    """A non-blank line."""

    line: int
    text: str
    apart: bool  # a blank line stands before it


@dataclass(slots=True)
class _Block:
    """What a paper's author block says."""

    rows: list[_Row] = field(default_factory=list)
    undated: _Row | None = None  # of the rows, the one that stands for the date and is none
    author_count: int | None = None
    organization: str | None = None
    printed: PartialDate | None = None
    comments: int | None = None


def recognise(text: str) -> float:
    """Return how surely `text` is such a page: 0 not at all, 1 surely."""
    if len(_LINKED.findall(text[:200_000])) > 1:
        return 0
    rows = list(_rows(split_lines(text[:200_000])))
    if any(_BY_LINE.match(row.text) for row in rows):
        return 1
    if _BLOCK.search(text[:200_000]):
        return 0.9
    top = [row.text.lower() for row in rows[:12]]
    if any(line.startswith("get trending papers in your email inbox") for line in top):
        return 0.8
    dated = [n for n, row in enumerate(rows[:12]) if _day(row.text) is not None]
    if "daily papers" in top and dated:
        return 0.7
    if dated and all(
        line in _BANNER for line in top[: dated[0]]
    ):  # no banner left: a date, then strict alternation
        body = rows[dated[0] + 1 :]
        pairs = len(body) // 2
        regular = sum(
            is_title(a.text) and is_abstract(b.text) for a, b in zip(body[::2], body[1::2], strict=False)
        )
        if pairs >= 3 and regular >= 0.9 * pairs:
            return 0.5
    return 0


def parse(text: str) -> Listing:
    """Read such a page. Every non-blank line is banner, part of an entry, or in `unread` with its reason.

    Raises nothing: a text of another kind gives no entries, or nonsense; ask `recognise` first.
    """
    rows = list(_rows(split_lines(text)))
    printed, start = _header(rows)
    header = [row.text for row in rows[:start]]
    unread: list[Unread] = []
    body = rows[start:]
    end = next((n for n, row in enumerate(body) if _other_listing(body, n, printed)), len(body))
    if end < len(body):
        reason = "a second listing begins here: put each page into a file of its own"
        unread += [_unread(row, reason) for row in body[end:]]
        body = body[:end]
    while body and body[-1].text.lower() in _BANNER:
        header.append(body.pop().text)
    entries: list[Entry] = []
    runs = list(_runs(body))
    blocks = any(block is not None and block.rows for _, block, _ in runs)
    for texts, block, banner in runs:
        header += [row.text for row in banner]
        _read_run(texts, block, blocks=blocks, entries=entries, unread=unread)
    return Listing(
        format=NAME,
        printed=printed,
        entries=tuple(entries),
        unread=tuple(sorted(unread, key=lambda item: item.line)),
        nonblank_lines=len(rows),
        header_lines=tuple(header),
    )


def _rows(lines: Sequence[str]) -> Iterator[_Row]:
    apart = True
    for number, line in enumerate(lines, start=1):
        if line:
            yield _Row(number, line, apart)
        apart = not line


def _unread(row: _Row, reason: str) -> Unread:
    return Unread(line=row.line, reason=reason, text=row.text[:200])


def _day(text: str) -> PartialDate | None:
    """The date that is all of the line, without a number of comments behind it."""
    found = read_date(text)
    return found[0] if found is not None and found[1] is None else None


def _header(rows: list[_Row]) -> tuple[PartialDate | None, int]:
    """Return the listing's printed date and the number of rows that are header."""
    start = 0
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        if len(row.text) > TYPICAL_TITLE or _block_at(rows, number) is not None:
            break
        if _BY_LINE.match(row.text) or row.text.lower() == "daily papers":
            start = number + 1
    while start < len(rows) and rows[start].text.lower() in _BANNER:
        start += 1
    for number in range(start, min(start + _DATE_WITHIN, len(rows))):
        row = rows[number]
        printed = _day(row.text)
        if printed is not None and (start or number == 0) and not _is_dated_title(rows, number):
            number += 1
            while number < len(rows) and rows[number].text.lower() in _BANNER:
                number += 1
            return printed, number
        if len(row.text) > 60 or start == 0:
            break
    return None, start


def _is_dated_title(rows: list[_Row], number: int) -> bool:
    """Whether the date there is the title of the first paper: an abstract and its block follow at once."""
    following = rows[number + 1 : number + 3]
    return (
        len(following) == 2
        and is_abstract(following[0].text)
        and _block_at(rows, number + 2) is not None
        and _block_at(rows, number + 1) is None
    )


def _other_listing(body: list[_Row], number: int, printed: PartialDate | None) -> bool:
    """Whether a page of another date begins at this row: two pages were saved into one file."""
    if body[number].text.lower() not in _BANNER and not _BY_LINE.match(body[number].text):
        return False
    ahead = number
    seen_by_line = False
    while ahead < len(body) and (body[ahead].text.lower() in _BANNER or _BY_LINE.match(body[ahead].text)):
        seen_by_line |= _BY_LINE.match(body[ahead].text) is not None
        ahead += 1
    other = _day(body[ahead].text) if ahead < len(body) else None
    return seen_by_line and other is not None and other != printed


def _runs(body: list[_Row]) -> Iterator[tuple[list[_Row], _Block | None, list[_Row]]]:
    """Cut the body into runs of text rows, each with the author block (or repeated banner) that ends it."""
    texts: list[_Row] = []
    number = 0
    while number < len(body):
        block = _block_at(body, number)
        if block is not None:
            if block.organization is None and block.author_count is None and _is_organization(texts):
                block.rows.insert(0, texts.pop())
                name = _ORGANIZATION.match(block.rows[0].text)
                assert name is not None
                block.organization = name["name"]
            yield texts, block, []
            texts = []
            number += len(block.rows) - (0 if block.rows[0] is body[number] else 1)
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


def _block_at(rows: list[_Row], number: int) -> _Block | None:
    """Read the author block that begins at this row; None when none does.

    An organisation's row stands before it and is left to `_runs`.
    """
    text = rows[number].text
    if len(text) > 2 * _LONGEST_ORGANIZATION:
        return None
    authors = _AUTHORS.match(text)
    if authors is None:
        if _is_dot(text):
            block = _Block()
            return block if _read_dated(rows, number, block) else None
        return _inline_block(rows[number])
    block = _Block(rows=[rows[number]], author_count=int(authors["count"]) or None)
    rest = rows[number + 1] if number + 1 < len(rows) else None
    if rest is None:
        return block if authors["mark"] else None
    if _is_dot(rest.text) and _read_dated(rows, number + 1, block):
        return block
    inline = _inline_block(rest)
    if inline is not None and inline.author_count is None and inline.organization is None:
        block.rows.append(rest)  # "· Apr 10, 2024"
        block.printed, block.comments = inline.printed, inline.comments
    elif not rest.apart and (found := read_date(rest.text)) is not None:
        block.rows.append(rest)
        block.printed, block.comments = found
    elif not authors["mark"]:
        return None  # "3 authors" in running text
    return block


def _is_dot(text: str) -> bool:
    """Whether a line is the mark between authors and date; other signs too, as a poor encoding leaves them."""
    return len(text) <= 2 and not any(char.isalnum() for char in text)


def _read_dated(rows: list[_Row], number: int, block: _Block) -> bool:
    """Add the dot at this row, the date behind it and the comments to `block`; False when this is no such dot."""
    following = rows[number + 1 : number + 3]
    found = read_date(following[0].text) if following else None
    if found is not None:
        block.rows += rows[number : number + 2]
        block.printed, block.comments = found
        count = _COUNT.match(following[1].text) if len(following) > 1 and not following[1].apart else None
        if count and block.comments is None:
            block.rows.append(following[1])
            block.comments = read_count(count["count"])
        return True
    if rows[number].text not in _DOTS:
        return False
    block.rows.append(rows[number])
    if following and not following[0].apart and len(following[0].text) <= 40:
        if len(following) == 1 or following[1].apart:
            block.rows.append(following[0])
            block.undated = following[0]
    return True


def _inline_block(row: _Row) -> _Block | None:
    """Read a block that stands in one line: "• 5 authors · Apr 10, 2024 1"."""
    match = _INLINE.match(row.text)
    found = read_date(match["when"]) if match else None
    if match is None or found is None:
        return None
    block = _Block(rows=[row], printed=found[0], comments=found[1])
    who = match["who"].strip()
    if authors := _AUTHORS.match(who):
        block.author_count = int(authors["count"]) or None
    elif organization := _ORGANIZATION.match(who):
        block.organization = organization["name"]
    elif who:
        return None
    return block


def _is_organization(texts: list[_Row]) -> bool:
    """Whether the last row before a lone dot and a date names an organisation ("openbmb OpenBMB")."""
    if len(texts) < 2:
        return False  # the only line there is is the title
    row, before = texts[-1], texts[-2]
    if len(row.text) > _LONGEST_ORGANIZATION or not _ORGANIZATION.match(row.text):
        return False
    if row.text.endswith((".", "?", "!")) and not row.text.endswith(
        ("Inc.", "Ltd.", "Co.", "Corp.", "Univ.")
    ):
        return False
    return row.apart or len(before.text) > TYPICAL_TITLE or before.text.endswith((".", "?", "!", ")"))


def _paragraphs(texts: list[_Row]) -> list[Paragraph]:
    """Join rows without a blank line between; a row too long for a wrapped line is a paragraph of its own."""
    groups: list[list[_Row]] = []
    for row in texts:
        long_rows = len(row.text) > TYPICAL_TITLE or bool(groups and len(groups[-1][-1].text) > TYPICAL_TITLE)
        if row.apart or long_rows or not groups:
            groups.append([row])
        else:
            groups[-1].append(row)
    return [Paragraph(line=group[0].line, lines=tuple(row.text for row in group)) for group in groups]


def _read_run(
    texts: list[_Row], block: _Block | None, *, blocks: bool, entries: list[Entry], unread: list[Unread]
) -> None:
    """Turn the paragraphs before an author block into entries; the block is the last one's."""
    by_line = {row.line: row for row in texts}
    drafts: list[tuple[int, str, list[str]]] = []
    paragraphs = _paragraphs(texts)
    for paragraph, part in zip(paragraphs, read_parts(paragraphs, blocks=blocks), strict=True):
        if part is Part.TITLE:
            drafts.append((paragraph.line, paragraph.text, []))
        elif part is Part.BOTH:
            drafts.append((paragraph.line, paragraph.lines[0], list(paragraph.lines[1:])))
        elif part is Part.ABSTRACT:
            drafts[-1][2].extend(paragraph.lines)
        else:
            numbers = range(paragraph.line, paragraph.line + len(paragraph.lines))
            unread += [_unread(by_line[n], "an abstract without a title") for n in numbers]
    if block is not None and not drafts:
        unread += [_unread(row, "authors and date without a title") for row in block.rows]
        return
    if block is not None and block.undated is not None:
        unread.append(_unread(block.undated, "not a date that can be read"))
    for number, (line, title, abstract) in enumerate(drafts, start=1):
        own = block if block is not None and number == len(drafts) else _Block()
        clean = one_line(readable(" ".join(abstract)))
        entries.append(
            Entry(
                position=len(entries) + 1,
                line=line,
                title=one_line(readable(title)),
                abstract=clean,
                printed=own.printed,
                comments=own.comments,
                author_count=own.author_count,
                organization=one_line(readable(own.organization)) if own.organization else None,
                code_url=code_link(clean),
            )
        )
