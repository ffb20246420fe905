"""Mails that repeat nothing: a confirmation, a link that was asked for. One folder of templates each.

`email/<kind>/` holds html.j2, txt.j2 and subject.txt.j2; what is personal is printed by `{{ my.… }}`.
"""

from __future__ import annotations

from datetime import datetime

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail import Content
from newsletter.render.environment import MailEnvironment
from newsletter.render.page import page, shared_context, stretch
from newsletter.render.views import Brand


def letter(environment: MailEnvironment, *, brand: Brand, kind: str, date: datetime) -> Content:
    """The content of one kind of mail. date: the Date header. Raises ConfigurationError."""
    folder = f"email/{kind}"
    context = shared_context(brand, {})
    subject = " ".join(environment.part(f"{folder}/subject.txt.j2", context).split())
    if environment.ink.word in subject:
        raise ConfigurationError(
            f"the template {folder}/subject.txt.j2 cannot be used: it prints a slot",
            hint="All who get this mail share its subject.",
            template=f"{folder}/subject.txt.j2",
        )
    html, text = (page(environment, folder, part, context) for part in ("html", "txt"))
    return Content(
        subject=subject,
        date=date,
        html=(stretch(environment.ink, folder, html + "\n"),),
        text=(stretch(environment.ink, folder, text),),
    )
