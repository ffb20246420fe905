"""Stored papers become mail: what a dump says stays text, and a digest stays within its size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, OwedPair, PlannedPaper, arrange
from newsletter.core.debts.fit_to_size import fit
from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.quoted_printable import SLOTS
from newsletter.core.mail.values import Content, Recipient
from newsletter.core.states import Form, Role
from newsletter.db.engine import reading, writing
from newsletter.db.schema import paper_topics, papers
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.message.headers import clean
from newsletter.pipeline.content.digest_renderer import DigestRenderer
from newsletter.render.archive_links import LiveLinks
from newsletter.render.check import specimens
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import key_of
from newsletter.render.view_models import Brand
from newsletter.topics.definitions import load_topics
from tests.delivery.message.odd_texts import INJECTIONS
from tests.marks import first_quick
from tests.pipeline.scenario import Scenario
from tests.pipeline.whole_newsletter import read

NOW = datetime(2026, 4, 17, 5, 0, tzinfo=UTC)
ABSTRACT = "A longer sentence of about eighty characters that an abstract might well be made of. " * 16
SEEN = {  # forms of that many papers, with every paper a card as long as there is room
    20: ["full"],
    60: ["full", "short"],
    130: ["row", "short", "title"],
    300: ["left", "title"],
}
ADA = Recipient(
    subscriber_id=7,
    address="ada@example.org",
    kind="digest",
    key="2026-04-17",
    my=specimens.READER_VALUES,
    unsubscribe_url="https://papers.example/u/abc",
)


@dataclass
class StoredPapers:
    """A renderer over stored papers."""

    scenario: Scenario
    renderer: DigestRenderer

    @classmethod
    def at(
        cls,
        folder: Path,
        *,
        brand: Brand | None = None,
        overrides: Sequence[Path] = (),
        public: Mapping[str, bool] | None = None,
        former: Mapping[str, bool] | None = None,
        cache_size: int = 2_000,
    ) -> StoredPapers:
        renderer = DigestRenderer(
            MailEnvironment(overrides),
            brand=brand or Brand(name="Paper Digest"),
            topics=tuple(
                replace(topic, public=(public or {}).get(slug, True)) for slug, topic in load_topics().items()
            ),
            links=LiveLinks(base_url="https://papers.example"),
            known_topics=former,
            cache_size=cache_size,
        )
        folder.mkdir(exist_ok=True)
        return cls(Scenario(folder), renderer)

    def paper(self, title: str, **values: Any) -> PlannedPaper:
        """A stored paper, shown in full under circuits."""
        card = PlannedPaper(paper_id=self.scenario.paper(title), topic="circuits", edition=1)
        if values:
            self.revise(card, **values)
        return card

    def revise(self, card: PlannedPaper, **values: Any) -> None:
        with writing(self.scenario.engine) as connection:
            connection.execute(update(papers).where(papers.c.id == card.paper_id).values(**values))

    def content(self, *news: PlannedPaper, **plan: Any) -> Content:
        with reading(self.scenario.engine) as connection:
            self.renderer.prepare(connection, (*news, *plan.get("recaps", ())))
        made = DigestPlan(edition=12, date=date(2026, 4, 17), news=news, **plan)
        return self.renderer.content(made, composed_at=NOW)

    def mail(self, *news: PlannedPaper, identity: Any = None, name: str = "", **plan: Any) -> EmailMessage:
        return read(assembled(self.content(*news, **plan), identity=identity, name=name))


def assembled(content: Content, *, identity: Any = None, name: str = "") -> bytes:
    settings: dict[str, Any] = {
        "sender": "Paper Digest <news@papers.example>",
        "base_url": "https://papers.example",
        "list_name": "Paper Digest",
        "secret_keys": ["secret key of the tests"],
    } | (identity or {})
    return MessageBuilder(SenderIdentity(**settings)).prepare(content).assemble(ADA._replace(name=name)).data


def shown(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_paper_that_changed_is_rendered_anew(tmp_path: Path) -> None:
    stored = StoredPapers.at(tmp_path)
    card, other = stored.paper("One title", comments=3), stored.paper("Another")
    before = stored.content(card, other)
    assert stored.content(card, other) == before
    stored.revise(card, comments=4, title="One title, revised")
    html = shown(read(assembled(stored.content(card, other))), "html")
    assert "One title, revised</a>" in html
    assert "4 comments" in html
    assert "One title</a>" not in html


def test_the_press_forgets_and_makes_anew(tmp_path: Path) -> None:
    stored = StoredPapers.at(tmp_path, cache_size=1)
    cards = [stored.paper(f"Title {number}") for number in range(4)]
    first = stored.content(*cards)
    for card in cards:
        stored.content(card)
    assert stored.content(*cards) == first


@pytest.mark.parametrize(
    ("prepared", "asked", "rendered"),
    [
        (("full", "row"), "full", {"full", "row"}),
        (("full", "row"), "row", {"full", "row"}),
        (("full", "row"), "short", {"full", "row", "short"}),
        (("full", "full"), "row", {"full", "row"}),
        (("row", "full"), "title", {"full", "row", "title"}),
    ],
)
def test_a_form_is_rendered_when_a_digest_needs_it_and_for_its_neighbours_too(
    tmp_path: Path, prepared: tuple[str, str], asked: str, rendered: set[str]
) -> None:
    stored = StoredPapers.at(tmp_path)
    cards = [
        replace(stored.paper(f"Title {number}", abstract=f"We show {number}."), form=Form(form))
        for number, form in enumerate(prepared)
    ]
    wanted = replace(cards[0], form=Form(asked))
    with reading(stored.scenario.engine) as connection:
        stored.renderer.prepare(connection, cards)
        size = stored.renderer.size(wanted)
        pieces = stored.renderer._layout.pieces
        assert {key[2] for key in pieces if key[0] == "card"} == rendered
        other = StoredPapers.at(tmp_path / "other").renderer
        other.prepare(connection, [wanted])
    assert other.size(wanted) == size
    alone = other._layout.pieces[key_of(wanted)]
    assert pieces[key_of(wanted)] == alone
    if Form(prepared[1]) is Form.FULL and asked in ("row", "title"):
        assert key_of(replace(cards[1], form=Form(asked))) in pieces


@pytest.mark.parametrize("payload", first_quick(INJECTIONS, 6))
def test_payloads_in_what_a_dump_or_a_brand_says_add_no_header(tmp_path: Path, payload: str) -> None:
    payload = payload.encode("utf-8", "replace").decode()  # no database takes a surrogate
    harmless = StoredPapers.at(tmp_path / "harmless")
    plain = harmless.mail(harmless.paper("A title"), identity={"list_name": "A list"}, name="Ada")
    stored = StoredPapers.at(
        tmp_path / "harm", brand=Brand(name=payload, footer=payload, postal_address=payload)
    )
    card = stored.paper(payload, organization=payload, abstract=payload, author_names=[payload])
    message = stored.mail(card, identity={"list_name": payload}, name=payload, note=payload)
    assert len(plain.keys()) == 14
    assert message.keys() == plain.keys()
    assert [part.keys() for part in message.iter_parts()] == [part.keys() for part in plain.iter_parts()]
    assert message["Subject"] == clean(payload)


SLOT_LIKE = (
    "\x00my.unsubscribe_url\x00",
    "\x00digest.note\x00",
    "{{ my.unsubscribe_url }}",
    "{% if my.greeting %}x{% endif %}",
    "zdeadbeefdeadbeef-my.unsubscribe_url-zdeadbeefdeadbeef",
    "<!--zdeadbeefdeadbeef piece0-->",
    "<!--zdeadbeefdeadbeef place-papers-->",
    "=00my.unsubscribe_url=00",
)


@pytest.mark.parametrize("text", SLOT_LIKE)
def test_what_looks_like_a_slot_is_text(tmp_path: Path, text: str) -> None:
    def slots(content: Content) -> list[list[bytes]]:
        return [SLOTS.findall(b"".join(part)) for part in (content.html, content.text)]

    def card(stored: StoredPapers, words: str) -> PlannedPaper:
        return stored.paper(words, abstract=words, organization=words, published_on=date(2026, 4, 16))

    harmless = StoredPapers.at(tmp_path / "harmless")
    expected = slots(harmless.content(card(harmless, "words"), note="words"))
    stored = StoredPapers.at(tmp_path / "odd", brand=Brand(name=text, footer=text, postal_address=text))
    content = stored.content(card(stored, text), note=text)
    assert slots(content) == expected
    assert b"\x00" not in assembled(content, name=text)
    message = read(assembled(content, name=text))
    plain = text.replace("\x00", "")
    assert shown(message, "plain").replace("\n", " ").count(plain.split()[0]) >= 4
    heading = re.search(r"<h3[^>]*><a[^>]*>(.*?)</a>", shown(message, "html"), re.DOTALL)
    assert heading is not None
    assert heading[1] == plain.replace("<", "&lt;").replace(">", "&gt;")


def test_html_of_a_dump_shows_as_text_and_scripts_are_no_links(tmp_path: Path) -> None:
    stored = StoredPapers.at(tmp_path)
    bad = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    card = stored.paper(
        f"Title {bad}",
        abstract=f"Abstract {bad}",
        organization=f"Org {bad}",
        url="javascript:alert(3)",
        code_url=" JaVaScRiPt:alert(4)",
    )
    recap = replace(stored.paper(f"Missed {bad}", url="data:text/html,x"), role=Role.RECAP)
    html = shown(stored.mail(card, recaps=(recap,), note=bad, name=bad), "html")
    assert re.findall(r"<(?:script|img)", html) == []
    assert (
        html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    )  # title, abstract, note, recap; the organisation is cut
    links = re.findall(r'href="([^"]*)"', html)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert len([link for link in links if link.startswith("https://huggingface.co/papers?q=")]) == 2


PRIVATE = {"circuits": False, "quantum": True}


@pytest.mark.parametrize(
    ("topics", "public", "linked"),
    [
        ({"circuits": "strong"}, {}, True),
        ({}, {}, True),
        ({"circuits": "strong"}, PRIVATE, False),
        ({"circuits": "maybe"}, PRIVATE, False),
        ({"circuits": "strong", "quantum": "strong"}, PRIVATE, True),
        ({"circuits": "strong", "quantum": "maybe"}, PRIVATE, False),
        ({"quantum": "strong"}, PRIVATE, True),
        ({}, PRIVATE, True),
    ],
)
def test_a_card_leads_to_the_page_of_its_paper_by_the_readers_own_link_where_it_is_private(
    tmp_path: Path, topics: dict[str, str], public: dict[str, bool], linked: bool
) -> None:
    stored = StoredPapers.at(tmp_path, public=public)
    card = stored.paper("A Circuit")
    with writing(stored.scenario.engine) as connection:
        connection.execute(delete(paper_topics))
        for topic, strength in topics.items():
            row = {"paper_id": card.paper_id, "topic": topic, "score": 0.9, "strength": strength}
            connection.execute(insert(paper_topics), {**row, "evidence": []})
    message = stored.mail(card)
    page = f"https://papers.example/papers/{card.paper_id}-a-circuit"
    for part, end in (("html", '"'), ("plain", "\n")):
        own = f"{page}?reader={specimens.READER_VALUES['reader_token']}"
        assert (page + end in shown(message, part), own + end in shown(message, part)) == (linked, not linked)


@pytest.mark.parametrize(
    ("former", "topics", "linked"),
    [
        ({"removed": False}, ["removed"], False),
        ({"removed": True}, ["removed"], True),
        ({"removed": False}, ["removed", "quantum"], True),
        ({"removed": False}, [], True),
        ({"removed": False, "quantum": False}, ["quantum"], True),
    ],
)
def test_a_topic_that_was_private_when_it_was_removed_stays_so_in_mail(
    tmp_path: Path, former: dict[str, bool], topics: list[str], linked: bool
) -> None:
    stored = StoredPapers.at(tmp_path, former=former)
    card = stored.paper("A Circuit")
    with writing(stored.scenario.engine) as connection:
        connection.execute(delete(paper_topics))
        for topic in topics:
            row = {"paper_id": card.paper_id, "topic": topic, "score": 0.9, "strength": "strong"}
            connection.execute(insert(paper_topics), {**row, "evidence": []})
    page = f"https://papers.example/papers/{card.paper_id}-a-circuit"
    assert (f'{page}"' in shown(stored.mail(card), "html")) == linked


@pytest.mark.parametrize(
    ("form", "abstract", "word"),
    [
        (Form.FULL, ABSTRACT, "Abstract, BibTeX, related"),
        (Form.SHORT, ABSTRACT, "Abstract, BibTeX, related"),
        (Form.ROW, ABSTRACT, "more</a>"),
        (Form.ROW, "", ""),
        (Form.TITLE, ABSTRACT, ""),
    ],
)
def test_rows_with_a_line_lead_to_the_page_of_their_paper(
    tmp_path: Path, form: Form, abstract: str, word: str
) -> None:
    stored = StoredPapers.at(tmp_path)
    card = replace(stored.paper("A Circuit", abstract=abstract), form=form)
    page = f"https://papers.example/papers/{card.paper_id}-a-circuit"
    message = stored.mail(card)
    assert [page in shown(message, part) for part in ("html", "plain")] == [bool(word)] * 2
    assert word in shown(message, "html")


def test_a_digest_of_300_papers_stays_within_its_size(tmp_path: Path) -> None:
    stored = StoredPapers.at(tmp_path)
    seen: dict[int, list[str]] = {}
    for count in (20, 60, 130, 300):
        pairs = [
            OwedPair(
                paper_id=stored.paper(
                    f"Paper {number} of many, with a title of a usual length", abstract=ABSTRACT
                ).paper_id,
                topic=("circuits", "quantum", EVERYTHING)[number % 3],
                score=1 - number / 1000,
                edition=1,
                place=number + 1,
                ready_at=NOW,
            )
            for number in range(count)
        ]
        news = arrange(pairs, topic_order=stored.renderer.topic_order)
        with reading(stored.scenario.engine) as connection:
            stored.renderer.prepare(connection, news)
        room = stored.renderer.budget((), "A note.")
        kept, left = fit(news, first=frozenset(), budget=room, maximum=None, size_of=stored.renderer.size)
        assert {card.paper_id for card in (*kept, *left)} == {pair.paper_id for pair in pairs}
        message = stored.mail(*kept, left_out=left, note="A note.")
        html = shown(message, "html")
        assert len(html.encode()) <= 90_000
        assert html.count("<h3") == len(kept)
        assert ("had no room here" in html) is bool(left)
        seen[count] = sorted({card.form.value for card in kept} | ({"left"} if left else set()))
    assert seen == SEEN
    assert len(html.encode()) > 77_000  # the room is used


def test_the_brand_changes_the_mail_without_touching_a_template(tmp_path: Path) -> None:
    brand = Brand(
        name='The "Daily" <Digest> & Co',
        accent="#0055aa",
        logo="https://papers.example/logo.png?a=1&b=2",
        footer="Made by <us> & friends.",
        postal_address="1 <Example> Street",
        subject="{name} No. {number}: {first}",
        language="de",
    )
    stored = StoredPapers.at(tmp_path, brand=brand)
    identity = {"list_name": brand.name, "reply_to": 'Käthe "K" <kaethe@bücher.example>'}
    message = stored.mail(stored.paper("A title"), identity=identity, note="Two\nlines & <more>.")
    assert message["Subject"] == 'The "Daily" <Digest> & Co No. 12: A title'
    assert message["Reply-To"].addresses[0].addr_spec == "kaethe@xn--bcher-kva.example"
    html, text = shown(message, "html"), shown(message, "plain")
    assert '<html lang="de">' in html
    assert re.search("border-top:4px solid #(0055aa|05a)", html)
    assert 'src="https://papers.example/logo.png?a=1&amp;b=2"' in html
    assert re.search(r"<h1[^>]*>The \"Daily\" &lt;Digest&gt; &amp; Co</h1>", html)
    for words in (
        "Made by &lt;us&gt; &amp; friends.",
        ", 1 &lt;Example&gt; Street",
        "Two<br>\nlines &amp; &lt;more&gt;.",
    ):
        assert words in html
    assert text.startswith('THE "DAILY" <DIGEST> & CO\nNo. 12 · Friday 17 April 2026\n')
    for words in ("Two\nlines & <more>.", "Made by <us> & friends.", ", 1 <Example> Street"):
        assert words in text


def test_an_operators_template_wins_and_a_broken_one_is_named(tmp_path: Path) -> None:
    own = tmp_path / "templates" / "email" / "digest"
    own.mkdir(parents=True)
    (own / "more.html.j2").write_text("<p>Patience: {{ digest.more }}</p>\n")
    stored = StoredPapers.at(tmp_path / "one", overrides=[tmp_path / "templates"])
    left = (replace(stored.paper("Later"), form=Form.LEFT),)
    html = shown(stored.mail(stored.paper("Now"), left_out=left), "html")
    assert "Patience: One more paper had no room here and leads your next digest." in html
    (own / "card.html.j2").write_text("<h3>{{ paper.title }}</h3>\n{{ paper.isbn }}\n")
    broken = StoredPapers.at(tmp_path / "two", overrides=[tmp_path / "templates"])
    with pytest.raises(ConfigurationError, match=r"email/digest/card\.html\.j2") as caught:
        broken.content(broken.paper("Now"))
    assert (caught.value.ids["template"], caught.value.ids["line"]) == ("email/digest/card.html.j2", 2)
