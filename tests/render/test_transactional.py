from __future__ import annotations

import pytest

from newsletter.core.mail.quoted_printable import SLOTS
from newsletter.render.check import specimens
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.view_models import Brand, PaperLine
from tests.render.specimen_pages import COMPOSED_AT, pages, transactional

SUBJECTS = {
    "confirm": "Please confirm: Paper Digest",
    "already": "You get it already: Paper Digest",
    "welcome": "Welcome to Paper Digest",
    "goodbye": "You have left Paper Digest",
    "quiet": "Nothing new today: Paper Digest",
    "address": "Confirm this address: Paper Digest",
    "link": "Your link: Paper Digest",
    "account": "Your link, good for one hour: Paper Digest",
}
FOOT = """\
Privacy:               https://papers.example/privacy

Made by hand & machine.

Paper Digest, 1 Example Street, 10115 Berlin
"""


@pytest.mark.parametrize("kind", TRANSACTIONAL_KINDS)
def test_each_kind_prints_its_own_slots_and_no_other(kind: str) -> None:
    content = transactional(kind)
    assert (content.subject, content.date, content.values) == (SUBJECTS[kind], COMPOSED_AT, {})
    for part in (content.html, content.text):
        printed = {name.decode() for name in SLOTS.findall(b"".join(part))}
        assert printed == {f"my.{name}" for name in TRANSACTIONAL_KINDS[kind].slots}
    html, text = pages(content)
    assert 'href="https://papers.example/privacy"' in html
    assert text.endswith(f"\n{FOOT}")


def test_confirm_asks_and_links_and_prints_nothing_that_was_typed() -> None:
    html, text = pages(transactional("confirm"))
    assert html.count(specimens.READER_VALUES["confirm_url"]) == 1
    assert text == (
        "PAPER DIGEST\n\nPlease confirm\n\n"
        "Do you want Paper Digest at this address?\n"
        "Somebody, hopefully <you> & nobody else, asked for it.\n\n"
        "It begins once you confirm:\n\n"
        "https://papers.example/confirm/ghi\n\n"
        "If you do not want it, do nothing: nothing more will be sent.\n\n"
        f"{'-' * 76}\n"
        "The link works once, and for 3 days.\n"
        f"{FOOT}"
    )


def test_welcome_says_what_comes_and_shows_papers() -> None:
    paper = specimens.paper_lines()[1]
    html, text = pages(transactional("welcome", papers=[paper]))
    assert text == (
        "PAPER DIGEST\n\nWelcome\n\n"
        "Your subscription to Paper Digest has begun.\n\n"
        "You follow Circuits, Power grids & their “markets” and Quantum <b>.\n"
        "Your first digest comes on Friday 17 April at 07:00 (Europe/Berlin) & not\nbefore.\n\n"
        "Each mail holds what is new since the one before: titles, a few sentences,\n"
        "links. No paper comes twice, and without news no mail comes.\n\n"
        "Lately in your topics:\n\n"
        "A <b>bold</b> Claim & a “Quote”, with a Trick\n"
        "  Quantum\n"
        f"  {paper.link}\n\n"
        f"{'-' * 76}\n"
        "Change your mind whenever you like: these links stand at the foot of every\n"
        "digest, and need no password.\n\n"
        f"Change topics or hour: {specimens.READER_VALUES['preferences_url']}\n"
        f"Unsubscribe:           {specimens.READER_VALUES['unsubscribe_url']}\n"
        f"{FOOT}"
    )
    assert "A &lt;b&gt;bold&lt;/b&gt; Claim &amp; a “Quote”, with a Trick" in html
    assert "Quantum &lt;b&gt;" in html


def test_welcome_without_papers_leaves_their_heading_out() -> None:
    html, text = pages(transactional("welcome", papers=[]))
    assert "Lately" not in html + text
    assert "<h3" not in html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", 'https://x.example/"onclick="x', "https://x.example/ y", "//x", None]
)
def test_welcome_links_only_to_the_web(url: str | None) -> None:
    paper = PaperLine(title='Ohms "&" <i>', url=url, topic=specimens.topics()["circuits"])
    search = "https://huggingface.co/papers?q=Ohms+%22%26%22+%3Ci%3E"
    html, text = pages(transactional("welcome", papers=[paper]))
    assert f'href="{search}"' in html
    assert f"  {search}\n" in text
    assert "<i>" not in html


def test_a_title_cannot_pass_for_a_slot() -> None:
    paper = PaperLine(
        title="{{ my.unsubscribe_url }} \x00my.first\x00", url=None, topic=specimens.topics()["quantum"]
    )
    html, text = pages(transactional("welcome", papers=[paper]))
    assert "\n{{ my.unsubscribe_url }} my.first\n" in text
    assert "{{ my.unsubscribe_url }} my.first" in html


def test_a_brand_cannot_break_out_of_its_mail() -> None:
    brand = Brand(name="<script>x</script>\r\nBcc: a@b.example", footer='"><img src=x>')
    content = transactional("confirm", brand=brand)
    html, _ = pages(content)
    assert content.subject == "Please confirm: <script>x</script> Bcc: a@b.example"
    assert "<script" not in html
    assert "<img" not in html
