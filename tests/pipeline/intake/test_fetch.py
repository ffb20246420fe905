"""Sources are fetched from a server of this machine that replays answers; no test reaches a network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.core.errors import NotFoundError
from newsletter.db.engine import reading, writing
from newsletter.papers import source_records
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.pipeline.intake.fetch import FetchReport, fetch_due, next_hour
from newsletter.pipeline.intake.ingest import IngestOptions, ingest_bytes
from newsletter.sources.decoding import MAX_SIZE
from newsletter.sources.fetchers.http import HttpClient
from newsletter.sources.fetchers.requests import Source, wanted
from tests.pipeline.intake.scenario import DumpScenario
from tests.smtp_servers.certificates import server_tls
from tests.web_servers import Answer, ReplayServer, replay_server

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FEED = "/feed/cs.ET"
HOLIDAY = b"""<?xml version='1.0'?><rss version="2.0"><channel><title>cs.ET updates on arXiv.org</title>
<pubDate>Mon, 02 Mar 2026 00:00:00 -0500</pubDate></channel></rss>"""


def daily(*titles: str, day: str = "2026-03-02") -> bytes:
    records = [
        {
            "paper": {
                "id": f"2603.{sum(map(ord, title)) % 100_000:05}",
                "title": title,
                "summary": f"We look at {title} for a while and find it much as we thought.",
                "authors": [{"name": "A. Author"}],
                "publishedAt": f"{day}T00:00:00.000Z",
                "submittedOnDailyAt": f"{day}T00:00:00.000Z",
            }
        }
        for title in titles
    ]
    return json.dumps(records).encode()


class Fetches:
    """A newsletter with one source, and a server."""

    def __init__(self, folder: Path, server: ReplayServer) -> None:
        self.scenario = DumpScenario(folder)
        self.server = server
        self.waits: list[float] = []
        self.source = Source(name="hf", kind="url", hours=(9, 21), url=f"{server.base}/daily")
        server.on("/robots.txt", Answer(status=404))

    def client(self) -> HttpClient:
        return HttpClient(contact="https://papers.example.org", sleep=self.waits.append)

    def fetch(
        self, at: datetime = MONDAY, *, only: str | None = None, source: Source | None = None
    ) -> FetchReport:
        [report] = self.fetch_all(at, only=only, sources=[source or self.source])
        return report

    def fetch_all(self, at: datetime, *, only: str | None = None, sources: list[Source]) -> list[FetchReport]:
        return fetch_due(
            self.scenario.engine, sources, client=self.client, ingest=self._ingest, now=at, only=only
        )

    def _ingest(self, data: bytes, name: str, source: Source, now: datetime) -> DumpReport:
        return ingest_bytes(
            self.scenario.engine,
            data,
            name=name,
            archive=self.scenario.archive,
            matcher=self.scenario.matcher,
            now=now,
            options=IngestOptions(format=source.format, source=source.name),
        )

    def stored(self) -> source_records.StoredSource:
        with reading(self.scenario.engine) as connection:
            return source_records.stored(connection)["hf"]


@pytest.fixture
def fetches(tmp_path: Path) -> Iterator[Fetches]:
    with replay_server() as server:
        yield Fetches(tmp_path, server)


def test_answer_goes_through_the_same_door_as_a_file(fetches: Fetches) -> None:
    fetches.server.on("/daily", Answer(body=daily("Spikes", "Lattices")))
    report = fetches.fetch()
    [dump] = report.dumps
    assert (dump.status, dump.format, dump.new, dump.listed_on) == (
        "ingested",
        "hf-api-json",
        2,
        date(2026, 3, 2),
    )
    assert report.next_fetch_at == datetime(2026, 3, 2, 21, tzinfo=UTC)
    assert len(list(fetches.scenario.archive.rglob("*"))) > 0  # its bytes are kept
    asked = fetches.server.asked[-1].headers
    assert asked["user-agent"].startswith("newsletter/")
    assert "papers.example.org" in asked["user-agent"]


def test_unchanged_answer_is_no_dump_and_no_failure(fetches: Fetches) -> None:
    first = Answer(
        body=daily("Spikes"), headers={"ETag": '"one"', "Last-Modified": "Mon, 02 Mar 2026 08:00:00 GMT"}
    )
    fetches.server.on("/daily", first, Answer(status=304))
    fetches.fetch()
    report = fetches.fetch(MONDAY + timedelta(hours=12))
    asked = fetches.server.asked[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"one"', "Mon, 02 Mar 2026 08:00:00 GMT")
    assert (report.dumps, report.error, fetches.stored().failures) == ((), "", 0)


def test_address_that_changed_is_asked_for_the_whole_answer(fetches: Fetches) -> None:
    dated = {"Last-Modified": "Mon, 02 Mar 2026 08:00:00 GMT"}
    fetches.server.on("/daily", Answer(body=daily("Spikes"), headers=dated))
    fetches.server.on("/other", Answer(body=daily("Lattices"), headers=dated))
    fetches.fetch()
    moved = replace(fetches.source, url=f"{fetches.server.base}/other")
    report = fetches.fetch(MONDAY + timedelta(hours=12), source=moved)
    assert "if-modified-since" not in fetches.server.asked[-1].headers
    assert report.dumps[0].new == 1


HTML_ERROR = (
    b"<!doctype html><html><head><title>Service unavailable</title></head><body>Try later.</body></html>"
)
FAULTS: dict[str, tuple[Answer, str]] = {
    "busy": (Answer(status=503), "the server answered 503"),
    "too many": (Answer(status=429), "the server answered 429"),
    "gone": (Answer(status=410), "the server answered 410"),
    "forbidden": (Answer(status=403, body=b"no robots"), "the server answered 403"),
    "half an answer": (Answer(body=daily("Spikes")[:80], promised=400), "the answer broke off"),
    "cut JSON": (Answer(body=daily("Spikes", "Lattices")[:-40]), "hf-2026-03-02"),
    "an error page with status 200": (Answer(body=HTML_ERROR), "hf-2026-03-02"),
    "nothing": (Answer(body=b""), "the answer is empty"),
    "a loop": (Answer(status=302, headers={"Location": "/daily"}), "more than 5 redirects"),
    "a redirect to nowhere": (
        Answer(status=302, headers={"Location": "https://a:b/"}),
        "a redirect leads nowhere",
    ),
    "an odd time to come back": (
        Answer(status=503, headers={"Retry-After": "Mon, 02 Mar 2026 10:00:00 +99999999999999999"}),
        "the server answered 503",
    ),
    "a picture": (Answer(body=b"\x89PNG\r\n" + bytes(100)), "a picture"),
}


@pytest.mark.parametrize(("answer", "words"), FAULTS.values(), ids=FAULTS)
def test_fault_stores_nothing_and_is_tried_again(fetches: Fetches, answer: Answer, words: str) -> None:
    fetches.server.on("/daily", answer)
    report = fetches.fetch()
    assert words in report.error
    assert report.next_fetch_at == MONDAY + timedelta(minutes=5)
    assert fetches.scenario.papers() == []
    assert fetches.fetch_all(MONDAY + timedelta(minutes=4), sources=[fetches.source]) == []
    fetches.server.on("/daily", Answer(body=daily("Spikes")))
    assert fetches.fetch(MONDAY + timedelta(minutes=6)).dumps[0].new == 1
    assert (fetches.stored().failures, fetches.stored().error) == (0, "")


def test_failures_wait_longer_each_time_and_as_long_as_the_server_asks(fetches: Fetches) -> None:
    fetches.server.on("/daily", Answer(status=503))
    waits, at = [], MONDAY
    for _ in range(9):
        report = fetches.fetch(at)
        assert report.next_fetch_at is not None
        waits.append((report.next_fetch_at - at) / timedelta(minutes=1))
        at = report.next_fetch_at
    assert waits == [5, 10, 20, 40, 80, 160, 320, 360, 360]
    fetches.server.on("/daily", Answer(status=429, headers={"Retry-After": "7200"}))
    assert fetches.fetch(at).next_fetch_at == at + timedelta(hours=2)


def test_source_that_failed_for_weeks_is_asked_again_and_holds_up_no_other(fetches: Fetches) -> None:
    fetches.server.on("/daily", Answer(status=503))
    fetches.server.on("/other", Answer(body=daily("Spikes")))
    with writing(fetches.scenario.engine) as connection:
        source_records.save(connection, source_records.StoredSource(name="hf", failures=500))
    other = Source(name="other", kind="url", hours=(9,), url=f"{fetches.server.base}/other")
    failed, good = fetches.fetch_all(MONDAY, sources=[fetches.source, other])
    assert failed.next_fetch_at == MONDAY + timedelta(hours=6)
    assert good.dumps[0].new == 1


def test_redirect_is_followed(fetches: Fetches) -> None:
    fetches.server.on("/daily", Answer(status=301, headers={"Location": "/new"}))
    fetches.server.on("/new", Answer(body=daily("Spikes")))
    assert fetches.fetch().dumps[0].new == 1


def test_certificate_that_is_wrong_is_a_failure(tmp_path: Path) -> None:
    context, _ = server_tls(tmp_path)  # of an authority that nobody trusts
    with replay_server(context=context) as server:
        server.on("/daily", Answer(body=daily("Spikes")))
        report = Fetches(tmp_path, server).fetch()
    assert "certificate verify failed" in report.error
    assert server.asked == []


def test_robots_txt_is_obeyed_for_pages(fetches: Fetches) -> None:
    fetches.server.on("/robots.txt", Answer(body=b"User-agent: *\nDisallow: /daily\n"))
    fetches.server.on("/daily", Answer(body=daily("Spikes")))
    assert "robots.txt" in fetches.fetch().error


def test_robots_txt_that_moved_is_obeyed(fetches: Fetches) -> None:
    fetches.server.on("/robots.txt", Answer(status=301, headers={"Location": "/there/robots.txt"}))
    fetches.server.on("/there/robots.txt", Answer(body=b"User-agent: *\nDisallow: /daily\n"))
    fetches.server.on("/daily", Answer(body=daily("Spikes")))
    assert "robots.txt" in fetches.fetch().error


def test_same_server_is_asked_slowly(fetches: Fetches) -> None:
    fetches.server.on("/a", Answer(body=daily("Spikes")))
    fetches.server.on("/b", Answer(body=daily("Lattices")))
    sources = [
        Source(name=name, kind="url", hours=(9,), url=f"{fetches.server.base}/{name}") for name in ("a", "b")
    ]
    fetches.fetch_all(MONDAY, sources=sources)
    assert len(fetches.waits) == 2  # robots.txt, a, b
    assert all(0 < wait <= 1 for wait in fetches.waits)


def test_empty_feed_of_a_holiday_is_no_failure(fetches: Fetches) -> None:
    fetches.server.on(FEED, Answer(body=HOLIDAY))
    source = Source(
        name="hf", kind="arxiv-feed", hours=(9,), url=f"{fetches.server.base}/feed", categories=("cs.ET",)
    )
    report = fetches.fetch(source=source)
    assert (report.error, [(dump.status, dump.entries) for dump in report.dumps]) == ("", [("ingested", 0)])


def test_yesterdays_batch_under_todays_date_is_told(fetches: Fetches) -> None:
    titles = [f"Lattices of kind {number}" for number in range(5)]
    fetches.server.on("/daily", Answer(body=daily(*titles)))
    fetches.fetch()
    fetches.server.on("/daily", Answer(body=daily(*titles, day="2026-03-03")))
    report = fetches.fetch(MONDAY + timedelta(days=1))
    assert (report.dumps[0].new, report.dumps[0].known) == (0, 5)
    with reading(fetches.scenario.engine) as connection:
        health = source_records.healths(connection, now=MONDAY + timedelta(days=1))["hf"]
    assert (health.state, "the same batch again" in health.reason) == ("stale", True)


def test_batch_that_another_source_brought_before_is_not_the_same_batch_again(fetches: Fetches) -> None:
    first, second = (
        Source(name=name, kind="url", hours=(9,), url=f"{fetches.server.base}/{name}") for name in "ab"
    )
    for days, titles in enumerate((("Spikes", "Lattices", "Rings"), ("Qubits", "Anyons", "Ions"))):
        body = daily(*titles, day=f"2026-03-0{2 + days}")
        for source, more in ((first, b""), (second, b"\n")):  # other bytes, the same papers
            fetches.server.on(f"/{source.name}", Answer(body=body + more))
            fetches.fetch(MONDAY + timedelta(days=days), source=source)
    with reading(fetches.scenario.engine) as connection:
        found = source_records.healths(connection, now=MONDAY + timedelta(days=1))
        (batch,) = source_records.batches(connection)["b"][-1:]
    assert (batch.entries, batch.new, found["b"].state, found["b"].reason) == (3, 0, "ok", "")


def test_folder_brings_its_regular_files_once(fetches: Fetches, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "one.json").write_bytes(daily("Spikes"))
    (folder / "two.json.part").write_bytes(daily("Unfinished"))
    (folder / "link.json").symlink_to(folder / "one.json")
    source = Source(name="hf", kind="folder", hours=(9,), path=str(folder))
    assert [dump.new for dump in fetches.fetch(source=source).dumps] == [1]
    missing = Source(name="hf", kind="folder", hours=(9,), path=str(tmp_path / "nowhere"))
    assert "cannot be read" in fetches.fetch(only="hf", source=missing).error


def test_folder_takes_a_file_that_kept_its_old_time(fetches: Fetches, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    source = Source(name="hf", kind="folder", hours=(9,), path=str(folder))
    now = datetime.now(UTC)
    fetches.fetch(now, source=source)
    (folder / "one.json").write_bytes(daily("Spikes"))
    os.utime(folder / "one.json", (0, 0))  # as rsync and cp -p leave it
    assert [dump.new for dump in fetches.fetch(now, only="hf", source=source).dumps] == [1]


def test_file_of_a_folder_that_cannot_be_read_holds_up_no_other(fetches: Fetches, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with (folder / "a.json").open("wb") as large:
        large.truncate(MAX_SIZE + 1)
    (folder / "b.json").write_bytes(daily("Spikes"))
    source = Source(name="hf", kind="folder", hours=(9,), path=str(folder))
    report = fetches.fetch(source=source)
    assert ([dump.new for dump in report.dumps], "a.json" in report.error) == ([1], True)


def test_unknown_source_is_refused_and_a_removed_one_forgotten(fetches: Fetches) -> None:
    fetches.server.on("/daily", Answer(status=503))
    with pytest.raises(NotFoundError, match="there is no source 'x'"):
        fetches.fetch(only="x")
    fetches.fetch()
    fetches.fetch_all(MONDAY, sources=[])
    with reading(fetches.scenario.engine) as connection:
        assert source_records.stored(connection) == {}


@pytest.mark.parametrize(
    ("source", "last_day", "expected"),
    [
        ({"kind": "hf-daily"}, None, ["https://huggingface.co/api/daily_papers?date=2026-03-02"]),
        ({"kind": "hf-daily"}, date(2026, 2, 27), ["2026-02-27", "2026-03-02"]),
        (
            {"kind": "hf-daily"},
            date(2025, 1, 1),
            ["2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27", "2026-03-02"],
        ),
        (
            {"kind": "arxiv-feed", "categories": ("cs.ET", "quant-ph")},
            None,
            ["https://rss.arxiv.org/atom/cs.ET+quant-ph"],
        ),
        (
            {"kind": "arxiv-api", "categories": ("cs.ET", "cs.AR")},
            None,
            ["search_query=cat%3Acs.ET+OR+cat%3Acs.AR&"],
        ),
        ({"kind": "arxiv-api", "query": "all:memristor"}, None, ["search_query=all%3Amemristor&"]),
        (
            {"kind": "url", "url": "https://x.example/{date}.json"},
            None,
            ["https://x.example/2026-03-02.json"],
        ),
    ],
)
def test_each_kind_asks_for_its_addresses(
    source: dict[str, Any], last_day: date | None, expected: list[str]
) -> None:
    found = wanted(Source(name="s", hours=(9,), **source), today=date(2026, 3, 2), last_day=last_day)
    assert len(found) == len(expected)
    assert all(part in request.url for part, request in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        ((5, 9), 9, "2026-03-03T05"),
        ((5, 9), 4, "2026-03-02T05"),
        ((23,), 23, "2026-03-03T23"),
        ((0,), 1, "2026-03-03T00"),
    ],
)
def test_next_hour_is_the_first_after_now(hours: tuple[int, ...], at: int, expected: str) -> None:
    assert next_hour(hours, MONDAY.replace(hour=at)).isoformat().startswith(expected)
