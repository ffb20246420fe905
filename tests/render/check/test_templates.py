from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.debts.digest_plan import DigestPlan
from newsletter.core.states import Role
from newsletter.render.assembly import size_of_versions
from newsletter.render.check import specimens
from newsletter.render.check.templates import check, check_digest, differences
from newsletter.render.environment import MailEnvironment, templates_root
from newsletter.render.layout import Layout
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.view_models import nameless
from tests.marks import examples
from tests.render.specimen_pages import BRAND

KINDS = sorted(["digest", *TRANSACTIONAL_KINDS])
_LAYOUT = Layout(MailEnvironment(), brand=BRAND, topics=specimens.topics())
_PAPERS = specimens.papers()
_NEWS = [card for card in specimens.cards() if card.role is Role.NEWS]
_VERSIONS = specimens.new_versions()
_RECAPS = [card for card in specimens.cards() if card.role is Role.RECAP]


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    _LAYOUT.prepare(specimens.cards(), _PAPERS, maybe=_NEWS, new_versions=_VERSIONS)


def _section(number: int) -> int:
    return list(specimens.topics()).index(_NEWS[number].topic)


@settings(max_examples=examples(60))
@given(
    news=st.lists(st.integers(0, len(_NEWS) - 1), unique=True, max_size=12),
    recaps=st.lists(st.integers(0, len(_RECAPS) - 1), unique=True, max_size=3),
    maybe=st.lists(st.integers(0, len(_NEWS) - 1), unique=True, max_size=3),
    versions=st.lists(st.integers(0, len(_VERSIONS) - 1), unique=True, max_size=3),
    note=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200),
)
def test_joined_is_rendered_whole_for_random_subsets(
    news: list[int], recaps: list[int], maybe: list[int], versions: list[int], note: str
) -> None:
    plan = DigestPlan(
        edition=12,
        date=_PAPERS[1].first_listed_on,
        news=tuple(_NEWS[number] for number in sorted(news, key=_section)),
        recaps=tuple(_RECAPS[number] for number in recaps),
        maybe=tuple(replace(_NEWS[number]) for number in maybe),
        left_out=tuple(_NEWS[number] for number in news[:1]),
        note=note,
        new_versions=tuple(_VERSIONS[number] for number in versions),
    )
    assert differences(_LAYOUT, plan, _PAPERS) == []


@pytest.mark.parametrize(
    "note", [">0", "**bold** and [a link](https://example.org)", "# A heading", "- one\n- two"]
)
def test_joined_is_rendered_whole_with_a_note_in_markdown(note: str) -> None:
    plan = DigestPlan(edition=12, date=_PAPERS[1].first_listed_on, news=(_NEWS[0],), note=note)
    assert differences(_LAYOUT, plan, _PAPERS) == []


def test_the_shipped_templates_are_in_order() -> None:
    assert check(MailEnvironment(), brand=BRAND) == []


Edit = Callable[[str], str]


def _append(text: str) -> Edit:
    return lambda source: source + text


def _swap(old: str, new: str) -> Edit:
    def edit(source: str) -> str:
        assert old in source
        return source.replace(old, new)

    return edit


_NEIGHBOURS = "it looks different among others: a style or a template depends on neighbours"


@pytest.mark.parametrize(
    ("file", "edit", "problems"),
    [
        (
            "styles.css",
            _append(".paper + .paper { color: #123456; }"),
            [
                f"email/digest/{name}.html.j2: {_NEIGHBOURS} "
                "(`.paper + .paper` in email/styles.css, line LAST)"
                for name in ("card", "maybe")
            ],
        ),
        (
            "styles.css",
            _append(".head:first-child { margin: 0; }"),
            [
                f"email/digest/section.html.j2: {_NEIGHBOURS} "
                "(`.head:first-child` in email/styles.css, line LAST)"
            ],
        ),
        (
            "styles.css",
            _append(
                ".paper:nth-child(2), .paper:hover { border: 0; } @media print { .a:hover { margin: 0 } }"
            ),
            [
                f"email/styles.css, line LAST: `.paper:{word}` cannot be inlined and does nothing: say it of "
                "the element itself, or in the style sheet that stays"
                for word in ("hover", "nth-child(2)")
            ],
        ),
        (
            "styles.css",
            _append(".section:first-child { color: #123456; }"),
            [],  # harmless: each heading is the only child of its cell, alone and among others
        ),
        (
            "digest/html.j2",
            _swap("{{ place.papers }}", ""),
            ["email/digest: the templates in email/digest print {{ place.papers }} nowhere"],
        ),
        (
            "digest/txt.j2",
            _swap("{{ place.recaps }}", "{{ place.recaps }}{{ place.recaps }}"),
            ["email/digest: the templates in email/digest print {{ place.recaps }} twice"],
        ),
        (
            "digest/html.j2",
            _swap("my.unsubscribe_url", "my.web_url"),
            ["email/digest/html.j2: there is no {{ my.unsubscribe_url }}"],
        ),
        (
            "digest/card.txt.j2",
            _swap("{{ paper.link }}", ""),
            [
                "email/digest/card.txt.j2: there is no {{ paper.link }}",
                "email/digest/maybe.txt.j2: there is no {{ paper.link }}",
            ],
        ),
        (
            "digest/recap.html.j2",
            _swap("{{ paper.link }}", "#"),
            [
                "email/digest/html.j2: href='#' is no link of the web: it must start with https://",
                "email/digest/recap.html.j2: there is no {{ paper.link }}",
            ],
        ),
        (
            "digest/version.html.j2",
            _swap("{{ paper.link }}", "https://papers.example"),
            ["email/digest/version.html.j2: there is no {{ paper.link }}"],
        ),
        (
            "digest/version.txt.j2",
            _swap("{{ paper.link }}", ""),
            ["email/digest/version.txt.j2: there is no {{ paper.link }}"],
        ),
        (
            "digest/version.html.j2",
            _append("{{ paper.title | safe }}"),
            [
                "email/digest/version.html.j2: it prints a paper's words as markup: "
                "`| safe` is not for what comes from a listing"
            ],
        ),
        (
            "digest/html.j2",
            _swap("{{ place.maybe }}", "{{ place.maybe }}{{ place.versions }}"),
            ["email/digest: the templates in email/digest print {{ place.versions }} twice"],
        ),
        ("digest/html.j2", _swap("{{ place.versions }}", ""), []),  # as operators have it from before
        ("digest/txt.j2", _swap("{{ place.versions }}", ""), []),
        (
            "digest/card.html.j2",
            _append('<a href=" javascript:alert(1)">x</a><a href="mailto:me@papers.example">y</a>'),
            [
                "email/digest/html.j2: href='javascript:alert(1)' is no link of the web: "
                "it must start with https://"
            ],
        ),
        (
            "base.html.j2",
            _swap("{% block folio %}", '<img src="logo.png">{% block folio %}'),
            [
                f"email/{kind}/html.j2: {words}"
                for kind in KINDS
                for words in (
                    "an image has no alt: 'logo.png'",
                    "src='logo.png' is no link of the web: it must start with https://",
                )
            ],
        ),
        (
            "digest/card.html.j2",
            _append("{{ paper.title | safe }}"),
            [
                f"email/digest/{name}.html.j2: it prints a paper's words as markup: "
                "`| safe` is not for what comes from a listing"
                for name in ("card", "maybe")
            ],
        ),
        (
            "digest/card.txt.j2",
            _append("{{ my.nothing }}"),
            ["email/digest/card.txt.j2, line LAST: there is no {{ my.nothing }}; there are: because,"],
        ),
        (
            "digest/card.html.j2",
            _append("{{ my.greeting | upper }}"),
            ["email/digest/card.html.j2, line LAST: {{ my.greeting }} can only be printed as it is"],
        ),
        (
            "digest/card.html.j2",
            _append("{{ 'Dear ' ~ my.greeting }}"),
            ["email/digest/card.html.j2, line LAST: {{ my.greeting }} can only be printed as it is"],
        ),
        (
            "digest/card.html.j2",
            _append('{% include "email/digest/byline.html.j2" %}'),
            ["email/digest/card.html.j2: the template email/digest/byline.html.j2 is missing"],
        ),
        (
            "digest/crad.html.j2",
            _append("<p>{{ paper.title }}</p>"),
            ["email/digest/crad.html.j2: nothing uses it: is its name right?"],
        ),
        (
            "digest/txt.j2",
            _swap("my.unsubscribe_url", "my.web_url"),
            ["email/digest/txt.j2: there is no {{ my.unsubscribe_url }}"],
        ),
        (
            "confirm/txt.j2",
            _swap("my.confirm_url", "my.web_url"),
            ["email/confirm/txt.j2, line 9: there is no {{ my.web_url }}; there are: asked, confirm_url"],
        ),
        (
            "goodbye/html.j2",
            _swap('href="{{ my.undo_url }}"', 'href="https://papers.example"'),
            ["email/goodbye/html.j2: there is no {{ my.undo_url }}"],
        ),
        (
            "welcome/html.j2",
            _swap("{{ paper.title }}", "{{ paper.title | safe }}"),
            [
                "email/welcome/html.j2: it prints a paper's words as markup: "
                "`| safe` is not for what comes from a listing"
            ],
        ),
        (
            "welcome/txt.j2",
            _swap("{{ paper.link }}", ""),
            ["email/welcome/txt.j2: there is no {{ paper.link }}"],
        ),
        (
            "welcome/subject.txt.j2",
            _append("{{ digest.title }}"),
            ["email/welcome/subject.txt.j2, line LAST: there is no {{ digest.title }}; there are: none"],
        ),
        (
            "confrim/subject.txt.j2",
            _append("x"),
            ["email/confrim/subject.txt.j2: nothing uses it: is its name right?"],
        ),
        (
            "digest/note.html.j2",
            _append("{% if my.greeting %}x{% endif %}"),
            [
                "email/digest/note.html.j2, line 2: "
                "{{ my.greeting }} can only be printed as it is: no test, filter or concatenation; "
                "its value is not known when the template is rendered"
            ],
        ),
        (
            "confirm/html.j2",
            _swap('href="{{ my.confirm_url }}"', 'href="https://x.example/{{ my.confirm_url }}"'),
            [
                "email/confirm/html.j2: "
                "{{ my.confirm_url }} stands in a link that does not start with a slot called …_url"
            ],
        ),
        (
            "confirm/subject.txt.j2",
            _swap("{{ brand.name }}", "{{ my.confirm_url }}"),
            ["email/confirm/subject.txt.j2: it prints a slot"],
        ),
        (
            "screens.css",
            _append(".x { color: red; }" * 500),
            [f"email/{kind}/html.j2" for kind in KINDS],
        ),
        (
            "base.html.j2",
            _swap("<h1 ", "<h2 "),
            [f"email/{kind}/html.j2: there are 0 <h1>; one is right" for kind in KINDS],
        ),
    ],
)
def test_check_names_the_faults_of_an_override(
    tmp_path: Path, file: str, edit: Edit, problems: list[str]
) -> None:
    target = tmp_path / "email" / file
    target.parent.mkdir(parents=True, exist_ok=True)
    shipped = templates_root() / "email" / file
    source = edit(shipped.read_text("utf-8") if shipped.exists() else "")
    target.write_text(source, "utf-8")
    problems = [words.replace("LAST", str(source.count("\n") + 1)) for words in problems]
    found = sorted(str(problem) for problem in check(MailEnvironment([tmp_path]), brand=BRAND))
    assert [one[: len(expected)] for one, expected in zip(found, problems, strict=False)] == problems
    assert len(found) == len(problems)


@pytest.mark.parametrize("files", [("html.j2",), ("txt.j2",), ("html.j2", "txt.j2"), ()])
def test_lines_on_new_versions_stand_in_both_parts_or_in_none(tmp_path: Path, files: tuple[str, ...]) -> None:
    folder = tmp_path / "email" / "digest"
    folder.mkdir(parents=True)
    for name in files:
        source = (templates_root() / "email" / "digest" / name).read_text("utf-8")
        (folder / name).write_text(source.replace("{{ place.versions }}", ""), "utf-8")
    layout = Layout(MailEnvironment([tmp_path]), brand=BRAND, topics=specimens.topics())
    layout.prepare([], _PAPERS, new_versions=_VERSIONS)
    sizes = [size_of_versions(layout, _VERSIONS[:number]) for number in range(3)]
    assert layout.shows_versions == (not files)
    if files:
        assert sizes == [None] * 3
    else:
        assert sizes[0] == 0
        assert sizes[1:] == sorted(sizes[1:])


def test_check_names_a_template_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "email" / "confirm").mkdir(parents=True)
    (tmp_path / "email" / "confirm" / "html.j2").write_text('{% extends "email/lettre.html.j2" %}')
    (problem,) = check(MailEnvironment([tmp_path]), brand=BRAND)
    assert str(problem) == "email/confirm/html.j2: the template email/lettre.html.j2 is missing"


def test_check_counts_the_colours_of_all_topics() -> None:
    topics = {f"topic-number-{number}": nameless(f"topic-number-{number}") for number in range(60)}
    (problem,) = check(MailEnvironment(), brand=BRAND, topics=topics)
    assert problem.template == "email/digest/html.j2"
    assert re.fullmatch(
        r"the style sheet that stays takes \d+ bytes; Gmail drops more than 8192", problem.words
    )


def test_check_leaves_files_alone_that_are_no_templates(tmp_path: Path) -> None:
    (tmp_path / "email" / "digest").mkdir(parents=True)
    for name in (".swp", "card.html.j2~"):
        (tmp_path / "email" / "digest" / name).write_text("x")
    assert check(MailEnvironment([tmp_path]), brand=BRAND) == []


def test_an_override_wins_and_the_rest_stays(tmp_path: Path) -> None:
    target = tmp_path / "email" / "digest" / "more.txt.j2"
    target.parent.mkdir(parents=True)
    target.write_text("\nMINE {{ digest.more }}\n")
    environment = MailEnvironment([tmp_path])
    layout = Layout(environment, brand=BRAND, topics=specimens.topics())
    layout.prepare([], _PAPERS)
    assert layout.pieces[("more",)].text == b"\r\nMINE=20=\r\n\x00digest.more\x00\r\n"
    assert check_digest(environment, brand=BRAND) == []
