from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, PlannedPaper
from newsletter.core.mail.quoted_printable import SLOTS, decoded_size
from newsletter.core.mail.text_wrap import columns
from newsletter.core.states import Form, Role
from newsletter.render.assembly import HTML_LIMIT, SLOT_RESERVE, assemble, budget, minutes
from newsletter.render.check import specimens
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import Layout, key_of
from newsletter.render.slots import SLOT_NAMES
from newsletter.render.view_models import PaperView
from tests.render.specimen_pages import BRAND, BUSY, COMPOSED_AT, digest, pages

HTML, TEXT = pages(digest())


class Outline(HTMLParser):
    """Headings and links of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headings: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []
        self._open: list[str] = []
        self._href = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h1", "h2", "h3"):
            self._open.append(tag)
            self.headings.append((tag, ""))
        if tag == "a":
            self._href = dict(attrs).get("href") or ""
            self.links.append((self._href, ""))

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag == self._open[-1]:
            self._open.pop()
        if tag == "a":
            self._href = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, text = self.headings[-1]
            self.headings[-1] = (tag, " ".join((text + data).split()))
        if self._href:
            href, text = self.links[-1]
            self.links[-1] = (href, text + data)


def test_html_shows_every_paper_under_its_topic_with_its_link() -> None:
    papers, topics = specimens.papers(), specimens.topics()
    expected = [("h1", "Paper Digest")]
    section = ""
    for card in BUSY.news:
        if card.topic != section:
            section = card.topic
            expected.append(("h2", "Everything else" if section == EVERYTHING else topics[section].title))
        expected.append(("h3", papers[card.paper_id].title.replace("\u202e", "")))
    expected.append(("h2", "Perhaps also yours"))
    expected += [("h3", papers[card.paper_id].title) for card in BUSY.maybe]
    expected.append(("h2", "In case you missed it"))
    expected += [("h3", papers[card.paper_id].title.replace("\u202e", "")) for card in BUSY.recaps]
    expected.append(("h2", "New versions of papers you had"))
    expected += [("h3", papers[line.paper_id].title) for line in BUSY.new_versions]
    outline = Outline(HTML)
    assert outline.headings == expected
    links = {text: href for href, text in outline.links}
    assert links["Learning to Size Analog Circuits"] == (
        "https://huggingface.co/papers?q=Learning+to+Size+Analog+Circuits"
    )


def test_html_of_a_dump_shows_as_text() -> None:
    assert "A &lt;b&gt;bold&lt;/b&gt; Claim &amp; a “Quote”, with a Trick" in HTML
    assert "&lt;i&gt;over&lt;/i&gt;" in HTML
    sixth = PlannedPaper(paper_id=6, topic="circuits")
    assert "Institute &lt;of&gt; Things" in pages(digest(replace(BUSY, news=(sixth,))))[0]
    assert "Good morning, Zoë &lt;script&gt;." in HTML
    assert "<script" not in HTML
    assert "\u202e" not in HTML + TEXT


def test_unsubscribe_link_is_near_the_top_and_at_the_foot() -> None:
    link = specimens.READER_VALUES["unsubscribe_url"].replace("&", "&amp;")
    assert HTML.count(f'href="{link}"') == 2
    assert HTML.index(link) < HTML.index("<h2")
    assert specimens.READER_VALUES["unsubscribe_url"] in TEXT


def test_text_is_complete_and_fits_a_terminal() -> None:
    papers = specimens.papers()
    for card in (*BUSY.news, *BUSY.maybe, *BUSY.recaps, *BUSY.new_versions):
        title = papers[card.paper_id].title.replace("\u202e", "")
        assert "".join(title.split()) in "".join(TEXT.split())
        assert papers[card.paper_id].link in TEXT
    long = [line for line in TEXT.split("\n") if columns(line) > 76 and "https://" not in line]
    assert long == ["Spikes" + "0" * 60 + "WithoutASpace"] * long.count("Spikes" + "0" * 60 + "WithoutASpace")
    assert "\n\n\n\n" not in TEXT


def test_text_of_a_small_digest() -> None:
    plan = specimens.plan({"quantum": 1})
    (card,) = plan.news
    assert (card.paper_id, card.form) == (1, Form.FULL)
    _, text = pages(digest(plan))
    assert text[: text.index("  They gain")] == (
        "PAPER DIGEST\n"
        "No. 12 · Friday 17 April 2026\n"
        "Unsubscribe: https://papers.example/u/abc?x=1&y=2\n\n"
        "Good morning, Zoë <script>.\n"
        "One new paper in the topics you follow, with code: about a minute.\n\n\n"
        "QUANTUM\n"
        f"{'-' * 76}\n\n"
        "Learning to Size Analog Circuits\n"
        "  1 author · 29 Feb 2024\n"
        "  new on this list\n"
        "  Search: https://huggingface.co/papers?q=Learning+to+Size+Analog+Circuits\n"
        "  Abstract, BibTeX, related: https://papers.example/papers/1-a-slug\n"
        "  Code: https://code.example/?a=1&b=2\n\n"
    )


@pytest.mark.parametrize(
    ("paper_id", "form", "shown", "hidden"),
    [
        (1, Form.FULL, ("lead", "rest", "ways-on"), ("abstract", "line")),
        (1, Form.SHORT, ("lead", "ways-on"), ("rest", "abstract", "line")),
        (1, Form.ROW, ("row", "line"), ("lead", "rest", "ways-on", "meta")),
        (1, Form.TITLE, ("row",), ("line", "lead", "rest", "ways-on", "meta")),
        (2, Form.FULL, ("abstract",), ("lead", "rest")),  # no sentence could be the lead
        (5, Form.FULL, ("meta",), ("lead", "rest", "abstract")),  # no abstract
        (5, Form.ROW, ("row",), ("line",)),
    ],
)
def test_a_card_has_the_parts_of_its_form(
    paper_id: int, form: Form, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    card = PlannedPaper(paper_id=paper_id, topic="quantum", form=form)
    html, text = pages(digest(replace(specimens.plan({}), news=(card,))))
    assert [name for name in shown if f'class="{name}' not in html] == []
    assert [name for name in hidden if f'class="{name}' in html] == []
    paper = specimens.papers()[paper_id]
    assert not paper.lead or (paper.lead in text) == (form is not Form.TITLE)
    for line in (paper.rest(form), paper.page if form is Form.FULL else ""):
        assert " ".join(line.split()) in " ".join(text.split())


def test_the_tally_leads_to_the_sections_and_each_section_back() -> None:
    html, _ = pages(digest())
    jumps = re.findall(r'<a class="jump" href="#([a-z-]+)"', html)
    assert jumps == ["in-circuits", "in-quantum", "in-everything"]
    assert re.findall(r'<a class="over" href="#([a-z-]+)"', html) == jumps  # the bars
    assert (
        re.findall(
            r'<a name="(in-[a-z-]+)" id="\1" href="#\1" aria-hidden="true" tabindex="-1"></a><h2', html
        )
        == jumps
    )
    assert html.count('class="up" href="#top"') == len(jumps)
    assert html.index('<a name="top" id="top"') < html.index('class="tally')


def test_rows_are_announced_below_the_cards_of_their_section() -> None:
    def some(topic: str, ids: Sequence[int], form: Form) -> list[PlannedPaper]:
        return [PlannedPaper(paper_id=number, topic=topic, form=form) for number in ids]

    news = (
        *some("quantum", [1, 3], Form.FULL),
        *some("quantum", [4, 6, 7], Form.ROW),
        *some("power-grids", [8], Form.ROW),
        *some(EVERYTHING, [9], Form.SHORT),
        *some(EVERYTHING, [2], Form.TITLE),
    )
    for part in pages(digest(replace(specimens.plan({}), news=news))):
        assert re.findall(r"(?:Three|Four|One|Two) more[ \w]*", part) == [
            "Three more in Quantum",
            "One more",
        ]


def test_the_time_to_read_grows_with_what_is_shown() -> None:
    def minutes_of(form: Form, count: int) -> int:
        papers, cards = _many(count)
        layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
        layout.prepare(cards, papers)
        news = tuple(card for card in cards if card.form is form)
        return minutes(layout, DigestPlan(edition=1, date=BUSY.date, news=news))

    assert minutes_of(Form.TITLE, 1) == 1
    assert minutes_of(Form.FULL, 100) > minutes_of(Form.ROW, 100) > minutes_of(Form.TITLE, 100) > 1
    assert minutes_of(Form.TITLE, 100) == round(100 * 6 / 230)


def test_a_card_says_when_it_was_first_seen() -> None:
    assert "29 Feb 2024 · new on this list" in HTML
    other = replace(BUSY, date=BUSY.date.replace(day=18))
    html, text = pages(digest(other))
    assert "29 Feb 2024 · listed 17 April" in html
    assert "listed 17 April" in text
    assert "new on this list" not in html + text


def test_a_tally_is_shown_only_for_several_topics() -> None:
    one, _ = pages(digest(specimens.plan({"quantum": 2})))
    two, _ = pages(digest(specimens.plan({"quantum": 2, "circuits": 1})))
    assert (one.count('class="tally'), two.count('class="tally')) == (0, 2)


def test_everything_is_everything_else_below_other_topics() -> None:
    alone = Outline(pages(digest(specimens.plan({EVERYTHING: 2})))[0])
    below, text = pages(digest(specimens.plan({EVERYTHING: 2, "quantum": 1})))
    assert [heading for tag, heading in alone.headings if tag == "h2"] == ["Everything"]
    assert [heading for tag, heading in Outline(below).headings if tag == "h2"] == [
        "Quantum",
        "Everything else",
    ]
    assert below.count("Everything else</a></td>") == 1  # next to its bar
    assert re.search(r"\n  Everything else +■■ 2\n", text)
    assert "\nEVERYTHING ELSE\n" in text


def test_a_removed_topic_shows_under_its_slug() -> None:
    layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
    papers = specimens.papers()
    layout.prepare([PlannedPaper(paper_id=1, topic="quantum")], papers)
    news = (PlannedPaper(paper_id=1, topic="quantum"), PlannedPaper(paper_id=2, topic="soft-robots"))
    layout.prepare(news, papers)
    plan = DigestPlan(edition=1, date=BUSY.date, news=news)
    html, text = pages(assemble(layout, plan, papers, composed_at=COMPOSED_AT))
    assert [heading for tag, heading in Outline(html).headings if tag == "h2"] == ["Quantum", "Soft robots"]
    assert ".in-soft-robots { color: " in html
    assert "SOFT ROBOTS" in text


def test_keep_only_renders_the_pieces_of_other_papers_again() -> None:
    layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
    papers = specimens.papers()
    cards = [PlannedPaper(paper_id=number, topic="quantum") for number in (1, 2)]
    layout.prepare(cards, papers)
    before = dict(layout.pieces)
    layout.keep_only({2})
    assert set(before) - set(layout.pieces) == {key_of(cards[0])}
    layout.prepare(cards, papers | {1: replace(papers[1], title="Another")})
    assert b"Another" in layout.pieces[key_of(cards[0])].html
    assert layout.pieces | {key_of(cards[0]): before[key_of(cards[0])]} == before


def test_a_digest_of_recaps_alone() -> None:
    missed = PlannedPaper(paper_id=1, topic="circuits", role=Role.RECAP)
    html, text = pages(digest(DigestPlan(edition=3, date=BUSY.date, news=(), recaps=(missed,))))
    assert Outline(html).headings == [
        ("h1", "Paper Digest"),
        ("h2", "In case you missed it"),
        ("h3", "Learning to Size Analog Circuits"),
    ]
    assert "Nothing new today, but an earlier mail to you may not have arrived." in text


def test_assemble_uses_only_known_slots_and_fills_all_of_the_digests() -> None:
    content = digest()
    used = {name.decode() for part in (content.html, content.text) for name in SLOTS.findall(b"".join(part))}
    personal = {name for name in used if name.startswith("my.")}
    assert personal == {f"my.{name}" for name in SLOT_NAMES["my"]}
    assert used - personal <= set(content.values)


def test_preparing_more_cards_renders_only_these() -> None:
    layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
    papers = specimens.papers()
    first, second = (PlannedPaper(paper_id=number, topic="circuits") for number in (1, 2))
    layout.prepare([first], papers)
    before = dict(layout.pieces)
    layout.prepare([first, second], papers)
    assert {key: piece for key, piece in layout.pieces.items() if key in before} == before
    assert set(layout.pieces) - set(before) == {key_of(second)}
    fresh = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
    fresh.prepare([second, first], papers)
    assert fresh.pieces == layout.pieces
    assert fresh.frame == layout.frame


def _many(count: int) -> tuple[dict[int, PaperView], list[PlannedPaper]]:
    plain = specimens.papers()[1]
    papers = {number: replace(plain, id=number, title=f"{number} {plain.title}") for number in range(count)}
    cards = [
        PlannedPaper(paper_id=number, topic="circuits", also_in=("quantum",), form=form)
        for number in papers
        for form in (Form.FULL, Form.SHORT, Form.ROW, Form.TITLE)
    ]
    return papers, cards


def test_sizes_keep_a_full_digest_below_the_limit() -> None:
    papers, cards = _many(60)
    layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
    layout.prepare(cards, papers)
    full, short, row, title = (layout.pieces[key_of(card)].size for card in cards[:4])
    assert full > short > row > title > 0
    room = budget(layout, [], "A note.")
    shown: list[PlannedPaper] = []
    for card in (card for card in cards if card.form is Form.FULL):
        room -= layout.pieces[key_of(card)].size
        if room < 0:
            break
        shown.append(card)
    plan = DigestPlan(edition=1, date=BUSY.date, news=tuple(shown), note="A note.")
    html, _ = pages(assemble(layout, plan, papers, composed_at=COMPOSED_AT))
    assert len(shown) >= 30
    assert HTML_LIMIT - 4 * SLOT_RESERVE < len(html.encode()) <= HTML_LIMIT
    assert sum(decoded_size(piece) for piece in layout.frame.html if isinstance(piece, bytes)) < 8_000


def test_new_versions_take_no_room_from_papers_and_leave_other_digests_as_they_are() -> None:
    papers, plan = specimens.papers(), specimens.plan({"circuits": 2, "quantum": 1})
    made: list[tuple[object, ...]] = []
    for lines in ((), specimens.new_versions()):
        layout = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
        layout.prepare(specimens.cards(), papers, new_versions=lines)
        made.append((budget(layout, (), ""), assemble(layout, plan, papers, composed_at=COMPOSED_AT)))
    assert made[0] == made[1]
    told = replace(plan, new_versions=tuple(specimens.new_versions()[:2]))
    assert told.key(COMPOSED_AT) != plan.key(COMPOSED_AT)
    html, text = pages(digest(told))
    for line in told.new_versions:
        assert papers[line.paper_id].link in text
        assert html.count("16 April 2026") == text.count("16 April 2026") == 2
