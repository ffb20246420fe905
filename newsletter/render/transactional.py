"""Renders transactional mail: a confirmation, a requested link, a welcome. It renders no digest.

`email/<kind>/` holds html.j2, txt.j2 and subject.txt.j2; `{{ my.… }}` prints personal values. The slots of
each kind are in `newsletter.render.mail_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.values import Content
from newsletter.render.document import encode_part, render_document, shared_context
from newsletter.render.environment import MailEnvironment
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.view_models import Brand, TopicView


def render_transactional(
    environment: MailEnvironment,
    *,
    brand: Brand,
    kind: str,
    date: datetime,
    topics: Mapping[str, TopicView] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Content:
    """The content of one kind of mail. Raises ConfigurationError.

    date: the Date header. topics: by slug, for the colours of the style sheet. context: further variables of
    the templates, plain values that all readers of this content share (`papers`: PaperLine, for a welcome).
    """
    folder = f"email/{kind}"
    slots = {
        "my": TRANSACTIONAL_KINDS[kind].slots if kind in TRANSACTIONAL_KINDS else frozenset(),
        "digest": frozenset[str](),
    }
    variables = {**shared_context(brand, topics or {}, slots=slots), "papers": (), **(context or {})}
    subject = " ".join(environment.part(f"{folder}/subject.txt.j2", variables).split())
    if environment.slot_marker.word in subject:
        raise ConfigurationError(
            f"the template {folder}/subject.txt.j2 cannot be used: it prints a slot",
            hint="All who get this mail share its subject.",
            template=f"{folder}/subject.txt.j2",
        )
    html, text = (render_document(environment, folder, part, variables) for part in ("html", "txt"))
    return Content(
        subject=subject,
        date=date,
        html=(encode_part(environment.slot_marker, folder, html + "\n"),),
        text=(encode_part(environment.slot_marker, folder, text),),
    )
