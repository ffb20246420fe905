"""Imports: consent, refused rows with their numbers, and people whom an import does not bring back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from subscribers import queries
from subscribers.lifecycle import suppression, unsubscribe
from subscribers.preferences import Preferences
from subscribers.queries import State
from subscribers.roster.duplicates import DuplicateIndex
from subscribers.roster.importer import ImportReport, import_rows
from subscribers.roster.reader import Roster
from subscribers.roster.row_parser import ImportPolicy
from subscribers.suppression_key import suppressions
from tests.subscribers.conftest import KEY, NOON, TOPICS, SubscriberScenario, later


def import_text(
    scenario: SubscriberScenario,
    tmp_path: Path,
    content: str,
    *,
    confirmed: bool = True,
    dry_run: bool = False,
    day: int = 0,
) -> ImportReport:
    path = tmp_path / "roster.csv"
    path.write_text(content, encoding="utf-8")
    policy = ImportPolicy(
        known_topics=TOPICS,
        default_topics=("everything",),
        defaults=Preferences(),
        confirmed=confirmed,
        now=later(day),
        suppression_key=KEY,
    )
    total = ImportReport()
    with Roster(path) as roster, DuplicateIndex() as seen:
        for batch in roster.batches():
            report = import_rows(scenario.connection, batch, policy=policy, seen=seen, dry_run=dry_run)
            total.added += report.added
            total.updated += report.updated
            total.unread.update(report.unread)
            total.unchanged += report.unchanged
            total.refused += report.refused
            total.changes += report.changes
    return total


def people(scenario: SubscriberScenario) -> list[tuple[Any, ...]]:
    return [
        (person.address, str(person.state), person.topics) for person in queries.listed(scenario.connection)
    ]


ROSTER = """email,name,topics,cadence,weekday,hour,timezone
ada@example.org,Ada,circuits;quantum,weekly,friday,9,Europe/Berlin
Bob <bob@example.org>,,,,,,
"""


def test_import_rows_with_consent_confirms(scenario: SubscriberScenario, tmp_path: Path) -> None:
    assert import_text(scenario, tmp_path, ROSTER) == ImportReport(added=2)
    assert people(scenario) == [
        ("ada@example.org", "confirmed", ("circuits", "quantum")),
        ("bob@example.org", "confirmed", ("everything",)),
    ]
    ada, bob = queries.listed(scenario.connection)
    assert (ada.name, bob.name) == ("Ada", "Bob")
    assert ada.preferences == Preferences(
        cadence="weekly", weekday="friday", hour=9, timezone="Europe/Berlin"
    )


def test_import_rows_without_consent_leaves_people_pending(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    assert import_text(scenario, tmp_path, ROSTER, confirmed=False) == ImportReport(added=2)
    assert {state for _, state, _ in people(scenario)} == {"pending"}
    assert import_text(scenario, tmp_path, ROSTER, confirmed=True, day=1) == ImportReport(updated=2)
    assert {person.slots_done_to for person in queries.listed(scenario.connection)} == {later(1)}


def test_import_rows_again_changes_nothing(scenario: SubscriberScenario, tmp_path: Path) -> None:
    import_text(scenario, tmp_path, ROSTER)
    before = list(queries.listed(scenario.connection))
    assert import_text(scenario, tmp_path, ROSTER, day=1) == ImportReport(unchanged=2)
    assert list(queries.listed(scenario.connection)) == before


def test_import_rows_updates_what_a_row_gives(scenario: SubscriberScenario, tmp_path: Path) -> None:
    import_text(scenario, tmp_path, ROSTER)
    changed = "email,topics,hour\nada@example.org,everything,\nbob@example.org,,20\n"
    assert import_text(scenario, tmp_path, changed, day=1) == ImportReport(updated=2)
    ada, bob = queries.listed(scenario.connection)
    assert (ada.topics, ada.preferences.hour) == (("circuits", "everything", "quantum"), 9)
    assert (bob.topics, bob.preferences.hour, bob.slots_done_to) == (("everything",), 20, later(1))


def test_import_rows_refuses_rows_by_number_and_imports_the_rest(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    content = """email,topics,cadence,hour
ada@example,,,
bob@example.org,quantm,,
cyd@example.org,,hourly,
dan@example.org,,,25
ok@example.org,quantum,,
OK@EXAMPLE.org,circuits,,
"""
    assert import_text(scenario, tmp_path, content) == ImportReport(
        added=1,
        refused=[
            {
                "row": 2,
                "reason": "'ada@example' is not an email address: The part after the @-sign is not valid. "
                "It should have a period. Write it as ada@example.org or Ada Lovelace <ada@example.org>.",
            },
            {
                "row": 3,
                "reason": "there is no topic 'quantm'. Did you mean quantum? "
                "There are circuits, quantum, everything.",
            },
            {"row": 4, "reason": "cadence: 'hourly' is none of daily, weekdays, weekly"},
            {"row": 5, "reason": "hour: '25' is not a whole number from 0 to 23"},
            {"row": 7, "reason": "the same address as row 6"},
        ],
    )
    assert people(scenario) == [("ok@example.org", "confirmed", ("quantum",))]


def test_import_rows_brings_nobody_back(scenario: SubscriberScenario, tmp_path: Path) -> None:
    left = scenario.add("left@example.org", "quantum")
    unsubscribe.unsubscribe(scenario.connection, subscriber_id=left.person.id, how="web", now=NOON)
    suppression.suppress(
        scenario.connection,
        address="gone@example.org",
        reason="complaint",
        how="complaint",
        now=NOON,
        key=KEY,
    )
    erased = scenario.add("erased@example.org")
    suppression.forget(scenario.connection, subscriber_id=erased.person.id, how="web", now=NOON, key=KEY)
    before = people(scenario)
    report = import_text(
        scenario, tmp_path, "email\nleft@example.org\ngone@example.org\nerased@example.org\n"
    )
    assert [(refusal["row"], refusal["reason"].split(". ")[0]) for refusal in report.refused] == [
        (2, "left@example.org has unsubscribed, and an import brings nobody back"),
        (3, "gone@example.org is suppressed since 2026-01-05 (complaint)"),
        (4, "the person at erased@example.org asked on 2026-01-05 to be forgotten"),
    ]
    assert (report.added, report.updated, people(scenario)) == (0, 0, before)


def test_import_rows_follows_no_topic_again_that_was_left(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    added = scenario.add("ada@example.org", "quantum", "circuits")
    unsubscribe.unsubscribe(
        scenario.connection, subscriber_id=added.person.id, topics=["quantum"], how="web", now=NOON
    )
    content = "email,topics\nada@example.org,quantum;circuits\n"
    assert import_text(scenario, tmp_path, content) == ImportReport(unchanged=1)
    assert people(scenario) == [("ada@example.org", "confirmed", ("circuits",))]


def test_import_rows_uses_a_state_column_only_to_restrict(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    content = """email,state
a@example.org,confirmed
b@example.org,pending
c@example.org,unsubscribed
d@example.org,suppressed
e@example.org,gone
"""
    report = import_text(scenario, tmp_path, content)
    assert (report.added, report.refused) == (
        4,
        [
            {
                "row": 6,
                "reason": "there is no state 'gone'. There are pending, confirmed, unsubscribed, suppressed. "
                "If it does not say who may be mailed, name that column with --ignore-column.",
            }
        ],
    )
    expected = [
        ("a@example.org", "confirmed", ("everything",)),
        ("b@example.org", "pending", ("everything",)),
        ("c@example.org", "unsubscribed", ()),
        ("d@example.org", "suppressed", ()),
    ]
    assert people(scenario) == expected
    assert import_text(scenario, tmp_path, content, day=1).unchanged == 4
    assert people(scenario) == expected


def test_import_rows_believes_a_roster_that_somebody_left(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    scenario.add("a@example.org")
    scenario.add("b@example.org")
    content = "email,state\na@example.org,unsubscribed\nb@example.org,suppressed\nc@example.org,suppressed\n"
    assert import_text(scenario, tmp_path, content) == ImportReport(added=1, updated=2)
    assert [person.state for person in queries.listed(scenario.connection)] == [
        State.UNSUBSCRIBED,
        State.SUPPRESSED,
        State.SUPPRESSED,
    ]


def test_import_rows_ignores_the_weekday_of_a_daily_row(scenario: SubscriberScenario, tmp_path: Path) -> None:
    content = "email,cadence,weekday\na@example.org,daily,monday\nb@example.org,,monday\n"
    report = import_text(scenario, tmp_path, content)
    assert report.added == 1
    assert report.refused == [
        {
            "row": 3,
            "reason": "weekday: daily digests have no weekday of their own. Give the cadence weekly with it.",
        }
    ]


def test_import_rows_dry_reports_the_difference_and_stores_nothing(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    scenario.add("ada@example.org", "quantum")
    content = "email,hour,state\nada@example.org,9,\nbob@example.org,,\ncyd@example.org,,suppressed\nbad,,\n"
    report = import_text(scenario, tmp_path, content, dry_run=True)
    assert (report.added, report.updated, len(report.refused)) == (2, 1, 1)
    newcomer = {
        "state": "confirmed",
        "topics": ["everything"],
        "name": "",
        "cadence": "daily",
        "weekday": None,
        "hour": 7,
        "timezone": "UTC",
        "text_only": False,
        "minimum": 1,
        "maximum": None,
        "cards": 10,
        "maybe": False,
        "paused_until": None,
    }
    assert report.changes == [
        {
            "row": 2,
            "address": "ada@example.org",
            "change": "updated",
            "before": {"hour": 7},
            "after": {"hour": 9},
        },
        {"row": 3, "address": "bob@example.org", "change": "added", "before": {}, "after": newcomer},
        {
            "row": 4,
            "address": "cyd@example.org",
            "change": "added",
            "before": {},
            "after": {**newcomer, "state": "suppressed", "topics": []},
        },
    ]
    assert people(scenario) == [("ada@example.org", "confirmed", ("quantum",))]
    assert scenario.connection.execute(select(suppressions)).all() == []
    wet = import_text(scenario, tmp_path, content)
    assert (wet.added, wet.updated, wet.refused) == (report.added, report.updated, report.refused)


def test_import_rows_dry_reports_each_field_before_and_after(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    scenario.add("a@example.org", "quantum", name="A")
    scenario.add("b@example.org", "quantum")
    scenario.add("c@example.org", "quantum", confirmed=False)
    scenario.add("d@example.org", "quantum")
    content = """email,name,topics,state,paused_until,maximum
a@example.org,Ada,circuits,,2026-02-01,9
b@example.org,,,unsubscribed,,
c@example.org,,,,,
d@example.org,,,suppressed,2025-01-01,
"""
    report = import_text(scenario, tmp_path, content, dry_run=True)
    differences = [(change["row"], change["before"], change["after"]) for change in report.changes]
    assert differences == [
        (
            2,
            {"topics": ["quantum"], "name": "A", "maximum": None, "paused_until": None},
            {
                "topics": ["circuits", "quantum"],
                "name": "Ada",
                "maximum": 9,
                "paused_until": "2026-02-01T00:00:00+00:00",
            },
        ),
        (3, {"state": "confirmed", "topics": ["quantum"]}, {"state": "unsubscribed", "topics": []}),
        (4, {"state": "pending"}, {"state": "confirmed"}),
        (5, {"state": "confirmed", "topics": ["quantum"]}, {"state": "suppressed", "topics": []}),
    ]
    after_import = {change["address"]: change["after"] for change in report.changes}
    import_text(scenario, tmp_path, content)
    for person in queries.listed(scenario.connection):
        row = person.row()
        assert {name: row[name] for name in after_import[person.address]} == after_import[person.address]


def test_import_rows_pauses(scenario: SubscriberScenario, tmp_path: Path) -> None:
    scenario.add("a@example.org")
    scenario.add("b@example.org")
    content = """email,paused_until
a@example.org,2026-02-01T08:00+01:00
b@example.org,2025-02-01
c@example.org,2025-02-01
d@example.org,soon
e@example.org,0001-01-01T00:00+14:00
"""
    report = import_text(scenario, tmp_path, content)
    assert (report.added, report.updated, report.unchanged) == (1, 1, 1)
    assert [refused["reason"] for refused in report.refused] == [
        "paused_until: 'soon' is no date. Such as 2026-05-01.",
        "paused_until: '0001-01-01T00:00+14:00' is no date. Such as 2026-05-01.",
    ]
    assert [person.paused_until for person in queries.listed(scenario.connection)] == [
        datetime(2026, 2, 1, 7, tzinfo=UTC),
        None,  # a pause in the past does not count for a known person
        datetime(2025, 2, 1, tzinfo=UTC),
    ]
    assert import_text(scenario, tmp_path, content, day=1).unchanged == 3


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("a@x.org, b@x.org", "'a@x.org, b@x.org' holds several addresses. Give each a row of its own."),
        ("a@x.org;b@x.org", "'a@x.org;b@x.org' holds several addresses. Give each a row of its own."),
        ("A <a@x.org>, B <b@x.org>", "holds several addresses"),
        ("A <a@x.org> / B <b@x.org>", "holds several addresses"),
        ("a@x.org b@x.org", "is not an email address"),
        ("", "there is no address in this row"),
        ("x" * 65 + "@x.org", "is not an email address"),
        ("a@" + "x." * 130 + "org", "is not an email address"),
        ("Name <a@x.org", "is not an email address"),
        ("a@b", "is not an email address"),
    ],
)
def test_import_rows_refuses_a_cell_that_is_not_one_address(
    scenario: SubscriberScenario, tmp_path: Path, cell: str, reason: str
) -> None:
    report = import_text(scenario, tmp_path, f'email,name\n"{cell}",A\nok@example.org,Ok\n')
    assert report.added == 1
    [refused] = report.refused
    assert refused["row"] == 2
    assert reason in refused["reason"]


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("a@x.org", False),  # many programs write the address there
        ("Doe, J (at j@y.org)", True),
        ("A@HOME", True),
        ("Urgent: verify at http://evil.example/x", True),
    ],
)
def test_import_rows_leaves_out_a_name_that_holds_a_link_or_an_address(
    scenario: SubscriberScenario, tmp_path: Path, name: str, left_out: bool
) -> None:
    report = import_text(scenario, tmp_path, f'email\n"{name} <a@x.org>"\n')
    assert report.refused == []
    [person] = queries.listed(scenario.connection)
    assert (person.address, person.name) == ("a@x.org", "")
    assert dict(report.unread) == ({("name", name): 1} if left_out else {})


def test_import_rows_reads_every_preference(scenario: SubscriberScenario, tmp_path: Path) -> None:
    content = "email,text_only,minimum,maximum\na@example.org,TRUE,2,20\nb@example.org,maybe,,\n"
    report = import_text(scenario, tmp_path, content)
    assert [refused["row"] for refused in report.refused] == [3]
    [person] = queries.listed(scenario.connection)
    assert person.preferences == Preferences(text_only=True, minimum=2, maximum=20)


def test_import_rows_names_every_fault_of_a_row(scenario: SubscriberScenario, tmp_path: Path) -> None:
    content = """email,topics,cadence,weekday,hour,timezone,status,bounced,paused_until,minimum,maximum
ok@example.org,quantum,,,,,,,,,
nobody,quantm;circuts,hourly,fri,25,GMT+2,paid,perhaps,soon,5,2
OK@example.org,,,,99,,,,,,
bad@example.org,,,,7,Mars,,,,0,
"""
    report = import_text(scenario, tmp_path, content)
    assert report.added == 1
    first, again, bad = (refused["reason"] for refused in report.refused)
    for fault in (
        "'nobody' is not an email address",
        "the status 'paid' is not known",
        "the status 'perhaps' is not known",
        "cadence: 'hourly' is none of",
        "hour: '25' is not a whole number",
        "timezone: 'GMT+2' is no time zone. Zones with that offset",
        "maximum: 2 is less than the minimum, 5",
        "there is no topic 'quantm', 'circuts'. Did you mean quantum and circuits?",
        "paused_until: 'soon' is no date",
    ):
        assert fault in first
    assert again == "hour: '99' is not a whole number from 0 to 23; the same address as row 2"
    assert "timezone: 'Mars' is no time zone" in bad
    assert "minimum: '0' is not a whole number" in bad


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ("name", "e" + "\u0301" * 40_000),
        ("name", "\u0f71\u0f72" * 20_000),
        ("first name", "a" * 100_000),
        ("topics", ";".join(f"topic{n}" for n in range(10_000))),
        ("topics", "q" * 100_000),
        ("timezone", "Europe/" + "B" * 100_000),
        ("cadence", "daily" * 20_000),
        ("hour", "7" * 100_000),
        ("paused_until", "2026-01-01" * 10_000),
        ("tags", ";".join("ab" for _ in range(40_000))),
        ("minimum", "1" * 100_000),
    ],
)
def test_import_rows_refuses_a_cell_that_is_too_long_before_looking_at_it(
    scenario: SubscriberScenario, tmp_path: Path, title: str, cell: str
) -> None:
    report = import_text(scenario, tmp_path, f"email,{title}\na@example.org,{cell}\nb@example.org,\n")
    [refused] = report.refused
    assert (report.added, refused["row"]) == (1, 2)
    assert "characters long; at most" in refused["reason"]
    assert len(refused["reason"]) < 300


@pytest.mark.parametrize(
    "cell",
    ["a" * 100_000 + "@example.org", "e" + "\u0301" * 40_000 + "@example.org", "N <" * 40_000 + "a@x.org>"],
)
def test_import_rows_refuses_an_address_that_is_too_long(
    scenario: SubscriberScenario, tmp_path: Path, cell: str
) -> None:
    [refused] = import_text(scenario, tmp_path, f"email,name\n{cell},A\n").refused
    assert "characters long; at most 1,000 are read" in refused["reason"]


def test_import_rows_counts_new_people_who_get_the_default_topic(
    scenario: SubscriberScenario, tmp_path: Path
) -> None:
    scenario.add("known@example.org", "quantum")
    content = """email,topics,state
known@example.org,,
new@example.org,,
pending@example.org,,pending
left@example.org,,unsubscribed
gone@example.org,,suppressed
named@example.org,quantum,
"""
    for dry_run in (True, False):
        path = tmp_path / "roster.csv"
        path.write_text(content, "utf-8")
        with Roster(path) as roster, DuplicateIndex() as seen:
            [batch] = roster.batches()
            policy = ImportPolicy(
                known_topics=TOPICS,
                default_topics=("everything",),
                defaults=Preferences(),
                confirmed=True,
                now=NOON,
                suppression_key=KEY,
            )
            report = import_rows(scenario.connection, batch, policy=policy, seen=seen, dry_run=dry_run)
        assert (report.added, report.without_topics) == (5, 2)
