"""A digest's layout: one real document that holds every piece, inlined once, then cut at its marks.

Template authors write ordinary Jinja: `html.j2` and `txt.j2` with places (`{{ place.papers }}`), and a
small template for each thing that repeats. Joining pieces to a digest is `newsletter.render.assembly`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import TemplateError, TemplateNotFound
from markupsafe import Markup

from newsletter.core.errors import ConfigurationError
from newsletter.core.piece import decoded_size, encode_piece
from newsletter.core.plan import PlannedPaper
from newsletter.core.states import Form, Role
from newsletter.render.environment import MailEnvironment
from newsletter.render.inline import inlined
from newsletter.render.slots import NAMES, Slot, Space
from newsletter.render.views import Brand, PaperView, TopicView

PLACES = ("tally", "note", "papers", "recaps")
Key = tuple[Any, ...]  # what a piece shows: ("section", slug), ("card", paper, form, topic, also in), …


@dataclass(frozen=True, slots=True)
class Piece:
    """An encoded stretch of both parts of a mail."""

    html: bytes
    text: bytes
    size: int  # bytes of its HTML once decoded


@dataclass(slots=True)
class Frame:
    """What stands around the pieces: stretches of mail, and the names of the places between them."""

    html: list[bytes | str] = field(default_factory=list)
    text: list[bytes | str] = field(default_factory=list)
    size: int = 0  # bytes of its HTML once decoded


def key_of(card: PlannedPaper) -> Key:
    """The piece that shows a planned paper."""
    if card.role is Role.RECAP:
        return ("recap", card.paper_id)
    return ("card", card.paper_id, card.form, card.topic, card.also_in)


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
        self.pieces: dict[Key, Piece] = {}
        self.frame = Frame()

    def prepare(self, cards: Iterable[PlannedPaper], papers: Mapping[int, PaperView]) -> None:
        """Make sure that there is a piece for each card. Raises ConfigurationError for a broken template."""
        wanted: dict[Key, dict[str, Any]] = {}
        if not self.frame.html:
            wanted |= self._furniture()
        for card in cards:
            key = key_of(card)
            if key not in self.pieces and key not in wanted:
                wanted[key] = self._card(card, papers[card.paper_id])
        if not wanted:
            return
        html_frame, html = self._cut(self.render("html", wanted))
        text_frame, text = self._cut(self.render("txt", wanted))
        for key in wanted:
            piece = Piece(html=html[key], text=text[key], size=decoded_size(html[key]))
            self.pieces[key] = piece
        if not self.frame.html:
            size = sum(decoded_size(part) for part in html_frame if isinstance(part, bytes))
            self.frame = Frame(html=html_frame, text=text_frame, size=size)

    def render(self, part: str, wanted: Mapping[Key, dict[str, Any]], *, marked: bool = True) -> str:
        """The whole document with the wanted pieces in their places; html is inlined.

        part: html or txt. marked: with the marks that it is cut at.
        """
        self._keys = list(wanted)
        places: dict[str, list[str]] = {name: [] for name in PLACES}
        for number, (key, context) in enumerate(wanted.items()):
            body = self._part(f"{key[0]}.{part}.j2", context)
            name = {"tally": "tally", "note": "note", "recaps": "recaps", "recap": "recaps"}.get(
                key[0], "papers"
            )
            if marked:
                body = self._mark(f"piece{number}") + body + self._mark("end")
            places[name].append(body)
        filled = {
            name: Markup(  # noqa: S704  # rendered by autoescaping templates just above
                (self._mark(name) if marked else "")
                + "".join(bodies)
                + (self._mark("placed") if marked else "")
            )
            for name, bodies in places.items()
        }
        document = self._part(f"{part}.j2" if part == "txt" else "html.j2", {"place": filled})
        return inlined(document) if part == "html" else document

    def _part(self, name: str, context: Mapping[str, Any]) -> str:
        shared: dict[str, Any] = {"brand": self.brand, "topics": self.topics}
        for space, names in NAMES.items():
            shared[space] = Space(space, names)
        try:
            return self.environment.get_template(f"{self.folder}/{name}").render(**shared, **context)
        except TemplateNotFound as error:
            raise ConfigurationError(
                f"the template {error.name} is missing", hint="Restore it, or remove the override beside it."
            ) from error
        except TemplateError as error:
            place = f"{self.folder}/{name}"
            line = getattr(error, "lineno", None) or _line_of(error)
            raise ConfigurationError(
                f"the template {place} cannot be used (line {line}): {error.message}",
                hint="`newsletter templates check` tells more.",
            ) from error

    def _mark(self, word: str) -> str:
        return f"<!--{self.environment.ink.word} {word}-->"

    def _cut(self, document: str) -> tuple[list[bytes | str], dict[Key, bytes]]:
        mark = re.compile(f"<!--{self.environment.ink.word} ([a-z]+)([0-9]*)-->")
        frame: list[bytes | str] = []
        pieces: dict[Key, bytes] = {}
        start, piece = 0, None
        ink = self.environment.ink.pattern
        for found in mark.finditer(document):
            word, number = found.groups()
            if word == "piece":
                piece, start = int(number), found.end()
            elif word == "end" and piece is not None:
                pieces[self._keys[piece]] = encode_piece(document[start : found.start()], ink)
            elif word == "placed":
                start = found.end()
            else:
                frame += [encode_piece(document[start : found.start()], ink), word]
        frame.append(encode_piece(document[start:], ink))
        return frame, pieces

    def _furniture(self) -> dict[Key, dict[str, Any]]:
        """What every digest may need: a row and a heading for each topic, the note, the recaps' heading."""
        wanted: dict[Key, dict[str, Any]] = {("note",): {}, ("recaps",): {}}
        for slug, topic in self.topics.items():
            wanted[("tally", slug)] = {
                "topic": topic,
                "count": Slot(f"digest.count_{slug}"),
                "width": Slot(f"digest.width_{slug}"),
            }
            wanted[("section", slug)] = {"topic": topic}
        return wanted

    def _card(self, card: PlannedPaper, paper: PaperView) -> dict[str, Any]:
        return {
            "paper": paper,
            "topic": self.topics[card.topic],
            "also_in": [self.topics[slug] for slug in card.also_in if slug in self.topics],
            "form": card.form.value,
            "excerpt": paper.excerpt(card.form) if card.form is not Form.LEFT else "",
            "matched": paper.matched(card.topic),
        }


def _line_of(error: BaseException) -> int | str:
    """The template line that a runtime error came from, from its traceback."""
    line: int | str = "?"
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(".j2"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
