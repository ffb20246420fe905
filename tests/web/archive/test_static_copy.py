"""A static copy shows what everybody may see now, and nothing that an earlier build wrote."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.core.errors import NewsletterError
from newsletter.db.engine import reading
from newsletter.db.schema import edition_papers, editions, papers
from newsletter.pipeline.archive.static_folder import MEMORY, WRITTEN, StaticFolder
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import (
    BOTH_TITLE,
    PRIVATE_TOPIC,
    PUBLIC_TOO,
    TOPICS,
    leaks,
    private_site,
)
from tests.web.archive.static_copy import build, dead_links, texts
from tests.web.newsletter_site import NewsletterSite

OPEN = {PRIVATE_TOPIC: {**TOPICS[PRIVATE_TOPIC], "public": True}}
CLOSED = {**TOPICS}


@pytest.fixture
def site(tmp_path: Path, server: RecordingServer) -> NewsletterSite:
    return private_site(tmp_path, server)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def near_one(site: NewsletterSite, out: Path) -> tuple[int, str]:
    """A paper that another page names as near, and not as its neighbour; and its title."""
    with reading(site.newsletter.engine) as connection:
        titles = {row.id: row.title for row in connection.execute(select(papers.c.id, papers.c.title))}
    for page in sorted(out.glob("papers/*.html")):
        near = page.read_text().partition('id="near"')[2].partition("</section>")[0]
        around = page.read_text().partition('class="turn"')[2]
        for number, title in titles.items():
            if f'href="{number}-' in near and f'href="{number}-' not in around:
                return number, title
    raise AssertionError("no page names a near paper")


def test_nothing_private_and_no_dead_link(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    assert leaks(texts(out)) == []
    assert dead_links(out) == []
    assert build(site, out).changed == 0


def test_a_topic_that_becomes_private_leaves_no_trace(site: NewsletterSite, out: Path) -> None:
    build(site, out, own_topics=OPEN)
    assert leaks(texts(out))
    build(site, out, own_topics=CLOSED)
    assert leaks(texts(out)) == []
    assert dead_links(out) == []


def drop(site: NewsletterSite, number: int) -> None:
    site.write(update(edition_papers).where(edition_papers.c.paper_id == number).values(dropped_at=site.now))


def hold(site: NewsletterSite, number: int) -> None:
    held = select(papers.c.edition).where(papers.c.id == number).scalar_subquery()
    site.write(update(editions).where(editions.c.number == held).values(held=True))


def retitle(site: NewsletterSite, number: int) -> None:
    site.write(update(papers).where(papers.c.id == number).values(title="A Calmer Name"))


def merge(site: NewsletterSite, number: int) -> None:
    site.write(update(papers).where(papers.c.id == number).values(merged_into=1 if number != 1 else 2))


@pytest.mark.parametrize("change", [drop, hold, retitle, merge])
def test_no_page_names_what_is_gone(
    site: NewsletterSite, out: Path, change: Callable[[NewsletterSite, int], None]
) -> None:
    build(site, out)
    number, title = near_one(site, out)
    change(site, number)
    build(site, out)
    assert not any(title in text for text in texts(out).values() if "<html" in text)
    assert dead_links(out) == []
    assert build(site, out).changed == 0


def test_the_search_stays_in_the_copy(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    assert 'action="search.html"' in (out / "index.html").read_text()
    assert f"{site.base}/search" not in (out / "index.html").read_text()


KILLED = """
import os, sys
from pathlib import Path
from newsletter.pipeline.archive.static_folder import StaticFolder
with StaticFolder.opened(Path(sys.argv[1])) as folder:
    for name in sys.argv[2:]:
        folder.keep(name, "made from zyxomantic", lambda: b"zyxomantic")
    (folder.root / ".half.html.partial").write_bytes(b"zyxo")
    with (folder.root / ".newsletter-archive-written").open("a") as written:
        written.write("half.html\\n")
    os._exit(9)
"""


@pytest.mark.parametrize("built_before", [False, True])
@pytest.mark.parametrize("name", ["papers/99-zyxomantic.html", "topics/umbral.html", "editions/9.bib"])
def test_nothing_stays_of_a_killed_build(tmp_path: Path, name: str, *, built_before: bool) -> None:
    out = tmp_path / "out"
    if built_before:
        with StaticFolder.opened(out) as folder:
            folder.keep("index.html", "a", lambda: b"old")
            folder.finish()
    killed = subprocess.run([sys.executable, "-c", KILLED, out, name, "index.html"], check=False)
    assert killed.returncode == 9
    assert (out / name).read_text() == "zyxomantic"
    with StaticFolder.opened(out) as folder:
        folder.keep("index.html", "a", lambda: b"new")
        folder.finish()
    left = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert left.keys() == {"index.html", MEMORY}
    assert left["index.html"] == b"new"


@pytest.fixture
def small_files() -> Iterator[None]:
    """Writing fails after a few bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_failed_write_leaves_no_half(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with StaticFolder.opened(out) as folder:
        folder.keep("papers/1.html", "a", lambda: b"small")
        with pytest.raises(NewsletterError, match="cannot write"):
            folder.keep("papers/2.html", "a", lambda: b"x" * 60_000)
        folder.finish()
    assert not list(out.rglob(".*.partial"))
    with StaticFolder.opened(out) as folder:
        assert folder.has("papers/1.html", "a")
        folder.keep("papers/2.html", "b", lambda: b"y")
        folder.finish()
    assert [file.name for file in out.glob("papers/*")] == ["2.html"]


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b'{"version": 1}', "é".encode("latin-1")])
def test_a_damaged_memory_is_named(tmp_path: Path, damage: bytes) -> None:
    with StaticFolder.opened(tmp_path) as folder:
        folder.keep("papers/1.html", "a", lambda: b"x")
        folder.finish()
    (tmp_path / MEMORY).write_bytes(damage)
    with pytest.raises(NewsletterError, match="damaged"):
        StaticFolder.opened(tmp_path)


@pytest.mark.parametrize("line", ["../victim", "/etc/victim", "", ".", "papers/../../victim"])
def test_an_edited_list_reaches_no_other_folder(tmp_path: Path, line: str) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".victim.partial").write_text("mine")
    out.mkdir()
    (out / WRITTEN).write_text(f"{line}\n")
    with StaticFolder.opened(out) as folder:
        folder.finish()
    assert victim.exists()
    assert (tmp_path / ".victim.partial").exists()


def test_other_files_are_kept(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    (out / "CNAME").write_text("papers.example.org")
    (out / "papers/own.txt").write_text("mine")
    drop(site, 1)
    build(site, out)
    assert (out / "CNAME").exists()
    assert (out / "papers/own.txt").exists()


@pytest.mark.parametrize("linked", ["papers/1", "archive"])
def test_links_in_the_folder_are_not_followed_to_files(
    site: NewsletterSite, out: Path, tmp_path: Path, linked: str
) -> None:
    build(site, out)
    page = next(out.glob(f"{linked}*.html" if "/" in linked else f"{linked}/*.html"))
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    page.unlink()
    page.symlink_to(mine)
    retitle(site, 1)
    build(site, out)
    assert mine.read_text() == "mine"


def test_a_relisting_in_an_empty_month_links_nowhere(site: NewsletterSite, out: Path) -> None:
    again = json.dumps([PUBLIC_TOO]).encode()
    site.newsletter.ingest(again, "2026-05-02-again.json", at="2026-05-02T05:00")
    with reading(site.newsletter.engine) as connection:
        number = connection.execute(select(papers.c.id).where(papers.c.title == BOTH_TITLE)).scalar_one()
    site.later(days=30)
    page = site.get(f"/papers/{number}")
    assert "2 May 2026" in page
    assert "/archive/2026-05" not in page
    build(site, out)
    assert dead_links(out) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("footer", "Made by the night desk."),
        ("postal_address", "1 Own Street, Oslo"),
        ("privacy_url", "https://example.org/own-privacy"),
        ("name", "Own Digest"),
        ("language", "de"),
    ],
)
def test_every_page_follows_the_settings(site: NewsletterSite, out: Path, setting: str, value: str) -> None:
    build(site, out)
    site.site.brand = replace(site.site.brand, **{setting: value})  # type: ignore[arg-type]
    build(site, out)
    pages = [text for name, text in texts(out).items() if name.endswith(".html")]
    assert pages
    assert all(value in page for page in pages)
    assert build(site, out).changed == 0
