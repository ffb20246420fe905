"""A static copy of the archive: whole, public, and brought up to date by writing what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import feedparser
import pytest
from sqlalchemy import select, update

from newsletter.core.errors import NewsletterError
from newsletter.db.engine import reading
from newsletter.db.schema import edition_papers, editions, papers
from newsletter.pipeline.archive.static_folder import MEMORY, StaticFolder
from newsletter.render.archive_links import EXPORTS, FEEDS, paper_path
from tests.browser.links import links_of
from tests.pipeline.archive.static_copy import build, files_of
from tests.render.feeds.schemas import atom_errors, json_feed_errors
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import leaks, private_site
from tests.web.newsletter_site import NewsletterSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[NewsletterSite]:
    folder = tmp_path / "state"
    folder.mkdir()
    with RecordingServer() as server:
        yield private_site(folder, server)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def more_papers(site: NewsletterSite) -> None:
    """Publish an edition of one new paper."""
    paper = {
        "title": "One More Map of Quantum Circuits",
        "abstract": "Maps of qubits are rare. We present one more map of quantum error correction.",
        "authors": ["Grace Hopper"],
        "arxiv_id": "2604.07777",
    }
    site.newsletter.ingest(json.dumps([paper]).encode(), "2026-04-17-more.json", at="2026-04-17T05:30")
    site.newsletter.publish("2026-04-17T06:00")


def test_every_link_of_every_page_leads_to_a_file_or_to_the_server(site: NewsletterSite, out: Path) -> None:
    report = build(site, out)
    files = files_of(out)
    assert report.pages == report.changed == len(files)
    broken = []
    for name in files:
        if not name.endswith(".html"):
            continue
        for link in links_of((out / name).read_text(), base=f"file:///{name}"):
            parts = urlsplit(link)
            if parts.scheme == "file" and unquote(parts.path.lstrip("/")) not in files:
                broken.append(f"{name}: {link}")
            assert parts.scheme in ("file", "http", "https", "data"), link
    assert broken == []


def test_all_that_is_public_is_there(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    files = files_of(out)
    for name in ("index.html", "search.html", "archive/2026-04.html", "topics/quantum.html"):
        assert name in files
    for number in (1, 2):
        assert {f"editions/{number}.{suffix}" for suffix in ("html", *EXPORTS)} <= files.keys()
    for suffix in FEEDS:
        assert {f"feeds/all.{suffix}", f"feeds/quantum.{suffix}"} <= files.keys()
    pages = [name for name in files if name.startswith("papers/") and name.endswith(".html")]
    titles = [item.title for item in feedparser.parse((out / "feeds/all.atom").read_bytes()).entries]
    assert len(pages) >= len(titles) > 20
    assert atom_errors((out / "feeds/all.atom").read_bytes()) == []
    assert json_feed_errors((out / "feeds/quantum.json").read_bytes()) == []


def test_nothing_private_is_in_any_file(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    texts = {
        str(path.relative_to(out)): f"{path.name}\n{path.read_text()}"
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith(MEMORY)
    }
    assert leaks(texts) == []
    memory = StaticFolder.opened(out)
    assert leaks({"words": json.dumps(memory.recalled("words"))}) == []
    assert "editions/3.html" not in texts  # it holds a private paper alone


def test_topic_made_private_leaves_the_copy(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    assert "topics/quantum.html" in files_of(out)
    site.newsletter.topics = {
        slug: replace(topic, public=False) if slug == "quantum" else topic
        for slug, topic in site.newsletter.topics.items()
    }
    build(site, out)
    left = files_of(out)
    assert [name for name in left if "quantum." in name] == []
    fresh = out.with_name("fresh")
    build(site, fresh)
    assert left.keys() == files_of(fresh).keys()


def test_second_build_changes_nothing(site: NewsletterSite, out: Path) -> None:
    first = build(site, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.parent != out}
    again = build(site, out)
    assert (again.pages, again.changed) == (first.pages, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_one_more_edition_changes_its_own_pages_and_those_beside_it(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    before = files_of(out)
    more_papers(site)
    report = build(site, out)
    after = files_of(out)
    changed = {name for name in after if before.get(name) != after[name]}
    assert before.keys() <= after.keys()
    assert report.changed == len(changed)
    of_papers = {name for name in changed if name.startswith("papers/") and name.endswith(".html")}
    assert len(of_papers) == 2  # the new one, and the one before it
    assert {name for name in of_papers if name not in before} == {
        name for name in of_papers if "one-more-map" in name
    }
    numbers = {name for name in changed if name.startswith("editions/") and name.endswith(".html")}
    assert numbers == {"editions/2.html", "editions/4.html"}
    assert {"index.html", "archive/2026-04.html", "feeds/all.atom", "topics/quantum.html"} <= changed
    assert "topics/circuits.html" not in changed


def test_grown_copy_is_like_a_new_one_but_for_related_papers(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    more_papers(site)
    build(site, out)
    fresh = out.with_name("fresh")
    build(site, fresh)
    grown, new = files_of(out), files_of(fresh)
    assert grown.keys() == new.keys()
    other = [name for name in new if grown[name] != new[name]]
    assert all(name.startswith("papers/") and name.endswith(".html") for name in other)


@pytest.mark.parametrize("how", ["dropped", "merged", "renamed"])
def test_page_of_a_paper_that_is_gone_goes(site: NewsletterSite, out: Path, how: str) -> None:
    build(site, out)
    with reading(site.newsletter.engine) as connection:
        chosen = select(papers.c.id, papers.c.title).order_by(papers.c.id).limit(2)
        first, second = connection.execute(chosen).all()
    page = f"{paper_path(first.id, first.title)[1:]}.html"
    assert (out / page).exists()
    if how == "dropped":
        dropped = update(edition_papers).where(edition_papers.c.paper_id == first.id)
        site.write(dropped.values(dropped_at=site.now))
    elif how == "merged":
        site.write(update(papers).where(papers.c.id == first.id).values(merged_into=second.id))
    else:
        site.write(update(papers).where(papers.c.id == first.id).values(title="Another Name for It"))
    build(site, out)
    assert not (out / page).exists()
    assert (out / f"papers/{first.id}.bib").exists() == (how == "renamed")
    assert [
        name for name in files_of(out) if name.endswith(".html") and page in (out / name).read_text()
    ] == []


def test_edition_that_is_held_goes(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    site.write(update(editions).where(editions.c.number == 2).values(held=True))
    build(site, out)
    assert not (out / "editions/2.html").exists()
    assert not (out / "editions/2.bib").exists()
    assert (out / "editions/1.html").exists()


@pytest.mark.parametrize("name", ["index.html", "notes.txt", ".hidden"])
def test_folder_with_files_of_somebody_else_is_refused(site: NewsletterSite, out: Path, name: str) -> None:
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(NewsletterError, match="holds files that no archive build made"):
        build(site, out)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "mine"


def test_files_that_somebody_adds_to_a_copy_stay(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    (out / "CNAME").write_text("papers.example.org\n")
    (out / "papers" / "mine.txt").write_text("mine")
    more_papers(site)
    build(site, out)
    assert (out / "CNAME").read_text() == "papers.example.org\n"
    assert (out / "papers" / "mine.txt").read_text() == "mine"


def test_build_that_failed_goes_on_where_it_stopped(site: NewsletterSite, out: Path) -> None:
    build(site, fresh := out.with_name("fresh"))
    StaticFolder.opened(out).finish()
    (out / "search.html").mkdir()  # no file can stand there
    with pytest.raises(NewsletterError, match="cannot write"):
        build(site, out)
    made = {path: path.stat().st_mtime_ns for path in (out / "papers").iterdir()}
    assert made
    (out / "search.html").rmdir()
    report = build(site, out)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert report.changed < report.pages / 4
    assert files_of(out) == files_of(fresh)


def test_folder_of_a_build_that_was_killed_is_still_ours(site: NewsletterSite, out: Path) -> None:
    killed = StaticFolder.opened(out)
    killed.keep("papers/1-half.html", "x", lambda: b"half")
    del killed  # nothing was remembered at its end
    build(site, out)
    build(site, fresh := out.with_name("fresh"))
    assert files_of(out) == files_of(fresh)


@pytest.mark.parametrize("memory", [b"", b"\x00\xff", b"{}", b"x" * 10_000])
def test_damaged_list_of_files_is_told_of(site: NewsletterSite, out: Path, memory: bytes) -> None:
    build(site, out)
    before = files_of(out)
    (out / MEMORY).write_bytes(memory)
    with pytest.raises(NewsletterError, match="is damaged"):
        build(site, out)
    assert files_of(out) == before


def test_damaged_notes_cost_time_alone(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    before = files_of(out)
    notes = list(out.glob(f"{MEMORY}-*"))
    assert notes
    for file in notes:
        file.write_bytes(b"\x00")
    build(site, out)
    assert files_of(out) == before


def test_damaged_and_missing_files_are_made_again(site: NewsletterSite, out: Path) -> None:
    build(site, out)
    before = files_of(out)
    for name in ("index.html", "editions/1.html", "search/words.js", "feeds/all.atom"):
        (out / name).unlink()
    build(site, out)
    assert files_of(out) == before


def test_addresses_are_those_of_the_folder_where_it_is_known(site: NewsletterSite, out: Path) -> None:
    build(site, out, base_url="https://papers.example.net/archive")
    feed = feedparser.parse((out / "feeds/all.atom").read_bytes())
    assert feed.feed.id == "https://papers.example.net/archive/feeds/all.atom"
    base = "https://papers.example.net/archive/"
    for entry in feed.entries:
        assert (out / unquote(urlsplit(urljoin(base, entry.link)).path.removeprefix("/archive/"))).exists()
    page = (out / "editions/1.html").read_text()
    assert f'<link rel="canonical" href="{base}editions/1.html">' in page


@pytest.mark.parametrize("held", [True, False])
def test_two_builds_into_one_folder_keep_apart(tmp_path: Path, held: bool) -> None:
    folder = tmp_path / "public"
    if held:
        with StaticFolder.opened(folder) as first:
            first.keep("index.html", None, lambda: b"x")
            with pytest.raises(NewsletterError, match="another build writes into"):
                StaticFolder.opened(folder)
        assert (folder / "index.html").read_bytes() == b"x"
    else:
        with pytest.raises(ValueError, match="broken"), StaticFolder.opened(folder):
            raise ValueError("broken")
    with StaticFolder.opened(folder) as after:
        after.keep("index.html", None, lambda: b"y")
        assert after.finish() == 1
