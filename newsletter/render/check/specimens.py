"""Provides papers, topics and values for checking templates, with odd characters and every part of a mail.

None of them is ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import product

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, NewVersion, PlannedPaper
from newsletter.core.states import Form, Role
from newsletter.render.topic_colors import assign, shades_of
from newsletter.render.view_models import PaperLine, PaperView, TopicView

TITLES = (
    "Learning to Size Analog Circuits",
    "A <b>bold</b> Claim & a “Quote”, with a\u202e Trick",
    "量子计算 and the Überblick: naïve μ-Architectures 🧠",
    "Spikes" + "0" * 60 + "WithoutASpace",
    "Short",
    "On the Many Ways to Say the Same, Part I: Theory",
    "On the Many Ways to Say the Same, Part II: Practice",
    "Qubits",
    "Transcoders Find Interpretable Circuits",
)
ABSTRACT = (
    "We study circuits, e.g. amplifiers by A. Smith et al., in 40 nm. They gain 3.5 dB <i>over</i> the rest. "
    "This matters since everything else is slower & larger; a link such as https://code.example/a-very-long"
    "-path/that/goes/on/and/on/without/any/space shows how it wraps. "
) * 3
LEAD = "They gain 3.5 dB <i>over</i> the rest."
READER_VALUES = {
    "greeting": "Good morning, Zoë <script>.",
    "because": "You get this daily at 07:00 (Europe/Berlin) & because you signed up for it.",
    "asked": "Somebody, hopefully <you> & nobody else, asked for it.",
    "unsubscribe_url": "https://papers.example/u/abc?x=1&y=2",
    "preferences_url": "https://papers.example/preferences/" + "t0ken" * 20,
    "pause_url": "https://papers.example/preferences/" + "t0ken" * 20 + "#pause",
    "web_url": "https://papers.example/digests/def",
    "reader_token": "r3ader.t0ken-_x",
    "confirm_url": "https://papers.example/confirm/ghi",
    "account_url": "https://papers.example/account/" + "t0ken" * 20,
    "undo_url": "https://papers.example/u/undo?x=1&y=2",
    "topics": "Circuits, Power grids & their “markets” and Quantum <b>",
    "first": "Your first digest comes on Friday 17 April at 07:00 (Europe/Berlin) & not before.",
}


def topics() -> dict[str, TopicView]:
    """Three built-in topics and one of an operator."""
    titles = {
        "circuits": "Circuits",
        "quantum": "Quantum",
        "power-grids": "Power grids & their “markets”",
        EVERYTHING: "Everything",
    }
    accents = assign([(slug, None) for slug in titles], everything=EVERYTHING)
    return {
        slug: TopicView(slug=slug, title=title, shades=shades_of(accents[slug]))
        for slug, title in titles.items()
    }


def papers() -> dict[int, PaperView]:
    """Papers with and without each of the things that a card may show."""
    return {
        number: PaperView(
            id=number,
            title=title,
            abstract=ABSTRACT if number % 5 else "",
            author_count=None if number % 3 == 0 else number,
            author_names=tuple(f"Author {letter}" for letter in "ABCDE") if number == 4 else (),
            organization="Institute <of> Things" if number % 3 == 0 else None,
            published_on=date(2024, 2, 29) if number % 2 else date(2026, 4, 1),
            comments=number if number % 2 else None,
            code_url="https://code.example/?a=1&b=2" if number % 2 else None,
            url="https://papers.example/é?q=1" if number % 4 == 0 else None,
            first_listed_on=date(2026, 4, 17) if number < 4 else date(2026, 4, 16),
            lead=LEAD if number % 5 and number != 2 else "",
            lead_span=(ABSTRACT.index(LEAD), ABSTRACT.index(LEAD) + len(LEAD)),
            page=f"https://papers.example/papers/{number}-a-slug" if number % 2 or number == 4 else "",
            is_private=number == 5,
            evidence={"circuits": ("analog circuit", "<b>", "sizing"), "quantum": ("qubit",)},
        )
        for number, title in enumerate(TITLES, 1)
    }


def paper_lines() -> tuple[PaperLine, ...]:
    """The papers for transactional mail."""
    shown = topics()
    return tuple(
        PaperLine(title=paper.title, url=paper.url, topic=topic)
        for paper, topic in zip(papers().values(), list(shown.values()) * len(papers()), strict=False)
    )


def cards() -> list[PlannedPaper]:
    """Every paper in every form and topic, and as a recap."""
    shown = [
        PlannedPaper(
            paper_id=paper,
            topic=topic,
            also_in=("quantum", "power-grids") if topic == "circuits" and paper % 2 else (),
            form=form,
            edition=12,
        )
        for forms in ((Form.FULL, Form.SHORT, Form.TITLE), (Form.ROW,))
        for topic, paper, form in product(topics(), papers(), forms)
    ]
    missed = [PlannedPaper(paper_id=paper, topic="circuits", role=Role.RECAP) for paper in papers()]
    return [*shown, *missed]


def new_versions() -> list[NewVersion]:
    """A line for every paper."""
    return [NewVersion(paper_id=paper, listed_on=date(2026, 4, 16)) for paper in papers()]


def plan(chosen: Mapping[str, int], *, note: str = "", extras: bool = False) -> DigestPlan:
    """A plan with these numbers of papers by topic. extras: with recaps, doubtful ones, one left out and
    new versions."""
    by_topic: dict[str, list[PlannedPaper]] = {}
    used: set[int] = set()
    for position, card in enumerate(cards()):
        found = by_topic.setdefault(card.topic, [])
        fresh = card.paper_id not in used and position % 3 == len(used) % 3
        if card.role is Role.NEWS and fresh and len(found) < chosen.get(card.topic, 0):
            found.append(card)
            used.add(card.paper_id)
    missed = tuple(card for card in cards() if card.role is Role.RECAP)
    rest = tuple(
        card
        for card in cards()
        if (card.topic, card.form) == ("quantum", Form.SHORT)
        and card.paper_id not in used.union(recap.paper_id for recap in missed[:2])
    )
    return DigestPlan(
        edition=12,
        date=date(2026, 4, 17),
        news=tuple(card for slug in topics() for card in by_topic.get(slug, ())),
        recaps=missed[:2] if extras else (),
        left_out=rest[-1:] if extras else (),
        maybe=rest[:2] if extras else (),
        note=note,
        new_versions=tuple(new_versions()[-2:]) if extras else (),
    )
