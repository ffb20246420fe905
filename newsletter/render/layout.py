"""Renders a digest's layout: one document with every piece, inlined once, then cut at its marks.

Template authors write ordinary Jinja: `html.j2` and `txt.j2` with places (`{{ place.papers }}`), and a small
template for each part that repeats. This module joins no digest (`newsletter.render.assembly` does).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from newsletter.core.debts.digest_plan import EVERYTHING, NewVersion, PlannedPaper
from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.quoted_printable import decoded_size
from newsletter.core.mail.text_wrap import columns
from newsletter.core.mail.values import SLOT
from newsletter.core.states import Form, Role
from newsletter.render.document import encode_part, render_document, shared_context
from newsletter.render.environment import MailEnvironment
from newsletter.render.slots import TemplateSlot
from newsletter.render.view_models import Brand, PaperView, TopicView, in_words, nameless

PLACES = {  # template of a part that repeats or may be missing, to its place in the document
    "tallies": "tally",
    "tally": "tally",
    "note": "note",
    "section": "papers",
    "card": "papers",
    "also": "papers",
    "more": "papers",
    "doubtful": "maybe",
    "maybe": "maybe",
    "recaps": "recaps",
    "recap": "recaps",
    "versions": "versions",
    "version": "versions",
}
PAPER_PIECES = ("card", "maybe", "recap", "version")  # show one paper; its id is second in their keys
EVERYTHING_ELSE = "rest"  # last in the keys of the section "Everything" when other sections are above it
EVERYTHING_ELSE_TITLE = "Everything else"
LABEL_WIDTH = 150  # pixels at most of a topic's title next to its bar; longer titles wrap
NEEDED_PLACES = ("papers", "recaps", "maybe")  # without them papers would not be shown
TOKEN_RESERVE = 120  # bytes for a reader's token in the link to a private paper
_TOKEN_SLOT = SLOT + b"my.reader_token" + SLOT
PieceKey = tuple[Any, ...]  # ("section", slug), ("card", paper id, form, topic, also in), …


@dataclass(frozen=True, slots=True)
class EncodedPiece:
    """A repeated part of a digest, encoded, as HTML and as text."""

    html: bytes
    text: bytes
    size: int  # bytes of its HTML once decoded
    words: int = 0  # of a paper, that its reader reads


@dataclass(slots=True)
class LayoutFrame:
    """The document around the pieces: encoded parts, and the names of the places between them."""

    html: list[bytes | str] = field(default_factory=list)
    text: list[bytes | str] = field(default_factory=list)
    size: int = 0  # bytes of its HTML once decoded


def key_of(card: PlannedPaper, *, maybe: bool = False) -> PieceKey:
    """The key of the piece that shows a planned paper. maybe: among the doubtful ones."""
    if card.role is Role.RECAP:
        return ("recap", card.paper_id)
    return ("maybe" if maybe else "card", card.paper_id, card.form, card.topic, card.also_in)


def key_of_version(line: NewVersion) -> PieceKey:
    """The key of the piece that tells of a new version."""
    return ("version", line.paper_id, line.listed_on)


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
        self.pieces: dict[PieceKey, EncodedPiece] = {}
        self.frame = LayoutFrame()

    def prepare(
        self,
        cards: Iterable[PlannedPaper],
        papers: Mapping[int, PaperView],
        *,
        maybe: Iterable[PlannedPaper] = (),
        new_versions: Iterable[NewVersion] = (),
    ) -> None:
        """Render the missing pieces of these cards. Raises ConfigurationError for a broken template."""
        wanted: dict[PieceKey, dict[str, Any]] = {}
        keys = [
            *((key_of(card), card) for card in cards),
            *((key_of(card, maybe=True), card) for card in maybe),
        ]
        self._add_missing_topics({card.topic for _, card in keys})
        if not self.frame.html:
            wanted |= self.fixed_pieces()
        for key, card in keys:
            if key not in self.pieces and key not in wanted:
                wanted[key] = self.context_of(card, papers[card.paper_id])
        for line in new_versions:
            key = key_of_version(line)
            if key not in self.pieces:
                wanted[key] = self.context_of_version(line, papers[line.paper_id])
        if not wanted:
            return
        html_frame, html = self.cut(self.render("html", wanted), list(wanted))
        text_frame, text = self.cut(self.render("txt", wanted), list(wanted))
        for key in wanted:
            encoded = html.get(key, b"")  # empty where an operator's template has no such place
            self.pieces[key] = EncodedPiece(
                html=encoded,
                text=text.get(key, b""),
                size=decoded_size(encoded) + TOKEN_RESERVE * encoded.count(_TOKEN_SLOT),
                words=_words(wanted[key]),
            )
        if not self.frame.html:
            size = sum(decoded_size(part) for part in html_frame if isinstance(part, bytes))
            self.frame = LayoutFrame(html=html_frame, text=text_frame, size=size)

    def keep_only(self, papers: Container[int]) -> None:
        """Drop the pieces of all other papers; they are rendered again when they are needed."""
        self.pieces = {
            key: piece for key, piece in self.pieces.items() if key[0] not in PAPER_PIECES or key[1] in papers
        }

    def render(self, part: str, wanted: Mapping[PieceKey, dict[str, Any]], *, marked: bool = True) -> str:
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
        """The HTML document with empty places, before inlining, for checks of its style sheets."""
        places = dict.fromkeys(PLACES.values(), "")
        return self.environment.part(f"{self.folder}/html.j2", {**self._shared, "place": places})

    def cut(self, document: str, keys: Sequence[PieceKey]) -> tuple[list[bytes | str], dict[PieceKey, bytes]]:
        """(frame, pieces) of a marked document. keys: of its pieces, in the order of rendering."""
        mark = re.compile(f"<!--{self.environment.slot_marker.word} ([a-z]+)([0-9]*)(?:-([a-z]+))?-->")
        frame: list[bytes | str] = []
        pieces: dict[PieceKey, bytes] = {}
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
        """The variables of a card's template."""
        seen_on = paper.seen_on
        return {
            "paper": paper,
            "topic": self.topics[card.topic],
            "also_in": [self.topics[slug] for slug in card.also_in if slug in self.topics],
            "form": card.form.value,
            "lead": paper.quoted_lead if card.form in (Form.FULL, Form.SHORT) else "",
            "rest": paper.rest(card.form),
            "line": paper.line(card.form),
            "excerpt": paper.excerpt(card.form),
            "matched": paper.matched(card.topic),
            "is_old": seen_on is not None,
            "listed": TemplateSlot(f"digest.listed_{seen_on}") if seen_on is not None else "",
            "first_seen": TemplateSlot(f"digest.seen_{seen_on}") if seen_on is not None else "",
        }

    def context_of_version(self, line: NewVersion, paper: PaperView) -> dict[str, Any]:
        """The variables of the template that tells of a new version."""
        return {"paper": paper, "listed_on": in_words(line.listed_on)}

    @property
    def shows_versions(self) -> bool:
        """Whether both documents have a place for new versions: an operator's older template may lack it."""
        return "versions" in self.frame.html and "versions" in self.frame.text

    def fixed_pieces(self) -> dict[PieceKey, dict[str, Any]]:
        """The pieces without papers, with their variables: a row and a heading for each topic, the note, …"""
        wanted: dict[PieceKey, dict[str, Any]] = {
            (name,): {} for name in ("tallies", "note", "more", "doubtful", "recaps", "versions")
        }
        sections: dict[PieceKey, TopicView] = {(slug,): topic for slug, topic in self.topics.items()}
        if EVERYTHING in self.topics:
            sections[(EVERYTHING, EVERYTHING_ELSE)] = replace(
                self.topics[EVERYTHING], title=EVERYTHING_ELSE_TITLE
            )
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
                "label_width": min(LABEL_WIDTH, 8 + 7 * widest),
            }
            wanted[("section", *names)] = {"topic": topic, "count": count}
        for slug in self.topics:
            wanted[("also", slug)] = {"also": TemplateSlot(f"digest.also_{slug}")}
        return wanted

    def _add_missing_topics(self, slugs: Iterable[str]) -> None:
        """Add topics of owed papers that are no longer defined; their slug serves as title."""
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
            if found.count(name) > 1 or (name in NEEDED_PLACES and name not in found):
                fault = "twice" if name in found else "nowhere"
                raise ConfigurationError(
                    f"the templates in {self.folder} print {{{{ place.{name} }}}} {fault}",
                    hint="Print it once, in html.j2 and in txt.j2.",
                    template=self.folder,
                )


def _words(context: Mapping[str, Any]) -> int:
    """Words of a paper in a piece; 0 for other pieces."""
    if "paper" not in context:
        return 0
    lead = context.get("lead") or context.get("line") or context.get("excerpt") or ""
    return sum(len(text.split()) for text in (context["paper"].title, lead, context.get("rest", "")))
