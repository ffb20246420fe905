"""A digest's layout: one real document that holds every piece, inlined once, then cut at its marks.

Template authors write ordinary Jinja: `html.j2` and `txt.j2` with places (`{{ place.papers }}`), and a
small template for each thing that repeats. Joining pieces to a digest is `newsletter.render.assembly`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from newsletter.core.debts.digest_plan import EVERYTHING, PlannedPaper
from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.quoted_printable import decoded_size
from newsletter.core.mail.text_wrap import columns
from newsletter.core.states import Role
from newsletter.render.document import encode_part, render_document, shared_context
from newsletter.render.environment import MailEnvironment
from newsletter.render.slots import TemplateSlot
from newsletter.render.view_models import Brand, PaperView, TopicView, nameless

PLACES = {  # what repeats, or may be missing, and the place where it stands
    "tallies": "tally",
    "tally": "tally",
    "note": "note",
    "section": "papers",
    "card": "papers",
    "more": "papers",
    "doubtful": "maybe",
    "maybe": "maybe",
    "recaps": "recaps",
    "recap": "recaps",
}
OF_PAPERS = ("card", "maybe", "recap")  # pieces that show one paper; its id follows in their keys
REST = "rest"  # closes the keys of the section for everything below other sections
REST_TITLE = "Everything else"
LABEL = 150  # pixels at most of a topic's title beside its bar; longer ones wrap
NEEDED = ("papers", "recaps", "maybe")  # places without which papers would be lost
Key = tuple[Any, ...]  # what a piece shows: ("section", slug), ("card", paper, form, topic, also in), …


@dataclass(frozen=True, slots=True)
class EncodedPiece:
    """An encoded stretch of both parts of a mail."""

    html: bytes
    text: bytes
    size: int  # bytes of its HTML once decoded


@dataclass(slots=True)
class LayoutFrame:
    """What stands around the pieces: stretches of mail, and the names of the places between them."""

    html: list[bytes | str] = field(default_factory=list)
    text: list[bytes | str] = field(default_factory=list)
    size: int = 0  # bytes of its HTML once decoded


def key_of(card: PlannedPaper, *, maybe: bool = False) -> Key:
    """The piece that shows a planned paper. maybe: among the doubtful ones."""
    if card.role is Role.RECAP:
        return ("recap", card.paper_id)
    return ("maybe" if maybe else "card", card.paper_id, card.form, card.topic, card.also_in)


class Layout:
    """The templates of one kind of mail, rendered for one brand and one set of topics."""

    def __init__(
        self,
        environment: MailEnvironment,
        *,
        brand: Brand,
        topics: Mapping[str, TopicView],
        kind: str = "digest",
    ) -> None:
        self.environment = environment
        self.brand = brand
        self.topics = topics
        self.folder = f"email/{kind}"
        self._shared = shared_context(brand, topics)
        self.pieces: dict[Key, EncodedPiece] = {}
        self.frame = LayoutFrame()

    def prepare(
        self,
        cards: Iterable[PlannedPaper],
        papers: Mapping[int, PaperView],
        *,
        maybe: Iterable[PlannedPaper] = (),
    ) -> None:
        """Make sure that there is a piece for each card. Raises ConfigurationError for a broken template."""
        wanted: dict[Key, dict[str, Any]] = {}
        keys = [
            *((key_of(card), card) for card in cards),
            *((key_of(card, maybe=True), card) for card in maybe),
        ]
        self._know_topics({card.topic for _, card in keys})
        if not self.frame.html:
            wanted |= self.furniture()
        for key, card in keys:
            if key not in self.pieces and key not in wanted:
                wanted[key] = self.context_of(card, papers[card.paper_id])
        if not wanted:
            return
        html_frame, html = self.cut(self.render("html", wanted), list(wanted))
        text_frame, text = self.cut(self.render("txt", wanted), list(wanted))
        for key in wanted:
            encoded = html.get(key, b"")  # a place that an operator's template leaves out
            self.pieces[key] = EncodedPiece(html=encoded, text=text.get(key, b""), size=decoded_size(encoded))
        if not self.frame.html:
            size = sum(decoded_size(part) for part in html_frame if isinstance(part, bytes))
            self.frame = LayoutFrame(html=html_frame, text=text_frame, size=size)

    def keep(self, papers: Container[int]) -> None:
        """Forget the pieces of all papers but these; they are made anew when they are wanted."""
        self.pieces = {
            key: piece for key, piece in self.pieces.items() if key[0] not in OF_PAPERS or key[1] in papers
        }

    def render(self, part: str, wanted: Mapping[Key, dict[str, Any]], *, marked: bool = True) -> str:
        """The whole document with the wanted pieces in their places; html is inlined.

        part: html or txt. marked: with the marks that it is cut at.
        """
        places: dict[str, list[str]] = {name: [] for name in PLACES.values()}
        for number, (key, context) in enumerate(wanted.items()):
            body = self.environment.part(f"{self.folder}/{key[0]}.{part}.j2", {**self._shared, **context})
            if marked:
                body = self._mark(f"piece{number}") + body + self._mark("end")
            places[PLACES[key[0]]].append(body)
        filled = {
            name: Markup(  # noqa: S704  # rendered by autoescaping templates just above
                (self._mark(f"place-{name}") if marked else "")
                + "".join(bodies)
                + (self._mark("placed") if marked else "")
            )
            for name, bodies in places.items()
        }
        return render_document(self.environment, self.folder, part, {**self._shared, "place": filled})

    def bare(self) -> str:
        """The HTML document with nothing in its places, before inlining: to look at its style sheets."""
        places = dict.fromkeys(PLACES.values(), "")
        return self.environment.part(f"{self.folder}/html.j2", {**self._shared, "place": places})

    def cut(self, document: str, keys: Sequence[Key]) -> tuple[list[bytes | str], dict[Key, bytes]]:
        """(frame, pieces) of a marked document; keys: of its pieces, as they were wanted."""
        mark = re.compile(f"<!--{self.environment.slot_marker.word} ([a-z]+)([0-9]*)(?:-([a-z]+))?-->")
        frame: list[bytes | str] = []
        pieces: dict[Key, bytes] = {}
        start, key = 0, None
        for found in mark.finditer(document):
            word, number, place = found.groups()
            if word == "piece":
                key, start = keys[int(number)], found.end()
            elif word == "end" and key is not None:
                pieces[key] = self._encoded(document[start : found.start()])
            elif word == "placed":
                start = found.end()
            else:
                frame += [self._encoded(document[start : found.start()]), place]
        frame.append(self._encoded(document[start:]))
        self._check_places([place for place in frame if isinstance(place, str)])
        return frame, pieces

    def context_of(self, card: PlannedPaper, paper: PaperView) -> dict[str, Any]:
        """What a card's template is handed."""
        seen_on = paper.seen_on
        return {
            "paper": paper,
            "topic": self.topics[card.topic],
            "also_in": [self.topics[slug] for slug in card.also_in if slug in self.topics],
            "form": card.form.value,
            "excerpt": paper.excerpt(card.form),
            "matched": paper.matched(card.topic),
            "is_old": seen_on is not None,
            "first_seen": TemplateSlot(f"digest.seen_{seen_on}") if seen_on is not None else "",
        }

    def furniture(self) -> dict[Key, dict[str, Any]]:
        """What every digest may need: a row and a heading for each topic, the note, other headings."""
        wanted: dict[Key, dict[str, Any]] = {
            (name,): {} for name in ("tallies", "note", "more", "doubtful", "recaps")
        }
        sections: dict[Key, TopicView] = {(slug,): topic for slug, topic in self.topics.items()}
        if EVERYTHING in self.topics:
            sections[(EVERYTHING, REST)] = replace(self.topics[EVERYTHING], title=REST_TITLE)
        widest = max((columns(topic.title) for topic in sections.values()), default=0)
        for names, topic in sections.items():
            slug = topic.slug
            count = TemplateSlot(f"digest.count_{slug}")
            wanted[("tally", *names)] = {
                "topic": topic,
                "count": count,
                "width": TemplateSlot(f"digest.width_{slug}"),
                "bar": TemplateSlot(f"digest.bar_{slug}"),
                "gap": " " * (widest - columns(topic.title)),
                "label_width": min(LABEL, 8 + 7 * widest),
            }
            wanted[("section", *names)] = {"topic": topic, "count": count}
        return wanted

    def _know_topics(self, slugs: Iterable[str]) -> None:
        """Make room for topics that are owed but no longer defined: they show under their slug."""
        gone = sorted(set(slugs).difference(self.topics))
        if gone:
            self.topics = {**self.topics, **{slug: nameless(slug) for slug in gone}}
            self._shared = shared_context(self.brand, self.topics)
            self.frame = LayoutFrame()  # holds the colours of all topics

    def _mark(self, word: str) -> str:
        return f"<!--{self.environment.slot_marker.word} {word}-->"

    def _encoded(self, text: str) -> bytes:
        return encode_part(self.environment.slot_marker, self.folder, text)

    def _check_places(self, found: Sequence[str]) -> None:
        for name in PLACES.values():
            if found.count(name) > 1 or (name in NEEDED and name not in found):
                fault = "twice" if name in found else "nowhere"
                raise ConfigurationError(
                    f"the templates in {self.folder} print {{{{ place.{name} }}}} {fault}",
                    hint="Print it once, in html.j2 and in txt.j2.",
                    template=self.folder,
                )
