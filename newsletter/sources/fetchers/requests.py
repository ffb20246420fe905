"""Names the addresses that each kind of source is asked for, and the files that the answers become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

HF_API = "https://huggingface.co/api/daily_papers"
ARXIV_FEED = "https://rss.arxiv.org/atom"
ARXIV_API = "https://export.arxiv.org/api/query"
MOST_DAYS_BACK = 7  # that are asked for after a pause; older days are an archive, for `ingest --backfill`


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A configured source."""

    name: str
    kind: str
    hours: tuple[int, ...]  # UTC
    url: str | None = None
    path: str | None = None
    categories: tuple[str, ...] = ()
    query: str = ""
    max_results: int = 200
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One request, and the name of the file that its answer becomes."""

    url: str
    file: str
    robots: bool = False  # a page that is not offered to programs: its robots.txt counts


def wanted(source: Source, *, today: date, last_day: date | None) -> list[Wanted]:
    """The requests of a source. last_day: the day of its latest good fetch; None: the first fetch."""
    return _KINDS[source.kind](source, _days(today, last_day))


def _days(today: date, last_day: date | None) -> list[date]:
    first = max(last_day or today, today - timedelta(days=MOST_DAYS_BACK - 1))
    return [first + timedelta(days=number) for number in range((today - first).days + 1)] or [today]


def _hf_daily(source: Source, days: Sequence[date]) -> list[Wanted]:
    base = source.url or HF_API
    return [
        Wanted(url=f"{base}?date={day}", file=f"{source.name}-{day}.json")
        for day in days
        if day.weekday() < 5  # Hugging Face lists nothing on weekends
    ]


def _arxiv_feed(source: Source, days: Sequence[date]) -> list[Wanted]:
    base = (source.url or ARXIV_FEED).rstrip("/")
    return [Wanted(url=f"{base}/{'+'.join(source.categories)}", file=f"{source.name}-{days[-1]}.xml")]


def _arxiv_api(source: Source, days: Sequence[date]) -> list[Wanted]:
    query = source.query or " OR ".join(f"cat:{category}" for category in source.categories)
    fields = {
        "search_query": query,
        "sortBy": "submittedDate",
        "sortOrder": "descending",
        "start": 0,
        "max_results": source.max_results,
    }
    url = f"{source.url or ARXIV_API}?{urlencode(fields)}"
    return [Wanted(url=url, file=f"{source.name}-{days[-1]}.xml")]


def _url(source: Source, days: Sequence[date]) -> list[Wanted]:
    url = source.url or ""
    if "{date}" not in url:
        return [Wanted(url=url, file=f"{source.name}-{days[-1]}", robots=True)]
    return [
        Wanted(
            url=url.replace("{date}", str(day)),
            file=f"{source.name}-{day}",
            robots=True,
        )
        for day in days
    ]


_KINDS: dict[str, Callable[[Source, Sequence[date]], list[Wanted]]] = {
    "hf-daily": _hf_daily,
    "arxiv-feed": _arxiv_feed,
    "arxiv-api": _arxiv_api,
    "url": _url,
}
