"""Searching stored papers, on both databases: words, phrases, filters, ranks, and what a view hides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from newsletter.core.papers.listing import Entry
from newsletter.db.engine import reading
from newsletter.papers.search import parse_query, search
from newsletter.papers.search.full_text import MAX_CANDIDATES
from newsletter.papers.visibility import Visibility
from tests.papers.search.conftest import DAY, ENTRIES
from tests.papers.search.scenario import SearchScenario

pytestmark = pytest.mark.dialects

GPT, SPIKES, MEMRISTORS, ZEBRAS, OKAPI = (entry.title for entry in ENTRIES)


FOUND_BY_TEXT = [
    ("gpt-4", {GPT}),
    ("GPT4", {GPT}),
    ("gpt 4", {GPT}),
    ("C++", {GPT}),
    ("$\\alpha$", {GPT}),
    ("α", {GPT}),
    ("pretraining", {GPT}),
    ("pre-training", {GPT}),
    ("PRE TRAINING", {GPT}),
    ("schrodinger network", {SPIKES}),
    ('Schr\\"odinger', {SPIKES}),
    ('"spiking neural network"', {SPIKES}),
    ('"neural spiking"', {SPIKES}),
    ('"networks neural"', set()),
    ("“neural networks”", {SPIKES}),
    ("memristor", {MEMRISTORS}),
    ("quanti*", {MEMRISTORS}),
    ("quant*", {MEMRISTORS, GPT, OKAPI}),
    ("battery", {MEMRISTORS}),
    ("batterie*", {MEMRISTORS}),
    ("学习", {MEMRISTORS}),
    ("习学", set()),
    ("quantum -okapi", {GPT}),
    ("李明", {MEMRISTORS}),
    ("author:hinton", {GPT, SPIKES}),
    ('author:"geoffrey hinton"', {GPT}),
    ("org:deepmind", {GPT}),
    ("title:spike*", set()),
    ("title:neural", {SPIKES}),
    ("abstract:memristors", {MEMRISTORS}),
    ("topic:quantum", {GPT, OKAPI}),
    ("topic:Circuits spiking", {SPIKES}),
    ("topic:everything hinton", {GPT, SPIKES}),
    ("from:2026-03-05 to:2026-03-05 okapi", {OKAPI}),
    ("from:2026-03-06 okapi", set()),
    ("to:2026-02 okapi", set()),
    ("from:2026 topic:circuits", {SPIKES}),
    ("xylophone", set()),
    # none has all words: those with the rarest
    ("papers about memristors in the bathtub", {MEMRISTORS}),
    ("memristor zzz -survey", set()),
]


def test_papers_that_a_text_finds(store: SearchScenario) -> None:
    assert [(typed, store.found(typed)) for typed, _ in FOUND_BY_TEXT] == FOUND_BY_TEXT


FOUND_BY_FIELDS = [
    ({"author": "Hinton Geoffrey"}, {GPT, SPIKES}),
    ({"author": '"Marie Curie"'}, {GPT}),
    ({"organization": "google"}, {GPT}),
    ({"topic": "circuits"}, {SPIKES}),
    ({"topic": "quantum", "author": "curie"}, {GPT}),
    ({"since": "2026-03", "until": "2026-03", "topic": "quantum"}, {GPT, OKAPI}),
    ({"until": "2025"}, set()),
    ({}, set()),
]


def test_fields_of_the_form(store: SearchScenario) -> None:
    assert [(fields, store.found("", **fields)) for fields, _ in FOUND_BY_FIELDS] == FOUND_BY_FIELDS


FOUND_BY_IDENTIFIER = [
    ("2401.12345", GPT),
    ("arXiv:2401.12345v3", GPT),
    ("arxiv: 2401.12345", GPT),
    ("https://arxiv.org/pdf/2401.12345v2.pdf", GPT),
    ("https://huggingface.co/papers/2401.12345", GPT),
    ("10.48550/arXiv.2401.12345", GPT),
    ("https://doi.org/10.1000/abc.5", SPIKES),
    ("DOI: 10.1000/ABC.5.", SPIKES),
    ("math.GT/0309136", MEMRISTORS),
    ("arXiv:math/0309136v1", MEMRISTORS),
    ("see 10.1000/abc.5, please", SPIKES),
]


def test_identifiers_in_any_form_lead_to_the_paper(store: SearchScenario) -> None:
    found = [(typed, store.search(typed).hits) for typed, _ in FOUND_BY_IDENTIFIER]
    assert [(typed, hit.title) for typed, (hit,) in found] == FOUND_BY_IDENTIFIER
    assert {hit.matched for _, (hit,) in found} == {("identifier",)}


def test_unknown_identifier_is_named(store: SearchScenario) -> None:
    page = store.search("arXiv:2402.00001")
    assert (page.hits, page.notices) == ((), ("No paper here has the identifier 2402.00001.",))


def test_title_counts_more_than_the_abstract(store: SearchScenario) -> None:
    store.list_entries(
        Entry(position=1, line=1, title="Walks of Llamas", abstract="A llama walks by."),
        Entry(position=2, line=2, title="Walks of Goats", abstract="A goat meets a llama and walks on."),
        on=DAY,
        sha="b" * 64,
    )
    store.publish()
    assert [hit.title for hit in store.search("llama").hits] == ["Walks of Llamas", "Walks of Goats"]


def test_a_hit_says_what_matched_and_where(store: SearchScenario) -> None:
    [hit] = store.search("hinton curie quantum decoder deepmind").hits
    assert hit.matched == ("title", "authors", "organization", "abstract")
    assert [hit.title[start:end] for start, end in hit.title_marks] == ["Quantum"]
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.marks] == ["decoder"]
    assert (hit.topics, hit.edition, hit.first_listed_on) == (("quantum",), 1, DAY)


def test_typing_finds_before_the_word_is_whole(store: SearchScenario) -> None:
    for typed in ("me", "memr", "memristo", "memristors"):
        assert store.found(typed, is_typing=True) == {MEMRISTORS}, typed


def test_pages_follow_each_other(store: SearchScenario) -> None:
    first, second = (store.search("quantum", limit=1, offset=offset) for offset in (0, 1))
    assert [page.total for page in (first, second)] == [2, 2]
    assert {first.hits[0].title, second.hits[0].title} == {GPT, OKAPI}


@pytest.mark.parametrize(
    "typed", ["zebras", "quagga", "zeb*", '"secret zebras"', "topic:secret", "quagga okapi"]
)
def test_private_papers_are_found_by_their_readers_alone(store: SearchScenario, typed: str) -> None:
    assert ZEBRAS not in store.found(typed)
    assert ZEBRAS not in store.found(typed, reader=("quantum",))
    assert ZEBRAS in store.found(typed.replace(" okapi", ""), reader=("secret",))
    assert ZEBRAS in store.found(typed.replace(" okapi", ""), admin=True)
    assert "secret" not in {topic for hit in store.search("okapi").hits for topic in hit.topics}


def test_a_private_topic_looks_like_none(store: SearchScenario) -> None:
    said = [store.search(f"topic:{slug}").notices for slug in ("secret", "nosuch")]
    assert said == [("There is no topic “secret”.",), ("There is no topic “nosuch”.",)]


def test_reader_of_everything_finds_all_papers_and_no_private_name(store: SearchScenario) -> None:
    [hit] = store.search("zebras", reader=("everything",)).hits
    assert (hit.title, hit.topics) == (ZEBRAS, ())


def test_papers_without_a_topic_are_as_public_as_everything(store: SearchScenario) -> None:
    assert store.found("memristor") == {MEMRISTORS}
    view = Visibility.public({"quantum": True, "everything": False}, now=store.now)
    with reading(store.engine) as connection:
        found = [search(connection, parse_query(typed), view=view).total for typed in ("memristor", "okapi")]
    assert found == [0, 1]


def test_index_follows_every_change(store: SearchScenario) -> None:
    """Inserts, revisions, drops, held and withdrawn editions, merges and splits."""
    longer = replace(ENTRIES[1], abstract=ENTRIES[1].abstract + " Its last sentence tells of gondolas.")
    store.list_entries(longer, on=DAY + timedelta(days=1), sha="c" * 64)
    assert store.found("gondola") == {SPIKES}
    store.drop_paper(GPT)
    assert store.found("hinton") == {SPIKES}
    store.restore_paper(GPT)
    assert store.found("hinton") == {GPT, SPIKES}
    store.merge(GPT, SPIKES)
    assert store.found("author:hinton") == {GPT}
    assert store.found("10.1000/abc.5") == {GPT}
    store.drop_paper(SPIKES)
    assert store.found("author:hinton") == set()
    store.restore_paper(SPIKES)
    store.split(SPIKES)
    assert store.found("author:hinton") == {GPT, SPIKES}
    store.merge(OKAPI, SPIKES)
    assert store.found("mila") == {OKAPI}
    store.split(SPIKES)
    assert store.found("mila") == {SPIKES}
    store.note("Gondolas and more.")
    store.note("Gondeln")
    assert store.index() == store.rebuilt_index()
    store.hold_edition()
    assert store.found("hinton quantum okapi memristor") == set()
    assert store.found("okapi", admin=True) == {OKAPI}


def test_what_is_not_published_yet_is_not_found(store: SearchScenario) -> None:
    store.list_entries(
        Entry(position=1, line=1, title="Tapirs Tomorrow", abstract="Tapirs."), on=DAY, sha="d" * 64
    )
    assert store.found("tapirs") == set()
    assert store.found("tapirs", admin=True) == {"Tapirs Tomorrow"}
    store.publish()
    assert store.found("tapirs") == {"Tapirs Tomorrow"}


EDITION_FOUND_BY = [
    ("edition 1", "number"),
    ("#1", "number"),
    ("1", "number"),
    ("2026-04-17", "date"),
    ("2026-04", "date"),
    ("from:2026-04-01 to:2026-04-30", "date"),
    ("gondola", "note"),
    ("quantum", "topic"),
    ("topic:circuits", "topic"),
    ("topic:circuits gondolas", "note"),
]


def test_editions_are_found_too(store: SearchScenario) -> None:
    store.note("This week: gondolas.")
    found = [(typed, store.search(typed).editions) for typed, _ in EDITION_FOUND_BY]
    assert [(typed, hit.matched) for typed, (hit,) in found] == EDITION_FOUND_BY
    assert {(hit.number, hit.date) for _, (hit,) in found} == {(1, date(2026, 4, 17))}
    notes = [hit.note for _, (hit,) in found if hit.note]
    assert [[note.text[a:b] for a, b in note.marks] for note in notes] == [["gondolas"]] * 2
    store.hold_edition()
    assert {store.search(typed).editions for typed, _ in EDITION_FOUND_BY} == {()}


def test_edition_of_private_papers_is_found_by_their_readers_alone(store: SearchScenario) -> None:
    store.list_entries(Entry(position=1, line=1, title="Secret Ibis", abstract="-"), on=DAY, sha="e" * 64)
    assert store.publish() == 2
    store.note("A walrus.", 2)
    for typed in ("2", "2026-04-18", "walrus", "topic:secret", "secret"):
        assert 2 not in {edition.number for edition in store.search(typed).editions}, typed
        mine = store.search(typed, reader=("secret",)).editions
        assert 2 in {edition.number for edition in mine}, typed


def test_no_more_than_the_newest_thousand_are_ranked(store: SearchScenario) -> None:
    entries = [
        Entry(position=n, line=n, title=f"Ocelot {n}", abstract=f"An ocelot, number {n}.")
        for n in range(1, MAX_CANDIDATES + 21)
    ]
    store.list_entries(*entries, on=DAY, sha="f" * 64)
    store.publish()
    for typed in ("ocelot", "ocel*", "from:2026"):
        page = store.search(typed, limit=30)
        assert (page.total, page.has_more, len(page.hits)) == (MAX_CANDIDATES, True, 30), typed
        assert store.search(typed, offset=MAX_CANDIDATES - 5).hits[4:] != (), typed
        beyond = store.search(typed, offset=MAX_CANDIDATES + 5)
        assert (beyond.total, beyond.hits) == (MAX_CANDIDATES, ()), typed
    assert store.found("ocelot 7") == {"Ocelot 7"}
