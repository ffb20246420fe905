"""A newsletter with a private topic and papers whose words occur nowhere else, to look for leaks.

Whoever adds a page, feed, export or file that shows stored papers adds its addresses to `SURFACES`, or hands
its text to `leaks`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from newsletter.pipeline.content.personalization import reader_token
from newsletter.render.archive_links import EXPORTS, FEEDS
from subscribers.queries import SubscriberView
from tests.browser.links import links_of
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import BASE, NewsletterSite

PRIVATE_TOPIC = "umbral-lore"
TOPICS: dict[str, dict[str, Any]] = {
    PRIVATE_TOPIC: {
        "title": "Umbral Lore",
        "description": "What only the plimsquat desk may read.",
        "strong": ["zyxomantic", "name every feature"],
        "public": False,
    }
}
# Words of the private papers and of the private topic; whoever finds one has found a leak.
PLANTED = ("zyxomantic", "quorvex", "vantagrey", "wobblethorpe", "umbral", "plimsquat", "2604.09999")
PRIVATE_PAPERS = [
    {
        "title": "Zyxomantic Quorvex Lattices for Language Models",
        "abstract": "Language models need circuits that nobody has drawn before, and so they fail on long "
        "inputs. We present zyxomantic lattices, a quorvex method that finds sparse features in models "
        "and shows which of them matter for a given answer of the model.",
        "authors": ["Ottoline Vantagrey"],
        "arxiv_id": "2604.09999",
        "organization": "Wobblethorpe",
    },
]
BOTH_TITLE = "Circuit Discovery With a Second Reader in Mind"
PUBLIC_TOO = {
    "title": BOTH_TITLE,
    "abstract": "Mechanistic interpretability asks which circuits of a language model do what. We find "
    "induction heads with sparse autoencoders, and name every feature twice.",
    "authors": ["Ada Lovelace"],
    "arxiv_id": "2604.08888",
}
SURFACES = (
    "/",
    "/archive",
    "/archive/2026-04",
    "/editions/1",
    "/editions/2",
    "/editions/3",
    "/topics/everything",
    "/topics/interpretability",
    f"/topics/{PRIVATE_TOPIC}",
    "/search",
    "/search?q=lattices",
    "/search?q=zyxo&typing=1",
    "/search?q=2604.09999",
    "/search?author=vantagrey",
    f"/search?topic={PRIVATE_TOPIC}",
    "/search?organization=wobblethorpe",
    *(f"/search.{suffix}?q=lattices" for suffix in (*EXPORTS, *FEEDS)),
    *(f"/topics/{PRIVATE_TOPIC}.{suffix}" for suffix in EXPORTS),
    *(f"/feeds/{PRIVATE_TOPIC}.{suffix}" for suffix in FEEDS),
    *(f"/editions/3.{suffix}" for suffix in EXPORTS),
    "/sitemap.xml",
    "/sitemaps/0.xml",
    "/sitemaps/1.xml",
    "/robots.txt",
    "/sample",
    "/embed",
    "/link",
    "/api/topics",
    "/api/openapi.json",
)


def private_site(
    folder: Path, server: RecordingServer, *, base: str = BASE, url: str | None = None
) -> NewsletterSite:
    """Edition 1 and 2 hold public papers; 2 also a private one; 3 holds nothing but a private one."""
    site = NewsletterSite(folder, server, base=base, url=url, own_topics=TOPICS, client_limit="")
    news = site.newsletter
    news.ingest_samples([13, 14])
    news.publish("2026-04-14T06:00")
    news.ingest_samples([15])
    mixed = [PUBLIC_TOO, {**PRIVATE_PAPERS[0], "title": "Zyxomantic Rings", "arxiv_id": "2604.09998"}]
    news.ingest(json.dumps(mixed).encode(), "2026-04-15-more.json", at="2026-04-15T05:30")
    news.publish("2026-04-15T06:00")
    news.ingest(json.dumps(PRIVATE_PAPERS).encode(), "2026-04-16-own.json", at="2026-04-16T05:00")
    news.publish("2026-04-16T06:00")
    return site


def reader_of_private(site: NewsletterSite, email: str = "ada@example.org") -> SubscriberView:
    """A reader whom the editors gave the private topic."""
    site.newsletter.reader(email, PRIVATE_TOPIC, "quantum", joined="2026-04-13T05:00")
    return site.person(email)


def token_of(site: NewsletterSite, person: SubscriberView) -> str:
    """What the reader's links to the archive carry."""
    return reader_token(site.site.links, person.ref, person.links_epoch, now=site.now)


def crawled(site: NewsletterSite, start: Iterable[str]) -> dict[str, str]:
    """The text and headers of every address that links reach from these, by path."""
    found: dict[str, str] = {}
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        answer = site.browser.get(path, follow_redirects=False)
        found[path] = f"{answer.headers}\n{answer.text}"
        if "location" in answer.headers:
            waiting.append(answer.headers["location"].removeprefix(site.base))
        if answer.headers.get("content-type", "").startswith("text/html"):
            inside = (
                link.removeprefix(site.base) for link in links_of(answer.text, base=f"{site.base}{path}")
            )
            waiting += [link for link in inside if link.startswith("/") and link not in found]
    return found


def leaks(texts: dict[str, str], *, asked: Iterable[str] = ()) -> list[str]:
    """`name: word` for every planted word in a text. asked: words that a page repeats from its address."""
    allowed = set(asked)
    return [
        f"{name}: {word}"
        for name, text in texts.items()
        for word in PLANTED
        if word not in allowed and word in text.lower()
    ]
