"""A topic that is not defined any more: a private one stays private, a public one stays public."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from newsletter.db.engine import reading, writing
from newsletter.db.schema import edition_papers, known_topics, paper_topics, papers
from newsletter.papers import known_topics as known
from newsletter.papers.topic_matches import rematch
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from newsletter.web.app import make_app
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import (
    PLANTED,
    PRIVATE_PAPERS,
    PRIVATE_TOPIC,
    SURFACES,
    TOPICS,
    crawled,
    leaks,
    private_site,
    reader_of_private,
    token_of,
)
from tests.web.archive.static_copy import build, texts
from tests.web.newsletter_site import NewsletterSite

Tables = Mapping[str, Mapping[str, Any]]
REMOVED: Tables = {}
DISABLED: Tables = {PRIVATE_TOPIC: {**TOPICS[PRIVATE_TOPIC], "enabled": False}}
OPENED: Tables = {PRIVATE_TOPIC: {**TOPICS[PRIVATE_TOPIC], "public": True}}
TITLE = PRIVATE_PAPERS[0]["title"]


@pytest.fixture
def site(tmp_path: Path, server: RecordingServer) -> NewsletterSite:
    return private_site(tmp_path, server)


def restarted(site: NewsletterSite, tables: Tables) -> NewsletterSite:
    """The site after its settings were changed."""
    topics = load_topics(tables)
    site.site.topics = site.newsletter.topics = topics
    public = {slug: topic.public for slug, topic in topics.items()}
    site.site.known_topics = known.remember(site.newsletter.engine, public)
    site.app = make_app(site.site)
    site.browser = site.visitor("192.0.2.1")
    return site


def number_of(site: NewsletterSite) -> int:
    with reading(site.newsletter.engine) as connection:
        chosen = select(papers.c.id).where(papers.c.title == TITLE)
        return int(connection.execute(chosen).scalar_one())


@pytest.mark.parametrize("is_matched_again", [False, True])
@pytest.mark.parametrize("tables", [REMOVED, DISABLED], ids=["removed", "disabled"])
def test_a_private_topic_stays_private(
    site: NewsletterSite, tmp_path: Path, tables: Tables, *, is_matched_again: bool
) -> None:
    restarted(site, tables)
    if is_matched_again:
        with writing(site.newsletter.engine) as connection:
            rematch(connection, Matcher(site.newsletter.topics))
    found = crawled(site, [*SURFACES, *(f"/papers/{number}" for number in range(1, 60))])
    shown = {path: text for path, text in found.items() if not any(word[:4] in path for word in PLANTED)}
    assert leaks(shown) == []
    site.get(f"/papers/{number_of(site)}", status=404)
    build(site, tmp_path / "out")
    assert leaks(texts(tmp_path / "out")) == []


def test_a_public_topic_stays_public(site: NewsletterSite) -> None:
    restarted(site, OPENED)
    restarted(site, REMOVED)
    assert TITLE in site.get(f"/papers/{number_of(site)}")
    answer = site.browser.get("/search", params={"q": "zyxomantic lattices"})
    assert TITLE.split()[1] in answer.text
    assert PRIVATE_TOPIC not in answer.text
    site.get(f"/topics/{PRIVATE_TOPIC}", status=404)


def test_a_topic_that_was_never_stored_counts_as_private(site: NewsletterSite) -> None:
    site.write(delete(known_topics))
    restarted(site, REMOVED)
    site.get(f"/papers/{number_of(site)}", status=404)


def test_a_removed_topic_can_come_back_as_public(site: NewsletterSite) -> None:
    restarted(restarted(site, REMOVED), OPENED)
    assert TITLE in site.get(f"/papers/{number_of(site)}")


def test_its_readers_still_find_its_papers(site: NewsletterSite) -> None:
    token = token_of(site, reader_of_private(site))
    restarted(site, REMOVED)
    assert TITLE in site.get(f"/papers/{number_of(site)}?reader={token}")
    page = site.get(f"/search?q=zyxomantic&reader={token}")
    assert f"/topics/{PRIVATE_TOPIC}" not in page


def test_another_public_topic_shows_its_papers(site: NewsletterSite) -> None:
    number = number_of(site)
    row = {"topic": "quantum", "score": 1.0, "strength": "strong", "evidence": []}
    site.write(paper_topics.insert().values(paper_id=number, by="admin", **row))
    restarted(site, REMOVED)
    assert TITLE in site.get(f"/papers/{number}")


def test_an_editor_can_take_a_paper_out_of_a_private_topic(site: NewsletterSite) -> None:
    number = number_of(site)
    site.write(delete(paper_topics).where(paper_topics.c.paper_id == number))
    site.get(f"/papers/{number}", status=404)  # changed rules publish nothing
    pair = (edition_papers.c.paper_id == number, edition_papers.c.topic == PRIVATE_TOPIC)
    site.write(update(edition_papers).where(*pair).values(withdrawn_at=site.now))
    assert TITLE in site.get(f"/papers/{number}")


def test_postgresql_keeps_it_private(tmp_path: Path, server: RecordingServer, postgres_url: str) -> None:
    site = private_site(tmp_path, server, url=postgres_url)
    restarted(restarted(site, OPENED), REMOVED)
    assert TITLE in site.get(f"/papers/{number_of(site)}")
    restarted(restarted(site, TOPICS), REMOVED)
    site.get(f"/papers/{number_of(site)}", status=404)
    found = crawled(site, SURFACES)
    shown = {path: text for path, text in found.items() if not any(word[:4] in path for word in PLANTED)}
    assert leaks(shown) == []
    build(site, tmp_path / "out")
    assert leaks(texts(tmp_path / "out")) == []
    site.newsletter.engine.dispose()
