from __future__ import annotations

from tests.browser.links import links_of

DOCUMENT = """<link rel=stylesheet href=/look.css><meta http-equiv="Refresh" content="5; URL='/next'">
<a href="?a=1&amp;b=2#top">x</a> <a href="#here">here</a> <img src=" picture.png "> <a>none</a>
<form method=post><button formaction="/undo">Undo</button></form><form action="/leave">…</form>
<a href="mailto:ada@example.org">write</a><iframe src></iframe>"""


def test_links_of_finds_every_address_that_can_be_requested() -> None:
    assert links_of(DOCUMENT) == {
        "/look.css",
        "/next",
        "?a=1&b=2",
        "picture.png",
        "/undo",
        "/leave",
        "mailto:ada@example.org",
    }


def test_links_of_joins_them_to_the_address_of_the_document() -> None:
    assert links_of(DOCUMENT, base="https://papers.example/p/t0ken") == {
        "https://papers.example/look.css",
        "https://papers.example/next",
        "https://papers.example/p/t0ken?a=1&b=2",
        "https://papers.example/p/picture.png",
        "https://papers.example/p/t0ken",
        "https://papers.example/undo",
        "https://papers.example/leave",
        "mailto:ada@example.org",
    }
