"""Checks templates: a digest joined from pieces must equal the same digest rendered whole and inlined.

A style that depends on neighbours (`:first-child`, `h3 + p`) breaks that, since a card is inlined once, among
all others. It reports faults and corrects nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from newsletter.core.debts.digest_plan import DigestPlan
from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.quoted_printable import SLOTS, UNPRINTABLE, decoded, encode_value
from newsletter.core.states import Form
from newsletter.render.assembly import assemble, places, values
from newsletter.render.check import specimens
from newsletter.render.check.css_lint import lost_selectors, neighbour_selectors
from newsletter.render.check.html_lint import html_faults
from newsletter.render.check.same_html import tokens
from newsletter.render.editor_note import rendered
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import Layout, PieceKey, key_of, key_of_version
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.transactional import render_transactional
from newsletter.render.view_models import Brand, PaperLine, PaperView, TopicView

COMPOSED_AT = datetime(2026, 4, 17, 5, tzinfo=UTC)
PLANS = (
    specimens.plan({"circuits": 3, "quantum": 1, "everything": 2}, note="One line.\nAnother.", extras=True),
    specimens.plan({"quantum": 1}),
    specimens.plan({"power-grids": 2, "circuits": 2}),
    specimens.plan({}, extras=True),
)

_RAW = re.compile(r"<b>bold</b>|<i>over</i>|Institute <of>")
_AS_MARKUP = "it prints a paper's words as markup: `| safe` is not for what comes from a listing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A fault in a template."""

    template: str  # file or folder below the folder of templates
    line: int | None = None  # 1-based, when it is known
    words: str

    def __str__(self) -> str:
        return f"{self.template}{f', line {self.line}' if self.line else ''}: {self.words}"


def check(
    environment: MailEnvironment, *, brand: Brand, topics: Mapping[str, TopicView] | None = None
) -> list[Problem]:
    """The faults in the mail templates; empty when there are none.

    topics: of this newsletter, for the colours of the style sheet.
    """
    subjects = {
        path.parent.name for root in environment.folders for path in root.glob("email/*/subject.txt.j2")
    }
    checks: list[tuple[str, Callable[[], list[Problem]]]] = [
        ("email/digest", lambda: check_digest(environment, brand=brand)),
        ("email/digest", lambda: _check_sheet(environment, brand, "email/digest", topics or {})),
        *(
            (f"email/{kind}", lambda kind=kind: check_transactional(environment, brand, kind))
            for kind in sorted(subjects)
        ),
    ]
    problems: list[Problem] = []
    broken = False
    for folder, one in checks:
        try:
            problems += one()
        except ConfigurationError as error:
            broken = True
            line = error.ids.get("line")
            problems.append(
                Problem(
                    template=str(error.ids.get("template", folder)),
                    line=line if isinstance(line, int) else None,
                    words=error.message.partition(" cannot be used: ")[2] or error.message,
                )
            )
    if not broken:  # after a fault, further templates were not loaded
        problems += _unused(environment)
    return list(dict.fromkeys(problems))


def check_transactional(environment: MailEnvironment, brand: Brand, kind: str) -> list[Problem]:
    """The faults in one kind of transactional mail. Raises ConfigurationError where it cannot be rendered."""
    if kind not in TRANSACTIONAL_KINDS:
        return []  # its files are reported as unused
    problems: list[Problem] = []
    papers = specimens.paper_lines() if TRANSACTIONAL_KINDS[kind].shows_papers else ()
    for shown in {(), papers}:
        content = render_transactional(
            environment,
            brand=brand,
            kind=kind,
            date=COMPOSED_AT,
            topics=specimens.topics(),
            context={"papers": shown},
        )
        problems += _faults(kind, "html", content.html, shown) + _faults(kind, "txt", content.text, shown)
    return list(dict.fromkeys(problems))


def _faults(kind: str, part: str, pieces: Iterable[bytes], papers: Iterable[PaperLine]) -> list[Problem]:
    """The faults in one part of transactional mail with these papers."""
    document = joined(pieces, specimens.READER_VALUES, markup=part == "html")
    page = html.unescape(document) if part == "html" else document
    words: list[str] = []
    if part == "html":
        words += html_faults(document)
        if _RAW.search(document):
            words.append(_AS_MARKUP)
    words += [
        f"there is no {{{{ my.{link} }}}}"
        for link in TRANSACTIONAL_KINDS[kind].links
        if specimens.READER_VALUES[link] not in page
    ]
    if any(_ascii(paper.link) not in _ascii(page) for paper in papers):
        words.append("there is no {{ paper.link }}")
    return [Problem(template=f"email/{kind}/{part}.j2", words=each) for each in words]


def check_digest(
    environment: MailEnvironment, *, brand: Brand, plans: Iterable[DigestPlan] = PLANS
) -> list[Problem]:
    """The faults in digests of these plans, which are made of specimens."""
    layout = Layout(environment, brand=brand, topics=specimens.topics())
    papers = specimens.papers()
    layout.prepare(specimens.cards(), papers, maybe=specimens.cards(), new_versions=specimens.new_versions())
    problems = [*_unescaped(layout)]
    for wanted in plans:
        plan = wanted if layout.shows_versions else replace(wanted, new_versions=())
        problems += [*differences(layout, plan, papers), *missing(layout, plan, papers)]
    return list(dict.fromkeys(problems))


def _check_sheet(
    environment: MailEnvironment, brand: Brand, folder: str, topics: Mapping[str, TopicView]
) -> list[Problem]:
    """The faults in the style sheets, with the colours of these topics in them."""
    layout = Layout(environment, brand=brand, topics=topics)
    problems = [
        Problem(
            template=selector.template or f"{folder}/html.j2",
            line=selector.line,
            words=f"`{selector.text}` cannot be inlined and does nothing: say it of the element itself, "
            "or in the style sheet that stays",
        )
        for selector in lost_selectors(environment, layout.bare())
    ]
    if not topics:
        return problems
    layout.prepare([], {})
    frame = joined(
        (part for part in layout.frame.html if isinstance(part, bytes)), specimens.READER_VALUES, markup=True
    )
    too_long = [words for words in html_faults(frame) if words.startswith("the style sheet")]
    return problems + [Problem(template=f"{folder}/html.j2", words=words) for words in too_long]


def _unescaped(layout: Layout) -> list[Problem]:
    """Pieces that print a paper's text as markup."""
    kinds = {
        key[0] for key, piece in layout.pieces.items() if _RAW.search(decoded(piece.html).decode("utf-8"))
    }
    return [
        Problem(
            template=f"{layout.folder}/{kind}.html.j2",
            words=_AS_MARKUP,
        )
        for kind in sorted(kinds)
    ]


def _unused(environment: MailEnvironment) -> list[Problem]:
    """An operator's templates that were not loaded: most likely a typing error in the name."""
    return [
        Problem(template=name, words="nothing uses it: is its name right?")
        for name in environment.own()
        if name not in environment.used
    ]


def differences(layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]) -> list[Problem]:
    """The differences between the joined digest of `plan` and the one rendered whole and inlined."""
    wanted = _wanted(layout, plan, papers)
    slot_values = {
        **values(layout, plan, papers),
        **{f"my.{name}": value for name, value in specimens.READER_VALUES.items()},
    }
    content = assemble(layout, plan, papers, composed_at=COMPOSED_AT)
    slot_marker = layout.environment.slot_marker
    unfilled = layout.render("html", wanted, marked=False)

    def filling(found: re.Match[str]) -> str:
        before = unfilled[: found.start()]
        if found[1] == "digest.note" and before.rfind("<") < before.rfind(">"):
            return rendered(plan.note).html  # Markdown between tags, its text in an attribute
        return html.escape(UNPRINTABLE.sub("", slot_values[found[1]])).replace("\n", "<br>\n")

    whole = slot_marker.pattern.sub(filling, unfilled)
    found: list[Problem] = []
    if tokens(whole) != tokens(joined(content.html, slot_values, markup=True)):
        _, alone = layout.cut(layout.render("html", wanted), list(wanted))
        changed = sorted({key[0] for key in wanted if alone[key] != layout.pieces[key].html}) or [""]
        suspects = ", ".join(map(str, neighbour_selectors(layout.environment, layout.bare())))
        found += [
            Problem(
                template=f"{layout.folder}/{name + '.' if name else ''}html.j2",
                words="it looks different among others: a style or a template depends on neighbours"
                + (f" ({suspects})" if suspects else ""),
            )
            for name in changed
        ]
    text = slot_marker.pattern.sub(
        lambda found: (
            decoded(encode_value(slot_values[found[1]], markup=False)).decode().replace("\r\n", "\n")
        ),
        layout.render("txt", wanted, marked=False),
    )
    if text != joined(content.text, slot_values, markup=False):
        found.append(
            Problem(template=f"{layout.folder}/txt.j2", words="joined from pieces it is another text")
        )
    return found


def missing(layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]) -> list[Problem]:
    """The parts that every digest must show and this one lacks."""
    content = assemble(layout, plan, papers, composed_at=COMPOSED_AT)
    slot_values = {
        **content.values,
        **{f"my.{name}": value for name, value in specimens.READER_VALUES.items()},
    }
    parts = {
        "html": joined(content.html, slot_values, markup=True),
        "txt": joined(content.text, slot_values, markup=False),
    }
    problems = [
        Problem(template=f"{layout.folder}/html.j2", words=words) for words in html_faults(parts["html"])
    ]
    for part, shown in parts.items():
        page = html.unescape(shown) if part == "html" else shown
        if specimens.READER_VALUES["unsubscribe_url"] not in page:
            problems.append(
                Problem(template=f"{layout.folder}/{part}.j2", words="there is no {{ my.unsubscribe_url }}")
            )
        shown_papers: dict[str, list[int]] = {
            kind: [card.paper_id for card in cards if card.form is not Form.LEFT]
            for kind, cards in (("card", plan.news), ("maybe", plan.maybe), ("recap", plan.recaps))
        }
        shown_papers["version"] = [line.paper_id for line in plan.new_versions]
        for kind, ids in shown_papers.items():
            links = {papers[paper_id].link for paper_id in ids}
            if any(_ascii(link) not in _ascii(page) for link in links):
                problems.append(
                    Problem(
                        template=f"{layout.folder}/{kind}.{part}.j2", words="there is no {{ paper.link }}"
                    )
                )
    return problems


def joined(pieces: Iterable[bytes], slot_values: Mapping[str, str], *, markup: bool) -> str:
    """The document in a reader's mail program: pieces joined, slots filled from `slot_values`, decoded.

    Names of `my.…` slots may lack that prefix.
    """

    def fill(found: re.Match[bytes]) -> bytes:
        name = found[1].decode()
        return encode_value(
            slot_values.get(name, slot_values.get(name.removeprefix("my."), "")), markup=markup
        )

    return decoded(SLOTS.sub(fill, b"".join(pieces))).decode().replace("\r\n", "\n")


def _wanted(
    layout: Layout, plan: DigestPlan, papers: Mapping[int, PaperView]
) -> dict[PieceKey, dict[str, Any]]:
    """The pieces of one digest alone, with the variables of their templates."""
    contexts = layout.fixed_pieces()
    for card in (*plan.news, *plan.recaps):
        contexts[key_of(card)] = layout.context_of(card, papers[card.paper_id])
    for card in plan.maybe:
        contexts[key_of(card, maybe=True)] = layout.context_of(card, papers[card.paper_id])
    for line in plan.new_versions:
        contexts[key_of_version(line)] = layout.context_of_version(line, papers[line.paper_id])
    return {key: contexts[key] for keys in places(plan).values() for key in keys}


def _ascii(text: str) -> str:
    """`text` with its non-ASCII characters percent-encoded, as links are serialised."""
    return "".join(c if c.isascii() else "".join(f"%{octet:02X}" for octet in c.encode()) for c in text)
