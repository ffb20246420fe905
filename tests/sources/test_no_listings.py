"""A file that is no listing is refused with what it is, and with the right door."""

from __future__ import annotations

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.sources.registry import read_listing
from tests.sources.foreign_pages import FOREIGN

KINDS = {
    "captcha": "asks whether you are human",
    "captcha as HTML": "asks whether you are human",
    "not found": "an error page",
    "not found as HTML": "an error page",
    "server error as JSON": "an error message of a server",
    "rate limit": "an error message of a server",
    "login wall as HTML": "a login page",
    "arXiv abstract page": "the page of one arXiv paper",
    "HF paper page as text": "the page of one Hugging Face paper",
    "HF model page": "a page of a model",
    "newspaper as RSS": "a feed of another site",
    "blog as Atom": "a feed of another site",
    "HTML documentation": "a web page",
    "mail": "mail that is not a daily mailing",
    "mail about a paper": "mail that is not a daily mailing",
    "README": "Markdown that is no search page",
    "people": "a table of something else",
    "shop as a table": "a table of something else",
    "shop as JSON": "JSON without papers",
    "calendar": "a calendar",
}


@pytest.mark.parametrize(("name", "what"), KINDS.items(), ids=KINDS)
def test_known_kind_is_refused_by_its_name_and_with_a_door(name: str, what: str) -> None:
    with pytest.raises(DumpRefusedError) as caught:
        read_listing(FOREIGN[name].encode(), name="x")
    assert what in caught.value.message
    assert len(caught.value.hint) > 40


@pytest.mark.parametrize("text", ['[{"title": "A"}, {"ti', '{"paper": [1, 2', "[\n  {\n"])
def test_cut_json_is_refused_as_cut(text: str) -> None:
    with pytest.raises(DumpRefusedError, match="JSON that is cut"):
        read_listing(text.encode(), name="x")
