from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.smtp.replies import MAX_LINE, MAX_TEXT, Reply, ReplyReader, UnreadableReplyError


def read(*chunks: bytes) -> list[Reply]:
    reader = ReplyReader()
    replies = []
    for chunk in chunks:
        reader.feed(chunk)
        while (reply := reader.next()) is not None:
            replies.append(reply)
    assert not reader.leftover
    return replies


def test_reply_of_several_lines_is_one() -> None:
    assert read(b"250-mx.example\r\n250-SIZE 1\r\n250 DSN\r\n") == [
        Reply(code=250, lines=(b"mx.example", b"SIZE 1", b"DSN"))
    ]


def test_reply_may_end_with_a_bare_newline_and_have_no_text() -> None:
    assert read(b"250\n354 \r\n") == [Reply(code=250, lines=(b"",)), Reply(code=354, lines=(b"",))]


STREAM = b"250-2.0.0 a\r\n250 2.0.0 b\r\n550 5.1.1 no\r\n354 go\r\n"


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_replies_are_the_same_however_they_are_split(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(edges)]
    assert read(*chunks) == read(STREAM)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"650 x\r\n",
        b"150 x\r\n",
        b"\r\n",
        b"250-a\r\n251 b\r\n",
        b"250 a\rb\r\n",
        b"x" * MAX_LINE,
        b"250-" + b"a" * 1000 + b"\r\n250-" * 5 + b"b\r\n" + b"250-c\r\n" * 20_000,
    ],
)
def test_reply_that_is_none_is_refused(data: bytes) -> None:
    reader = ReplyReader()
    reader.feed(data)
    with pytest.raises(UnreadableReplyError):
        list(iter(reader.next, None))


def test_replies_before_garbage_still_count() -> None:
    reader = ReplyReader()
    reader.feed(b"250 ok\r\ngarbage\r\n")
    assert reader.next() == Reply(code=250, lines=(b"ok",))
    with pytest.raises(UnreadableReplyError):
        reader.next()


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        (b"550 5.1.1 no such user", "5.1.1", "no such user"),
        (b"550 5.7.515 rejected", "5.7.515", "rejected"),
        (b"550 5.1.1", "5.1.1", ""),
        (b"550 4.1.1 class does not agree", None, "class does not agree"),
        (b"550 no enhanced code", None, "no enhanced code"),
        (b"550 5.1.1.2 is none", None, "5.1.1.2 is none"),
        (b"550 tabs\tand \x07bells \xff", None, "tabs and bells \ufffd"),
    ],
)
def test_reply_enhanced_code_and_words(line: bytes, status: str | None, text: str) -> None:
    (reply,) = read(line + b"\r\n")
    assert (reply.status, reply.text) == (status, text)


def test_reply_words_are_cut() -> None:
    (reply,) = read(b"550 " + b"x" * 2000 + b"\r\n")
    assert reply.text == "x" * MAX_TEXT
