"""What a search field is sent to break it: every text is answered, and its cost has a bound."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.papers.search import parse_query
from newsletter.papers.search.query import MAX_TERMS, MAX_TEXT
from tests.growth import assert_linear
from tests.naughty import naughty_strings
from tests.papers.search.scenario import SearchScenario

HOSTILE = [
    "\0",
    "quantum\0",
    "\ud800 quantum \udfff",
    '"',
    '"""',
    '"quantum',
    'quantum"',
    "“quantum",
    "'",
    "NEAR(quantum gpt, 5)",
    "NEAR/5",
    "quantum AND NOT OR",
    "AND",
    "OR OR",
    "NOT quantum",
    "*",
    "**",
    "q*",
    "*quantum*",
    "^quantum",
    "title : quantum",
    "{title abstract} : quantum",
    "rowid:1",
    "paper_search:1",
    "rank:bm25(10)",
    "-",
    "--",
    "- - -",
    "-quantum",
    "(((((",
    ")",
    "quantum & !gpt | <-> 'x':*A",
    "a' | 'b",
    "\\'; DROP TABLE papers; --",
    "1' OR '1'='1",
    "' UNION SELECT email FROM subscribers --",
    "%",
    "_",
    "\\",
    '\\\\\\"',
    "the of and",
    "topic:",
    "topic:'",
    "from:",
    "from:x to:y",
    "author:",
    'author:"',
    "10.1000/",
    "10.1000/" + "x" * 300,
    "2401.12345" * 30,
    "😀",
    "\u202e\u200f",
    "a\u0301" * 300,
    "¾ Ⅷ ²",
    "İstanbul ﬀ ẞ",
    " ",
    "",
    "\n\r\t",
    "quantum " * 1000,
    " ".join(f"word{number}" for number in range(1000)),
    "x" * 100_000,
    "x " * 50_000,
    '"' * 100_000,
    "-(" * 50_000,
    "quantum:" * 10_000,
    "\\c{" * 30_000,
]
DATES = [
    "0000-00-00",
    "9999-99-99",
    "99999-01-01",
    "-1",
    "2024-02-30",
    "2024",
    "٢٠٢٤-٠١-٠١",
    "x" * 9999,
    "\0",
]


@pytest.mark.dialects
def test_every_text_is_answered(store: SearchScenario) -> None:
    for typed in [*HOSTILE, *(f"{typed} quantum" for typed in HOSTILE)]:
        page = store.search(typed)
        assert "Secret Zebras" not in {hit.title for hit in page.hits}, typed[:40]
        assert all(notice.endswith(".") and notice.isprintable() for notice in page.notices), typed[:40]
        for hit in page.hits:
            assert all(hit.title[start:end] for start, end in hit.title_marks)


@pytest.mark.dialects
def test_every_field_is_answered(store: SearchScenario) -> None:
    for value in [*HOSTILE[::5], *DATES]:
        fields = {"topic": value, "author": value, "organization": value, "since": value, "until": value}
        for name in fields:
            store.search("quantum", **{name: value})
            store.search("", is_typing=True, **{name: value})
        store.search("", **fields)


@pytest.mark.dialects
def test_any_page_number_is_answered(store: SearchScenario) -> None:
    for limit in (-1, 0, 1, 10**18, -(10**30)):
        for offset in (-1, 0, 10**18, 10**30, -(10**18)):
            page = store.search("quantum", limit=limit, offset=offset)
            assert page.total == 2, (limit, offset)
            assert len(page.hits) <= 2, (limit, offset)


@pytest.mark.full
@pytest.mark.dialects
def test_naughty_strings_are_answered(store: SearchScenario) -> None:
    for typed in naughty_strings():
        store.search(typed)
        store.search("quantum", topic=typed, author=typed, since=typed)


@given(st.text(max_size=60), st.text(max_size=20))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_has_a_reading(typed: str, field: str) -> None:
    query = parse_query(typed, author=field, topic=field, since=field, until=field, is_typing=True)
    assert len(query.terms) <= MAX_TERMS
    assert query.text.isprintable()


@pytest.mark.parametrize(
    ("fields", "notice"),
    [
        ({"text": "the of"}, "Nearly every paper has “the” and “of”. Add a rarer word."),
        ({"text": "-survey"}, "A minus leaves papers out. Add a word that the papers must have."),
        ({"text": "x" * 500}, f"Only the first {MAX_TEXT} characters were read."),
        (
            {"text": " ".join(f"w{letter}" for letter in "abcdefghijklmnop")},
            f"Only the first {MAX_TERMS} words were searched.",
        ),
        (
            {"text": "x", "since": "0000-00-00"},
            "“0000-00-00” is no date: write it like 2024-03-05 or 2024-03. It was left out.",
        ),
        (
            {"text": "x", "since": "2025", "until": "2024"},
            "The first date is after the second: the two were exchanged.",
        ),
        (
            {"text": "autr:gao"},
            "“autr:” is no field of a search. Did you mean author:? It was searched as words.",
        ),
        (
            {"text": "Topics:quantum codes"},
            "“Topics:” is no field of a search. Did you mean topic:? It was searched as words.",
        ),
        (
            {"text": "venue:neurips"},
            "“venue:” is no field of a search. There are title:, abstract:, author:, org:, topic:, from:, "
            "to:. It was searched as words.",
        ),
        (
            {"text": "spikes author:"},
            "“author:” says nothing: write a word right after the colon. It was left out.",
        ),
        ({"text": "topic: "}, "“topic:” says nothing: write a word right after the colon. It was left out."),
    ],
)
def test_what_was_left_out_is_said(fields: dict[str, str], notice: str) -> None:
    assert parse_query(**fields).notices == (notice,)


@pytest.mark.parametrize(
    "typed",
    ["author:gao", "BERT: pre-training", "https://example.org/a", "arXiv:cs", "10:30", ":", "a::b", '"x:y"'],
)
def test_other_colons_are_no_misspelt_fields(typed: str) -> None:
    assert parse_query(typed).notices == ()


def test_exchanged_dates_cover_both_ends() -> None:
    query = parse_query("", since="2025-02", until="2024-03")
    assert (str(query.since), str(query.until)) == ("2024-03-01", "2025-02-28")


@pytest.mark.parametrize("piece", ["x ", "x", '"', "-(", "\\c{", "a\u0301", "from:1 ", "2401.12345 "])
def test_reading_costs_no_more_than_its_length(piece: str) -> None:
    assert_linear(lambda times: parse_query(piece * times), 5_000, 40_000)
