from __future__ import annotations

from newsletter.core.piece import SLOTS
from newsletter.render import specimen
from newsletter.render.environment import MailEnvironment
from newsletter.render.letter import letter
from newsletter.render.views import Brand
from tests.render.pages import BRAND, COMPOSED_AT, pages


def test_confirm_asks_and_links_and_repeats_nothing_of_the_asker() -> None:
    content = letter(MailEnvironment(), brand=BRAND, kind="confirm", date=COMPOSED_AT)
    assert (content.subject, content.date, content.values) == (
        "Please confirm: Paper Digest",
        COMPOSED_AT,
        {},
    )
    slots = {name for part in (content.html, content.text) for name in SLOTS.findall(b"".join(part))}
    assert slots == {b"my.confirm_url"}
    html, text = pages(content)
    assert html.count(specimen.MY["confirm_url"]) == 3
    assert text == (
        "PAPER DIGEST\n\nPlease confirm\n\n"
        "Somebody, hopefully you, asked for Paper Digest to be sent to this address.\n"
        "It begins once you confirm:\n\n"
        "https://papers.example/confirm/ghi\n\n"
        "If it was not you, do nothing: nothing more will be sent.\n"
        "The link works once.\n\n"
        "Made by hand & machine.\n\n"
        "Paper Digest, 1 Example Street, 10115 Berlin\n"
    )


def test_a_brand_cannot_break_out_of_its_mail() -> None:
    brand = Brand(name="<script>x</script>\r\nBcc: a@b.example", footer='"><img src=x>')
    content = letter(MailEnvironment(), brand=brand, kind="confirm", date=COMPOSED_AT)
    html, _ = pages(content)
    assert content.subject == "Please confirm: <script>x</script> Bcc: a@b.example"
    assert "<script" not in html
    assert "<img" not in html
