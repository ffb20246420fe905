"""A newsletter with its pages: a real application, database and SMTP server, and a clock that tests set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from httpx2 import Response
from sqlalchemy import MetaData, select
from starlette.testclient import TestClient

from newsletter.db.engine import reading, writing
from newsletter.papers import known_topics
from newsletter.pipeline.content.digest_renderer import DigestRenderer, topic_views
from newsletter.pipeline.content.personalization import preferences_path
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers.policy import PER_READER, ReaderPolicy, RequestLimits
from newsletter.render.environment import MailEnvironment
from newsletter.render.view_models import Brand
from newsletter.scheduler.request_mailer import RequestMailer
from newsletter.web.app import make_app
from newsletter.web.site import Site
from subscribers import consent, queries
from subscribers.lifecycle import signup_choices
from subscribers.lifecycle.signup_choices import AskedChoice
from subscribers.limits import rates_of
from subscribers.queries import SubscriberView
from tests.pipeline.whole_newsletter import SUPPRESSION_KEY, WholeNewsletter, read
from tests.smtp_servers.recording import RecordingServer

START = datetime(2026, 4, 17, 12, tzinfo=UTC)
BRAND = Brand(name="Paper Digest", privacy_url="https://papers.example.org/privacy")
BASE = "http://localhost:8000"


class NewsletterSite:
    """The pages of one newsletter, with a visitor and the request mailer."""

    def __init__(
        self,
        folder: Path,
        server: RecordingServer,
        *,
        url: str | None = None,
        client_limit: str = "5/minute, 20/hour",
        unconfirmed_limit: str = "",
        keys: tuple[str, ...] = ("a key of the tests",),
        base: str = BASE,
        own_topics: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.base = base
        self.server = server
        self.now = START
        self.newsletter = WholeNewsletter(
            folder, port=server.port, brand=BRAND, url=url, own_topics=own_topics
        )
        self.newsletter.links = replace(self.newsletter.links, secret_keys=keys, base_url=base)
        self.newsletter.delivery_options = replace(
            self.newsletter.delivery_options, links=self.newsletter.links
        )
        environment = MailEnvironment()
        views = topic_views(list(self.newsletter.topics.values()))
        self.policy = ReaderPolicy(
            known_topics=tuple(self.newsletter.topics), suppression_key=SUPPRESSION_KEY
        )
        self.request_limits = RequestLimits(
            per_client=rates_of(client_limit),
            per_address=rates_of("1/hour, 3/day"),
            per_reader=rates_of(PER_READER),
            unconfirmed=rates_of(unconfirmed_limit),
        )
        self.site = Site(
            engine=self.newsletter.engine,
            base_url=base,
            state_dir=folder,
            brand=BRAND,
            topics=self.newsletter.topics,
            known_topics=known_topics.remember(
                self.newsletter.engine,
                {slug: topic.public for slug, topic in self.newsletter.topics.items()},
            ),
            views=views,
            policy=self.policy,
            request_limits=self.request_limits,
            links=self.newsletter.links,
            transactional_renderer=TransactionalRenderer(environment, brand=BRAND, topics=views),
            builder=self.newsletter.builder,
            sample_digest=self.newsletter.sample_digest,
            digest_renderer=DigestRenderer(
                environment,
                brand=BRAND,
                topics=[topic for topic in self.newsletter.topics.values() if topic.public],
            ),
            clock=lambda: self.now,
        )
        self.mailer = RequestMailer(
            self.newsletter.engine,
            options=self.newsletter.delivery_options,
            renderer=self.site.transactional_renderer,
            policy=self.policy,
            request_limits=self.request_limits,
            clock=lambda: self.now,
        )
        self.app = make_app(self.site)
        self.browser = self.visitor("192.0.2.1")

    def visitor(self, address: str) -> TestClient:
        """A browser at this network address."""
        return TestClient(self.app, base_url=BASE, client=(address, 50_000), raise_server_exceptions=False)

    def later(self, **span: float) -> None:
        """Set the clock forward."""
        self.now += timedelta(**span)

    def messages(self) -> list[ReceivedMail]:
        """The messages that the request mailer sends now."""
        before = len(self.server.accepted)
        while self.mailer.step():
            pass
        return [
            ReceivedMail(accepted.recipient, accepted.data, self.base)
            for accepted in self.server.accepted[before:]
        ]

    def mail(self) -> ReceivedMail:
        """The one message that the request mailer sends now."""
        (mail,) = self.messages()
        return mail

    # actions of a visitor

    def get(self, path: str, *, status: int = 200) -> str:
        """The text of a page, with this status."""
        answer = self.browser.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, *, status: int = 200, **fields: Any) -> str:
        """The page after sending a form; follows redirects."""
        answer = self.browser.post(path, data=fields)
        assert answer.status_code == status, answer.text
        return answer.text

    def sign_up(self, email: str, *topics: str, browser: TestClient | None = None, **fields: Any) -> Response:
        """Send the sign-up form, 30 seconds after it was opened."""
        chosen = browser or self.browser
        time = field_of(chosen.get("/").text, "form")
        self.later(seconds=30)
        data: dict[str, Any] = {"form": time, "email": email, "topics": list(topics), **fields}
        return chosen.post("/sign-up", data=data)

    def subscribed(self, email: str, *topics: str, **fields: Any) -> SubscriberView:
        """A person who signed up, confirmed and got the welcome."""
        self.sign_up(
            email, *topics, browser=self.visitor(f"192.0.2.{len(self.server.accepted) + 2}"), **fields
        )
        confirm = self.mail().link("/confirm/")
        self.later(minutes=1)
        self.post(confirm)
        self.messages()
        return self.person(email)

    # what is stored

    def person(self, email: str) -> SubscriberView:
        """The person with this address."""
        with reading(self.newsletter.engine) as connection:
            return queries.require(connection, email)

    def asked(self, email: str) -> AskedChoice:
        """What the person with this address asked for last."""
        with reading(self.newsletter.engine) as connection:
            person = queries.require(connection, email)
            return signup_choices.latest(connection, [person.id])[person.id]

    def preferences(self, person: SubscriberView) -> str:
        """The path of a person's preferences page."""
        return preferences_path(self.site.links, person.ref, now=self.now)

    def events(self, person: SubscriberView) -> list[tuple[str, str, list[Any]]]:
        """The consent events of a person: what, how, topics."""
        with reading(self.newsletter.engine) as connection:
            rows = consent.history(connection, person.id)
        return [(row["what"], row["how"], row["topics"]) for row in rows]

    def everything(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        tables = MetaData()
        with reading(self.newsletter.engine) as connection:
            tables.reflect(connection)
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in tables.sorted_tables
            }

    def write(self, statement: Any) -> None:
        """Change the database directly."""
        with writing(self.newsletter.engine) as connection:
            connection.execute(statement)


class ReceivedMail:
    """One received message."""

    def __init__(self, recipient: str, data: bytes, base: str = BASE) -> None:
        self.recipient = recipient
        self._base = base
        self.message = read(data)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    @property
    def html(self) -> str:
        body = self.message.get_body(("html",))
        assert body is not None
        return str(body.get_content())

    def paths(self) -> list[str]:
        """The paths of the links to our pages in the text part, in order."""
        return re.findall(re.escape(self._base) + r"(/\S+)", self.text)

    def link(self, start: str) -> str:
        """The path of the only link to a page that starts like this; files of the page do not count."""
        (found,) = {path for path in self.paths() if path.startswith(start) and not _is_file(path)}
        return found


def _is_file(path: str) -> bool:
    return path.endswith((".bib", ".ris"))


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "input" and attributes.get("name"):
            self.values.setdefault(str(attributes["name"]), attributes.get("value") or "")


def field_of(page: str, name: str) -> str:
    """The value of the first input with this name."""
    reader = _Fields()
    reader.feed(page)
    return reader.values[name]


def words_of(page: str) -> str:
    """The visible text of the main part of a page."""
    main = page.partition("<main>")[2].partition("</main>")[0]
    from html import unescape

    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())
