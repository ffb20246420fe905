"""Exports of Mailman, listmonk and Mailchimp can be imported, and only restrict people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from subscribers import queries
from subscribers.preferences import Preferences
from subscribers.queries import State
from subscribers.roster import other_tools
from subscribers.roster.duplicates import DuplicateIndex
from subscribers.roster.importer import ImportReport, import_rows
from subscribers.roster.reader import Roster
from subscribers.roster.readings import state_of_word
from subscribers.roster.row_parser import ImportPolicy
from tests.subscribers.conftest import KEY, NOON, TOPICS, SubscriberScenario

SAMPLES = Path(__file__).parent / "samples"
TITLES = {"circuits": "Analog circuits", "quantum": "Quantum circuits", "everything": "Everything"}

# Sample → its format; address, state, name, topics and zone of each person; values not understood.
EXPECTED: dict[str, tuple[str, list[tuple[str, str, str, str, str]], dict[tuple[str, str], int]]] = {
    "mailman2.txt": (
        "list of addresses",
        [
            ("ada@readers.example", "confirmed", "", "everything", "UTC"),
            ("bert@readers.example", "confirmed", "", "everything", "UTC"),
            ("root@localhost", "confirmed", "", "everything", "UTC"),
        ],
        {},
    ),
    "mailman2-names.txt": (
        "list of addresses",
        [
            ("ada@readers.example", "confirmed", "Ada Lovelace", "everything", "UTC"),
            ("bert@readers.example", "confirmed", "", "everything", "UTC"),
            ("marie@readers.example", "confirmed", "Curie, Marie", "everything", "UTC"),
            ("juergen@bücher.example", "confirmed", "Jürgen Habicht", "everything", "UTC"),
        ],
        {},
    ),
    "mailman3.txt": (
        "list of addresses",
        [
            ("ada@readers.example", "confirmed", "Ada Lovelace", "everything", "UTC"),
            ("bert@readers.example", "confirmed", "", "everything", "UTC"),
            ("juergen@bücher.example", "confirmed", "Jürgen Habicht", "everything", "UTC"),
        ],
        {},
    ),
    "mailman3-web.csv": (
        "list of addresses",
        [
            ("ada@readers.example", "confirmed", "", "everything", "UTC"),
            ("bert@readers.example", "confirmed", "", "everything", "UTC"),
        ],
        {},
    ),
    "mailman3-columns.csv": (
        "Mailman 3 export",
        [
            ("ada@readers.example", "confirmed", "Ada Lovelace", "everything", "UTC"),
            ("bert@readers.example", "unsubscribed", "", "", "UTC"),
            ("cyd@readers.example", "suppressed", "Cyd", "", "UTC"),
        ],
        {},
    ),
    "listmonk.csv": (
        "listmonk export",
        [
            ("ada@readers.example", "confirmed", "Ada Lovelace", "everything", "UTC"),
            ("bert@readers.example", "unsubscribed", "bert", "", "UTC"),
            ("cyd@readers.example", "suppressed", "Cyd", "", "UTC"),
        ],
        {},
    ),
    "listmonk-lists.csv": (
        "listmonk export",
        [
            ("ada@readers.example", "confirmed", "Ada", "quantum", "UTC"),
            ("bert@readers.example", "pending", "Bert", "quantum", "UTC"),
            ("cyd@readers.example", "unsubscribed", "Cyd", "", "UTC"),
        ],
        {("topic", "Company news"): 1},
    ),
    "subscribed_email_audience_export_0a1b2c3d4e.csv": (
        "Mailchimp export",
        [
            ("ada@readers.example", "confirmed", "Ada Lovelace", "quantum", "Europe/London"),
            ("bert@readers.example", "confirmed", "", "everything", "UTC"),
        ],
        {("topic", "VIP"): 2, ("timezone", "Mars/Olympus"): 1},
    ),
    "unsubscribed_email_audience_export_0a1b2c3d4e.csv": (
        "Mailchimp export",
        [("cyd@readers.example", "unsubscribed", "Cyd Ode", "", "UTC")],
        {},
    ),
    "cleaned_email_audience_export_0a1b2c3d4e.csv": (
        "Mailchimp export",
        [("dan@readers.example", "suppressed", "Dan", "", "UTC")],
        {},
    ),
    "nonsubscribed_email_audience_export_0a1b2c3d4e.csv": (
        "Mailchimp export",
        [("eve@readers.example", "pending", "Eve", "everything", "UTC")],
        {},
    ),
}


def import_file(scenario: SubscriberScenario, path: Path, **more: Any) -> tuple[str, ImportReport]:
    with Roster(path) as roster, DuplicateIndex() as seen:
        policy = ImportPolicy(
            **{
                "known_topics": TOPICS,
                "default_topics": ("everything",),
                "defaults": Preferences(),
                "confirmed": True,
                "now": NOON,
                "suppression_key": KEY,
                "topic_names": other_tools.titles(TITLES),
                "at_most": state_of_word(roster.status_by_name) if roster.status_by_name else None,
                **more,
            }
        )
        [batch] = roster.batches()
        return roster.format, import_rows(scenario.connection, batch, policy=policy, seen=seen)


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.iterdir()))
def test_export_of_another_tool_is_imported_unchanged(scenario: SubscriberScenario, sample: str) -> None:
    whose, everybody, unread = EXPECTED[sample]
    assert import_file(scenario, SAMPLES / sample) == (
        whose,
        ImportReport(
            added=len(everybody),
            unread=unread,  # type: ignore[arg-type]
            not_mailed=Counter(state for _, state, *_ in everybody if state != "confirmed"),
            first_confirmed=_confirmed(scenario),
            without_topics=sum(topics == "everything" for _, _, _, topics, _ in everybody),
        ),
    )
    assert [
        (
            person.address,
            str(person.state),
            person.name,
            ";".join(person.topics),
            person.preferences.timezone,
        )
        for person in queries.listed(scenario.connection)
    ] == everybody


def _confirmed(scenario: SubscriberScenario) -> list[int]:
    return [person.id for person in queries.listed(scenario.connection, state="confirmed")]


@pytest.mark.parametrize(
    "sample",
    [
        "unsubscribed_email_audience_export_0a1b2c3d4e.csv",
        "cleaned_email_audience_export_0a1b2c3d4e.csv",
    ],
)
def test_mailchimp_file_that_was_renamed_still_restricts_people(
    scenario: SubscriberScenario, tmp_path: Path, sample: str
) -> None:
    renamed = tmp_path / "audience.csv"
    renamed.write_bytes((SAMPLES / sample).read_bytes())
    import_file(scenario, renamed)
    assert _confirmed(scenario) == []


def test_export_changes_no_zone_of_a_known_person_by_a_guess(scenario: SubscriberScenario) -> None:
    scenario.add("ada@readers.example", "quantum", timezone="Europe/Berlin")
    import_file(scenario, SAMPLES / "subscribed_email_audience_export_0a1b2c3d4e.csv")
    ada, _ = queries.listed(scenario.connection)
    assert (ada.preferences.timezone, ada.name) == ("Europe/Berlin", "Ada Lovelace")


def test_people_who_left_there_leave_here_and_no_import_brings_them_back(
    scenario: SubscriberScenario,
) -> None:
    scenario.add("cyd@readers.example", "quantum")
    left = SAMPLES / "unsubscribed_email_audience_export_0a1b2c3d4e.csv"
    assert import_file(scenario, left)[1].updated == 1
    report = import_file(scenario, left, at_most=None)[1]
    assert (report.unchanged, report.refused) == (1, [])


def test_policy_restricts_a_whole_list_and_gives_it_a_topic(scenario: SubscriberScenario) -> None:
    import_file(scenario, SAMPLES / "mailman2.txt", at_most=State.UNSUBSCRIBED)
    import_file(scenario, SAMPLES / "mailman2-names.txt", topics=("quantum",))
    assert [(p.address, str(p.state), p.topics) for p in queries.listed(scenario.connection)] == [
        ("ada@readers.example", "unsubscribed", ()),
        ("bert@readers.example", "unsubscribed", ()),
        ("root@localhost", "unsubscribed", ()),
        ("marie@readers.example", "confirmed", ("quantum",)),
        ("juergen@bücher.example", "confirmed", ("quantum",)),
    ]


@pytest.mark.parametrize(
    "cell",
    ["Quantum circuits;VIP", '"Quantum circuits","VIP"', '["quantum", "VIP"]', "quantum|VIP", "QUANTUM\nVIP"],
)
def test_tagged_reads_every_way_of_joining(cell: str) -> None:
    found = list(other_tools.tagged(cell, other_tools.titles(TITLES)))
    assert [(name.casefold()[:7], slug) for name, slug in found] == [("quantum", "quantum"), ("vip", "")]


def test_decoded_keeps_text_that_is_not_an_encoded_word() -> None:
    assert other_tools.decoded("=?utf-8?q?J=C3=BCrgen?=") == "Jürgen"
    assert other_tools.decoded("=?nonsense?q?J=C3?=") == "=?nonsense?q?J=C3?="
    assert other_tools.decoded("What =? ever") == "What =? ever"
