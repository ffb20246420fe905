"""Reads the records of papers that Hugging Face's API and pages carry as JSON.

It knows no file: `newsletter.sources.formats` finds the records. Fields came over the years, and a record
lacks those that are younger than it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from newsletter.core.papers.identity import title_key
from newsletter.core.papers.listing import Entry, Unread
from newsletter.sources.entries import make_entry

PAGE = "https://huggingface.co/papers/"


def is_record(value: Any) -> bool:
    """Whether a JSON value is the record of a paper: {"paper": {"id", "title", …}, …}."""
    if not isinstance(value, Mapping):
        return False
    paper = value.get("paper")
    return isinstance(paper, Mapping) and isinstance(paper.get("id"), str) and "title" in paper


def read_records(records: Sequence[Any]) -> tuple[tuple[Entry, ...], tuple[Unread, ...]]:
    """The entries of records in their order, and the records that are none."""
    entries: list[Entry] = []
    unread: list[Unread] = []
    for number, record in enumerate(records, 1):
        if not is_record(record) or not _is_one_paper(record):
            unread.append(
                Unread(line=number, reason="no paper with an id and a title", text=str(record)[:200])
            )
        else:
            entries.append(_entry(record, position=len(entries) + 1, number=number))
    return tuple(entries), tuple(unread)


def _is_one_paper(record: Mapping[str, Any]) -> bool:
    """Whether a record has a title, its two levels say the same of it, and each author has a name.

    Else two records ran into one.
    """
    paper = record["paper"]
    title, above = _text(paper.get("title")), _text(record.get("title"))
    if not title.strip() or (above.strip() and title_key(title) != title_key(above)):
        return False
    authors = paper.get("authors")
    return not isinstance(authors, list) or all(
        "name" in author or "fullname" in author for author in authors if isinstance(author, Mapping)
    )


def listed_on(records: Iterable[Any]) -> date | None:
    """The day on which these papers were listed; None where the records do not say.

    It is `paper.submittedOnDailyAt`. Older records lack it: their top-level `publishedAt` is the hour of the
    submission, later than the paper's own. From 2025-03-11 on it is the paper's less some hours and says
    nothing.
    """
    days: Counter[date] = Counter()
    for record in records:
        if not is_record(record):
            continue
        paper = record["paper"]
        submitted = _instant(paper.get("submittedOnDailyAt"))
        if submitted is None:
            own, top = _instant(paper.get("publishedAt")), _instant(record.get("publishedAt"))
            submitted = top if own is not None and top is not None and top > own else None
        if submitted is not None:
            days[submitted.date()] += 1
    if not days:
        return None
    day, count = days.most_common(1)[0]
    return day if 2 * count > days.total() else max(days)


def _entry(record: Mapping[str, Any], *, position: int, number: int) -> Entry:
    paper = record["paper"]
    organization = paper.get("organization") or record.get("organization")
    published = _instant(paper.get("publishedAt"))
    return make_entry(
        position=position,
        line=number,
        title=_text(paper.get("title")),
        abstract=_text(paper.get("summary") or record.get("summary")),
        authors=_authors(paper.get("authors")),
        published=published.date() if published else None,
        arxiv_id=paper["id"],
        url=PAGE + paper["id"],
        comments=_count(record.get("numComments")),
        upvotes=_count(paper.get("upvotes")),
        organization=_named(organization),
        code_url=_link(paper.get("githubRepo")),
        project_url=_link(paper.get("projectPage")),
    )


def _authors(value: Any) -> list[str]:
    """The names in order; collectors also write plain lists of strings."""
    if not isinstance(value, list):
        return []
    return [name for author in value if not _hidden(author) for name in [_named(author)] if name]


def _hidden(author: Any) -> bool:
    return isinstance(author, Mapping) and author.get("hidden") is True


def _named(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("fullname") or value.get("name")
    return value if isinstance(value, str) and value.strip() else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _link(value: Any) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
