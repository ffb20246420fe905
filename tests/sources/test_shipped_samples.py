"""The shipped sample dumps: their dates, their repeated papers, and no unread line."""

from __future__ import annotations

from datetime import date

import pytest

from newsletter import samples
from newsletter.core.papers.dating import decide_listed_on
from newsletter.core.papers.listing import ListedOn, Listing
from newsletter.sources.registry import read_listing

DAYS = {f"2026-04-{day}.txt": date(2026, 4, day) for day in range(13, 18)}


def listings() -> dict[str, Listing]:
    return {dump.name: read_listing(dump.read_bytes(), name=dump.name) for dump in samples.dumps()}


def test_samples_are_five_days_in_order_and_nothing_is_unread() -> None:
    found = {name: (len(listing.entries), listing.unread) for name, listing in listings().items()}
    assert list(found.items()) == list(
        zip(DAYS, [(10, ()), (10, ()), (9, ()), (9, ()), (11, ())], strict=True)
    )


@pytest.mark.parametrize("today", [date(2026, 4, 18), date(2026, 11, 22), date(2031, 1, 1)])
def test_samples_are_dated_by_their_names_and_contents_agree(today: date) -> None:
    for name, listing in listings().items():
        printed = [entry.printed for entry in listing.entries if entry.printed is not None]
        assert decide_listed_on(
            listing.printed, entries_printed=printed, today=today, filename=name
        ) == ListedOn(date=DAYS[name], source="filename")


def test_samples_show_repeated_and_changed_papers() -> None:
    abstracts: dict[str, list[str]] = {}
    titles: dict[str, list[str]] = {}
    for listing in listings().values():
        for entry in listing.entries:
            abstracts.setdefault(entry.title, []).append(entry.abstract)
            titles.setdefault(entry.abstract, []).append(entry.title)
    recurring = {title: len(set(found)) for title, found in abstracts.items() if len(found) > 1}
    assert recurring == {
        "Transcoders Find Interpretable LLM Feature Circuits": 2,  # its abstract changes on the third day
        "AnalogGenie: A Generative Engine for Automatic Discovery of Analog Circuit Topologies": 1,
        "Spikformer: When Spiking Neural Network Meets Transformer": 1,  # without its block at first
        "Attention Is All You Need": 1,
        "INSIGHT: Universal Neural Simulator for Analog Circuits Harnessing Autoregressive Transformers": 1,
    }
    assert [found for found in titles.values() if len(set(found)) > 1] == [
        [
            "How to Evaluate Monocular Depth Estimation?",
            "Toward A Better Understanding of Monocular Depth Evaluation",
        ]
    ]


def test_samples_hold_each_feature_of_the_format() -> None:
    entries = [entry for listing in listings().values() for entry in listing.entries]
    assert {entry.organization for entry in entries if entry.organization} == {
        "OpenBMB",
        "AI at Meta",
        "inclusionAI",
    }
    assert sum(1 for entry in entries if entry.printed is None) == 2
    assert sum(1 for entry in entries if entry.printed and entry.printed.year is None) == 3
    assert min(entry.printed.year for entry in entries if entry.printed and entry.printed.year) == 2013
    assert sum(1 for entry in entries if entry.comments) == 20
    assert sum(1 for entry in entries if entry.code_url) == 8
    assert [entry.title for entry in entries if "\\" in entry.abstract or "textbf" in entry.abstract] == []


def test_samples_in_other_formats_name_what_was_known_by_title() -> None:
    titles = {entry.title for listing in listings().values() for entry in listing.entries}
    found = {
        listing.name: read_listing(listing.read_bytes(), name=listing.name) for listing in samples.listings()
    }
    assert {name: (read.format, len(read.entries), read.unread) for name, read in found.items()} == {
        **{name: ("daily-papers", len(read.entries), ()) for name, read in listings().items()},
        "2026-04-16-arxiv.eml": ("arxiv-mail", 5, ()),
        "2026-04-17-api.json": ("hf-api-json", 4, ()),
    }
    others = [entry for name, read in found.items() if name not in DAYS for entry in read.entries]
    assert all(entry.identifiers and entry.author_names for entry in others)
    assert [entry.announcement for entry in others] == ["new", "new", "new", "cross", "replace", *[None] * 4]
    assert [entry.title.split(":")[0] for entry in others if entry.title in titles] == [
        "SpikeGPT",
        "AnalogGenie",
        "Denoising Diffusion Probabilistic Models",
    ]
