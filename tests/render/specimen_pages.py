"""Renders each kind of mail from specimens, for tests and for a look in a browser.

`python -m tests.render.specimen_pages FOLDER` writes each kind of mail there, such as digest.html and
digest.txt.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from newsletter.core.debts.digest_plan import DigestPlan
from newsletter.core.mail.values import Content
from newsletter.render.assembly import assemble
from newsletter.render.check import specimens
from newsletter.render.check.templates import joined
from newsletter.render.environment import MailEnvironment, templates_root
from newsletter.render.layout import Layout
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.transactional import render_transactional
from newsletter.render.view_models import Brand, PaperLine

BRAND = Brand(
    name="Paper Digest",
    footer="Made by hand & machine.",
    postal_address="1 Example Street, 10115 Berlin",
    privacy_url="https://papers.example/privacy",
)
COMPOSED_AT = datetime(2026, 4, 17, 5, tzinfo=UTC)
BUSY = specimens.plan(
    {"circuits": 3, "quantum": 1, "everything": 2}, note="A quiet week.\nRead on.", extras=True
)


def digest(plan: DigestPlan = BUSY, *, overrides: tuple[Path, ...] = (), brand: Brand = BRAND) -> Content:
    layout = Layout(MailEnvironment(overrides), brand=brand, topics=specimens.topics())
    layout.prepare(
        specimens.cards(),
        specimens.papers(),
        maybe=specimens.cards(),
        new_versions=specimens.new_versions(),
    )
    return assemble(layout, plan, specimens.papers(), composed_at=COMPOSED_AT)


def transactional(kind: str, *, brand: Brand = BRAND, papers: Sequence[PaperLine] | None = None) -> Content:
    """A transactional mail. papers: by default five specimens, for a kind that shows papers."""
    shown = (
        tuple(specimens.paper_lines()[:5] if papers is None else papers)
        if TRANSACTIONAL_KINDS[kind].shows_papers
        else ()
    )
    return render_transactional(
        MailEnvironment(),
        brand=brand,
        kind=kind,
        date=COMPOSED_AT,
        topics={paper.topic.slug: paper.topic for paper in shown},
        context={"papers": shown},
    )


def pages(content: Content, my: Mapping[str, str] = specimens.READER_VALUES) -> tuple[str, str]:
    """(html, text) in a reader's mail program."""
    values = {**content.values, **my}
    return joined(content.html, values, markup=True), joined(content.text, values, markup=False)


def kinds() -> list[str]:
    """The kinds of mail that there is a folder of templates for."""
    return sorted(path.parent.name for path in templates_root().glob("email/*/html.j2"))


@cache
def mails() -> dict[str, tuple[str, str]]:
    """(html, text) of every kind of mail, by kind."""
    return {kind: pages(digest() if kind == "digest" else transactional(kind)) for kind in kinds()}


def html_of_mails() -> dict[str, str]:
    """The HTML of every kind of mail, by kind."""
    return {kind: html for kind, (html, _) in mails().items()}


if __name__ == "__main__":
    for name, shown in mails().items():
        for suffix, part in zip((".html", ".txt"), shown, strict=True):
            Path(sys.argv[1], f"{name}{suffix}").write_text(part, "utf-8")
