"""The editor's note: light Markdown as both parts of a mail show it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.core.errors import UsageError
from newsletter.render.assembly import assemble
from newsletter.render.check import specimens
from newsletter.render.check.templates import joined
from newsletter.render.editor_note import LINK_STYLE, MAX_LENGTH, checked, rendered
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import Layout
from newsletter.render.view_models import Brand
from tests.growth import assert_linear

INDENT = "&nbsp;" * 4
LINK = f'<a href="{{}}" style="{LINK_STYLE}">{{}}</a>'


@pytest.mark.parametrize(
    ("note", "html", "text"),
    [
        ("One line.\nAnother.", "One line.<br>\nAnother.", "One line.\nAnother."),
        ("One.\n\nTwo.", "One.<br><br>\nTwo.", "One.\n\nTwo."),
        ("**bold** & `x<y>`", "<strong>bold</strong> &amp; <code>x&lt;y&gt;</code>", "*bold* & x<y>"),
        ("*so*", "<em>so</em>", "_so_"),
        (
            "_so_ and *that **too***",
            "<em>so</em> and <em>that <strong>too</strong></em>",
            "_so_ and _that *too*_",
        ),
        ("# Big\nwords", "<strong>Big</strong><br><br>\nwords", "Big\n\nwords"),
        ("- a\n- b\n\nc", "•&nbsp;a<br>\n•&nbsp;b<br><br>\nc", "• a\n• b\n\nc"),
        ("3. a\n4. b", "3.&nbsp;a<br>\n4.&nbsp;b", "3. a\n4. b"),
        ("> a\n> b", f"{INDENT}a<br>\n{INDENT}b", "> a\n> b"),
        (
            "[here](https://a.example/?x=1&y=2)",
            LINK.format("https://a.example/?x=1&amp;y=2", "here"),
            "here <https://a.example/?x=1&y=2>",
        ),
        (
            "See https://a.example/b_c.",
            f"See {LINK.format('https://a.example/b_c', 'https://a.example/b_c')}.",
            "See https://a.example/b_c.",
        ),
        ("[](https://a.example)", LINK.format("https://a.example", "https://a.example"), "https://a.example"),
        ("[us](mailto:us@a.example)", LINK.format("mailto:us@a.example", "us"), "us <mailto:us@a.example>"),
        ("![a chart](https://a.example/c.png)", "a chart", "a chart"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        (">>>", "&gt;&gt;&gt;", ">>>"),
        ("&#8238;abc", "abc", "abc"),
    ],
)
def test_note_in_both_parts(note: str, html: str, text: str) -> None:
    assert (rendered(note).html, rendered(note).text) == (html, text)


@pytest.mark.parametrize(
    "note",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "<a href='javascript:alert(1)'>x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "[x](/archive)",
        "<javascript:alert(1)>",
        '[x](https://a.example/"onclick="alert(1))',
        "![x](javascript:alert(1))",
        '`<b onclick="x">`',
        "```\n<script>\n```",
    ],
)
def test_no_note_brings_markup_or_unsafe_links_of_its_own(note: str) -> None:
    html = rendered(note).html
    assert set(re.findall(r"<([a-z/]+)", html)) <= {"a", "/a", "br", "code", "/code", "strong", "em"}
    assert all(
        link.startswith(("https://", "http://", "mailto:")) for link in re.findall('href="([^"]*)', html)
    )
    assert not re.search(r"<[^>]*\son[a-z]+=", html)
    assert "alert(1)" in rendered(note).text or "alert" not in note or "![" in note  # shown as it was typed


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("x" * (MAX_LENGTH + 1), "the note has 4,001 characters, more than 4,000"),
        ("[" * 10_000, "the note has 10,000 characters, more than 4,000"),
        ("one\ntwo \x1b[31m", "line 2 of the note has the control character U+001B"),
        ("a\x00b", "line 1 of the note has the control character U+0000"),
        ("a\u202eb", "line 1 of the note has the control character U+202E"),
        ("a\udcffb", "line 1 of the note has the control character U+DCFF"),
    ],
)
def test_note_that_no_mail_can_show_is_refused(note: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        checked(note)


@pytest.mark.parametrize("mark", ["[", "![", "> ", "- ", "*", "`", "[a](", "_a ", "(", "\\", "&", "<", "#"])
def test_deeply_nested_marks_cost_little_and_are_shown(mark: str) -> None:
    def show(note: str) -> None:
        assert rendered(checked(note) or "x").text.strip()

    assert_linear(show, mark * (MAX_LENGTH // 8 // len(mark)), mark * (MAX_LENGTH // len(mark)))


@pytest.mark.parametrize(
    "template",
    [
        '<tr><td class="note"><p class="words">{{ digest.note }}</p></td></tr>\n',  # as it ships
        "<tr><td><blockquote>{{ digest.note }}</blockquote></td></tr>\n",
        '<tr><td title="{{ digest.note }}">a note</td></tr>\n',
    ],
)
def test_note_stands_in_templates_of_any_kind(template: str, tmp_path: Path) -> None:
    folder = tmp_path / "email/digest"
    folder.mkdir(parents=True)
    (folder / "note.html.j2").write_text(template, "utf-8")
    layout = Layout(MailEnvironment([tmp_path]), brand=Brand(name="Papers"), topics=specimens.topics())
    papers = specimens.papers()
    layout.prepare(specimens.cards(), papers)
    plan = specimens.plan({"quantum": 1}, note="**Read** [this](https://a.example/).")
    content = assemble(layout, plan, papers, composed_at=datetime(2026, 4, 17, 7, tzinfo=UTC))
    html = joined(content.html, {**content.values, **specimens.READER_VALUES}, markup=True)
    text = joined(content.text, {**content.values, **specimens.READER_VALUES}, markup=False)
    if "title" in template:
        assert 'title="*Read* this &lt;https://a.example/&gt;."' in html
    else:
        assert f"<strong>Read</strong> {LINK.format('https://a.example/', 'this')}." in html
    assert "\n*Read* this <https://a.example/>.\n" in text
