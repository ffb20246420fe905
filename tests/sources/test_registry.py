from __future__ import annotations

import gzip
import json
import random

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import PartialDate, Unread
from newsletter.sources.decoding import MAX_SIZE, check_size
from newsletter.sources.registry import formats, read_listing

HEADER = "new\n\nSubscribe\n\nDaily Papers\n\nbyAK and the research community\n\nDec 12\n\n"
PAPER = (
    "Caf\xe9 Culture\n\n"
    "We sit in a caf\xe9 \x96 or two \x96 and count what we drink. "
    + "The count is long and so is this text. "
    * 5
).replace("\x96", "–") + "\n\n  • 4 authors\n·\nApr 10, 2024\n\n"

REFUSED = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \r\n\t\n", "the file holds nothing but blanks"),
    "bom only": (b"\xef\xbb\xbf", "the file holds nothing but blanks"),
    "header only": (HEADER.encode(), "there is no paper in this daily-papers dump, only the page's header"),
    "nul": (b"Daily\x00Papers", "the file is binary, not text"),
    "random": (random.Random(1).randbytes(5000).replace(b"\x00", b"\x01"), "the file is binary, not text"),
    "pdf": (b"%PDF-1.7\n...", "the file is a PDF, not text"),
    "zip": (b"PK\x03\x04rest", "the file is a ZIP archive, not text"),
    "gzip": (gzip.compress(b"x"), "the file is a gzip file, not text"),
    "picture": (b"\x89PNG\r\n", "the file is a picture, not text"),
    "html": (
        b"<!DOCTYPE html>\n<html>Daily Papers",
        "this is no listing of a known format but a web page that is no listing of a known kind",
    ),
    "utf-16 without a mark": (HEADER.encode("utf-16-le"), "the file is binary, not text"),
    "json": (
        json.dumps([{"title": "x"}]).encode(),
        "this is no listing of a known format but JSON without papers",
    ),
    "prose": (b"Dear all,\n\nhere are the minutes.\n\nBest\n", "this is no listing of a known format"),
    "too large": (b"x" * (MAX_SIZE + 1), "the file is too large for a listing: 20.0 MB, at most 20 MB"),
    "too many lines": (HEADER.encode() + b"x\n" * 400_000, "the file has too many lines for a listing"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_dump_that_is_no_listing_is_refused_with_message_and_hint(data: bytes, message: str) -> None:
    with pytest.raises(DumpRefusedError) as caught:
        read_listing(data, name="it.txt")
    assert (caught.value.message, caught.value.ids, caught.value.hint != "") == (
        message,
        {"file": "it.txt"},
        True,
    )


def test_unknown_format_name_is_refused_and_known_names_are_shown() -> None:
    with pytest.raises(DumpRefusedError) as caught:
        read_listing((HEADER + PAPER).encode(), name="it.txt", format="arxive")
    assert (caught.value.message, caught.value.hint) == (
        "unknown format 'arxive'",
        f"Known: {', '.join(formats())}.",
    )


def test_named_format_reads_an_unrecognised_dump() -> None:
    text = "A Title\n\n" + "Some sentences of an abstract follow here. " * 8
    with pytest.raises(DumpRefusedError):
        read_listing(text.encode(), name="x")
    assert [e.title for e in read_listing(text.encode(), name="x", format="Daily_Papers").entries] == [
        "A Title"
    ]


def test_size_is_checked_before_the_file_is_read() -> None:
    check_size(MAX_SIZE, name="x")
    with pytest.raises(DumpRefusedError, match="too large"):
        check_size(MAX_SIZE + 1, name="x")


def test_windows_1252_bytes_read_like_utf_8() -> None:
    text = HEADER + PAPER
    assert read_listing(text.encode("windows-1252"), name="x") == read_listing(text.encode(), name="x")


def test_some_windows_1252_bytes_in_utf_8_text_read_like_utf_8() -> None:
    other = PAPER.replace("Café", "Espresso").replace("this text", "that text")
    data = (HEADER + PAPER).encode() + other.encode().replace(b"\xe2\x80\x93", b"\x96", 1)
    expected = (HEADER + PAPER + other).encode()
    assert read_listing(data, name="x") == read_listing(expected, name="x")


def test_text_cut_in_a_character_keeps_the_rest_and_reports_its_end() -> None:
    whole = (HEADER + PAPER).encode() + b"Second Title\n\nAn abstract about the caf" + b"\xc3"
    listing = read_listing(whole, name="x")
    assert [(e.title, e.abstract[-9:]) for e in listing.entries][1:] == [("Second Title", "t the caf")]
    assert listing.unread == (
        Unread(
            line=21,
            reason="the file ends in the middle of a character: the last entry may be cut short",
            text="An abstract about the caf",
        ),
    )


def test_text_cut_in_a_word_keeps_the_rest() -> None:
    whole = (HEADER + PAPER + PAPER.replace("Café", "Espresso")).encode()
    listing = read_listing(whole[: len(whole) - 120], name="x")
    assert [e.title for e in listing.entries] == ["Café Culture", "Espresso Culture"]
    assert (listing.printed, listing.unread) == (PartialDate(month=12, day=12), ())
