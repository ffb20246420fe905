"""The links of the archive, as paths of a server and as files of a folder."""

from __future__ import annotations

import pytest

from newsletter.render.archive_links import LiveLinks, StaticLinks, file_of, slug_of


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Attention Is All You Need", "attention-is-all-you-need"),
        ("Schrödinger's Café: Über Naïveté", "schrodingers-cafe-uber-naivete"),
        ("量子计算", ""),
        ("α-β pruning", "pruning"),
        ("…", ""),
        ("-269°C", "269-c"),
        ("x" * 200, "x" * 60),
        ("word " * 50, "-".join(["word"] * 12)),
        ("<script>alert('1')</script>", "script-alert-1-script"),
        ("../../etc/passwd", "etc-passwd"),
        ("Words—apart", "words-apart"),
        ("Dirac’s_note", "diracs-note"),
    ],
)
def test_slug_has_the_words_of_a_title(title: str, slug: str) -> None:
    assert slug_of(title) == slug
    assert slug_of(slug) == slug


def test_live_links_carry_the_reader_on_and_permanent_ones_do_not() -> None:
    links = LiveLinks(base_url="https://x.example/p", root="/p", assets="v1", reader="to.ken")
    assert links.paper(12, "A title") == "/p/papers/12-a-title?reader=to.ken"
    assert links.month("2026-04", 2) == "/p/archive/2026-04?page=2&reader=to.ken"
    assert links.export("/editions/7", "csl.json") == "/p/editions/7.csl.json?reader=to.ken"
    assert links.search({"q": "a&b", "topic": ""}) == "/p/search?q=a%26b&reader=to.ken"
    assert links.permanent("/papers/12-a-title") == "https://x.example/p/papers/12-a-title"
    assert links.hidden_fields == {"reader": "to.ken"}
    assert LiveLinks(base_url="https://x.example").hidden_fields == {}


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("index.html", "papers/12-a-title.html"),
        ("papers/3-b.html", "12-a-title.html"),
        ("archive/2026-04.html", "../papers/12-a-title.html"),
    ],
)
def test_static_links_are_relative(page: str, link: str) -> None:
    links = StaticLinks(page=page)
    assert links.paper(12, "A title") == link
    assert links.permanent("/papers/12-a-title") == ""


@pytest.mark.parametrize(
    ("path", "query", "file"),
    [
        ("/archive", None, "index.html"),
        ("/archive/2026-04", {"page": 3}, "archive/2026-04-3.html"),
        ("/topics/quantum", {"page": 1}, "topics/quantum.html"),
        ("/editions/7.csl.json", None, "editions/7.csl.json"),
        ("/search", {"q": "x"}, "search.html"),
    ],
)
def test_each_page_has_a_file(path: str, query: dict[str, str | int] | None, file: str) -> None:
    assert file_of(path, query) == file
