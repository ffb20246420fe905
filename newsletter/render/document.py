"""Renders one document of a mail: renders its template, inlines its styles, checks its slots.

It knows neither papers nor pieces. Layouts and transactional mail use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.quoted_printable import encode_piece
from newsletter.render.css_inliner import inlined
from newsletter.render.environment import MailEnvironment
from newsletter.render.slot_contexts import misplaced_slot
from newsletter.render.slots import SLOT_NAMES, SlotMarker, SlotNamespace
from newsletter.render.topic_colors import shades_of
from newsletter.render.view_models import Brand, TopicView


def shared_context(
    brand: Brand, topics: Mapping[str, TopicView], *, slots: Mapping[str, frozenset[str]] = SLOT_NAMES
) -> dict[str, Any]:
    """The variables of every template of a mail. slots: the names in each of its name spaces."""
    spaces = {space: SlotNamespace(space, names) for space, names in slots.items()}
    return {"brand": brand, "topics": topics, "accent": shades_of(brand.accent), **spaces}


def render_document(environment: MailEnvironment, folder: str, part: str, context: Mapping[str, Any]) -> str:
    """The document `<folder>/<part>.j2`; html is inlined. Raises ConfigurationError with the template."""
    document = environment.part(f"{folder}/{part}.j2", context)
    if part != "html":
        return document
    document = inlined(document)
    wrong = misplaced_slot(document, environment.slot_marker)
    if wrong is not None:
        raise ConfigurationError(
            f"the templates in {folder} cannot be used: {wrong}",
            hint="Print it as text, or as the start of a link's href.",
            template=f"{folder}/html.j2",
        )
    return document


def encode_part(slot_marker: SlotMarker, folder: str, text: str) -> bytes:
    """A part of a document, encoded, with its slots. Raises ConfigurationError for a damaged slot."""
    if slot_marker.word[:9] in slot_marker.pattern.sub("", text).lower():
        raise ConfigurationError(
            f"the templates in {folder} cannot be used: a slot was changed after it was printed",
            hint="What prints a slot (a macro, a block) takes no filter.",
            template=folder,
        )
    return encode_piece(text, slot_marker.pattern)
