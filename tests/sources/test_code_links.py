from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.code_links import code_link

LINKS = {
    "Code: https://github.com/a/b.": "https://github.com/a/b",
    "Code:https://github.com/a/b": "https://github.com/a/b",
    "(https://github.com/a/b), and": "https://github.com/a/b",
    "at github.com/a/b; www.github.com/c/d": "https://github.com/a/b",
    "http://GitHub.com/A/B_c.d/": "https://github.com/A/B_c.d",
    "[code](https://github.com/a/b)": "https://github.com/a/b",
    "https://github.com/a/b/tree/main/x_y, more": "https://github.com/a/b/tree/main/x_y",
    "https://gitlab.com/a/b/c.git": "https://gitlab.com/a/b/c.git",
    "https://codeberg.org/a/b": "https://codeberg.org/a/b",
    "https://bitbucket.org/a/b": "https://bitbucket.org/a/b",
    "https://git.sr.ht/~a/b": "https://git.sr.ht/~a/b",
    "https://anonymous.4open.science/r/b-1": "https://anonymous.4open.science/r/b-1",
    "https://huggingface.co/a/b": "https://huggingface.co/a/b",
    "https://huggingface.co/datasets/a/b": "https://huggingface.co/datasets/a/b",
    "weights https://huggingface.co/a/b, code https://github.com/c/d": "https://github.com/c/d",
    'https://github.com/a/b"onclick="x': "https://github.com/a/b",
}
NO_LINKS = [
    "no link at all",
    "our GitHub page, huggingface.co",
    "https://github.com/a",
    "https://github.com/orgs/a",
    "https://github.com@evil.example/a/b",
    "https://evil.example/github.com/a/b",
    "https://notgithub.com/a/b",
    "https://github.com.evil.example/a/b",
    "javascript://github.com/a/b",
    "ftp://github.com/a/b",
    "https://huggingface.co/papers/2401.00001",
    "https://sparsenerf.github.io/x/y",
    "https://doi.org/10.1007/978",
]


@pytest.mark.parametrize(("text", "link"), LINKS.items(), ids=LINKS)
def test_link_to_a_repository_is_found_and_trimmed(text: str, link: str) -> None:
    assert code_link(text) == link


@pytest.mark.parametrize("text", NO_LINKS)
def test_address_that_is_no_repository_is_no_code_link(text: str) -> None:
    assert code_link(text) is None


@given(st.text(), st.text())
def test_any_surrounding_gives_a_plain_https_link_or_none(before: str, after: str) -> None:
    link = code_link(f"{before}https://github.com/a/b{after}")
    assert link is None or (
        link.startswith("https://") and link.isascii() and not set(link) & set("<>\"' \r\n")
    )
