"""`why` for single days, by what was chosen then. The simulated year holds every day against a model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from newsletter.core.states import DeliveryState
from newsletter.db.engine import writing
from newsletter.pipeline.explain.why import WhyAnswer, why
from subscribers.lifecycle import signup, suppression, unsubscribe
from subscribers.preferences import Preferences
from tests.pipeline.scenario import Scenario, utc

ADDRESS = "ada@example.org"
KEY = b"suppression key of the tests"


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[Scenario]:
    scenario = Scenario(tmp_path, url=database_url)
    yield scenario
    scenario.engine.dispose()


def _why(scenario: Scenario, reader: int, day: int, *, now: str = "2026-04-30T12:00") -> WhyAnswer:
    on = date(2026, 4, day)
    return why(scenario.engine, subscriber_id=reader, address=ADDRESS, on=on, now=utc(now))


def test_change_of_cadence_leaves_the_reasons_of_days_gone_by(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"]})
    for day in (13, 14):
        scenario.day(f"2026-04-{day}T07:00")
    scenario.reader(ADDRESS, joined="2026-04-14T12:00", cadence="weekly", weekday="friday", hour=20)
    for day in (15, 16, 17):
        scenario.day(f"2026-04-{day}T20:00")
    assert [_why(scenario, ada, day).reason for day in range(12, 18)] == [
        "not subscribed yet at that slot",
        "sent at 07:00 (UTC)",
        "nothing new in the topics they follow",
        "no slot on that day: the cadence is weekly on friday",
        "no slot on that day: the cadence is weekly on friday",
        "nothing new in the topics they follow",
    ]


def test_pause_that_was_ended_explains_the_days_that_it_lasted(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    for at, until in (("2026-04-13T08:00", utc("2026-04-25T12:00")), ("2026-04-15T09:00", None)):
        with writing(scenario.engine) as connection:
            unsubscribe.pause(connection, subscriber_id=ada, until=until, how="web", now=utc(at))
        if until is not None:
            for day in (14, 15):
                scenario.day(f"2026-04-{day}T07:00")
    scenario.day("2026-04-16T07:00")
    assert [_why(scenario, ada, day).reason for day in (14, 15, 16)] == [
        "paused",
        "paused",
        "nothing new in the topics they follow",
    ]


def test_what_is_too_few_is_counted(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00", minimum=3)
    for day in (13, 14):
        scenario.edition(f"2026-04-{day}T05:00", {f"P{day}": ["circuits"]})
        scenario.day(f"2026-04-{day}T07:00")
    assert [_why(scenario, ada, day).reason for day in (13, 14)] == [
        "1 paper waits, fewer than the minimum of 3",
        "2 papers wait, fewer than the minimum of 3",
    ]


def test_day_on_which_nothing_ran_is_told_from_one_that_may_still_be_made_up_for(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    scenario.day("2026-04-13T07:00")
    assert [_why(scenario, ada, day, now="2026-04-15T09:00").reason for day in (14, 15, 16)] == [
        "nothing was sent to anybody: no run between that slot and the next",
        "no run since that slot",
        "the slot at 07:00 has not come yet",
    ]


def test_run_for_another_reader_alone_is_no_run(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    bob = scenario.reader("bob@example.org", "circuits", joined="2026-04-12T12:00")
    scenario.compose("2026-04-13T07:00", only=bob)
    assert _why(scenario, ada, 13, now="2026-04-13T08:00").reason == "no run since that slot"
    assert _why(scenario, bob, 13, now="2026-04-13T08:00").reason == "nothing new in the topics they follow"


def test_hour_that_was_changed_before_it_came_gives_its_slot_up(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00", hour=12)
    scenario.reader(ADDRESS, joined="2026-04-13T10:00", hour=9)
    scenario.day("2026-04-13T12:00")
    assert _why(scenario, ada, 13).reason == "the hour or cadence was changed that day, and the slot given up"


def test_digest_that_came_late_is_told_on_both_days(scenario: Scenario) -> None:
    chosen = {"cadence": "weekdays", "hour": 18, "timezone": "Europe/Berlin"}
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-03-30T12:00", **chosen)
    scenario.edition("2026-04-03T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-06T10:00")
    friday, monday = (_why(scenario, ada, day, now="2026-04-06T11:00") for day in (3, 6))
    late = "sent on 6 April at 12:00 (Europe/Berlin), late, for this day's slot"
    assert (friday.mailed, friday.reason, friday.came) == (True, late, [])
    assert (monday.mailed, monday.came, monday.deliveries) == (False, friday.deliveries, [])
    assert monday.reason == (
        "the slot at 18:00 has not come yet; the digest for 3 April came on this day at 12:00"
    )


def test_papers_of_a_held_edition_are_not_called_nothing_new(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    number = scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "B": ["circuits"]}, held=True)
    early = _why(scenario, ada, 13, now="2026-04-13T06:00")
    scenario.day("2026-04-13T07:00")
    waits = f"2 papers wait: edition {number} is held"
    assert early.reason == f"the slot at 07:00 has not come yet; {waits}"
    assert _why(scenario, ada, 13).reason == waits


def test_only_what_waits_for_a_slot_is_listed_before_it(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-13T05:00", {"A": ["circuits"], "Q": ["quantum"]})
    answer = _why(scenario, ada, 13, now="2026-04-13T06:00")
    assert answer.reason == "the slot at 07:00 has not come yet; 1 paper waits for it"
    assert [(p["title"], p["reason"]) for p in answer.left_out] == [("A", "it waits for the slot")]
    assert _why(scenario, ada, 14, now="2026-04-13T06:00").left_out == []


def test_paper_that_another_mail_brought_is_said_to_have_come_with_it(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    scenario.edition("2026-04-14T09:00", {"A": ["circuits"]})
    scenario.compose("2026-04-14T10:00", everyone=True)
    scenario.all_become(DeliveryState.SENT, at="2026-04-14T10:00")
    scenario.edition("2026-04-15T05:00", {"B": ["circuits"]})
    scenario.day("2026-04-15T07:00")
    answer = _why(scenario, ada, 15)
    assert [paper["title"] for paper in answer.papers] == ["B"]
    assert [(p["title"], p["reason"]) for p in answer.left_out] == [
        ("A", "it came with the digest for 14 April")
    ]


def test_who_gets_no_mail_is_told_so_for_days_to_come(scenario: Scenario) -> None:
    now = "2026-04-14T12:00"
    left, barred, paused = (
        scenario.reader(f"{name}@example.org", "circuits", joined="2026-04-12T12:00")
        for name in ("left", "barred", "paused")
    )
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(connection, subscriber_id=left, how="web", now=utc("2026-04-13T09:00"))
        suppression.suppress(
            connection,
            address="barred@example.org",
            reason="admin",
            how="admin",
            now=utc("2026-04-13T10:00"),
            key=KEY,
        )
        unsubscribe.pause(
            connection, subscriber_id=paused, until=utc("2026-04-20T12:00"), how="web", now=utc(now)
        )
    reasons = [_why(scenario, reader, 16, now=now).reason for reader in (left, barred, paused)]
    assert reasons == [
        "unsubscribed on 13 April; no mail comes",
        "suppressed on 13 April; no mail comes",
        "paused until 20 April",
    ]
    assert _why(scenario, paused, 21, now=now).reason == "the slot at 07:00 has not come yet"
    gone_by = [_why(scenario, reader, 16).reason for reader in (left, barred)]
    assert gone_by == ["unsubscribed before that slot", "suppressed before that slot"]
    answer = why(scenario.engine, subscriber_id=left, address=ADDRESS, on=date(2026, 4, 13), now=utc(now))
    assert answer.reason != "unsubscribed on 13 April; no mail comes"  # its slot was before


def test_who_never_confirmed_is_told_so(scenario: Scenario) -> None:
    with writing(scenario.engine) as connection:
        asked = signup.add(
            connection,
            address="eve@example.org",
            topics_wanted=["circuits"],
            known_topics=["circuits"],
            given={"timezone": "Asia/Tokyo"},
            confirmed=False,
            how="web",
            now=utc("2026-04-13T09:00"),
            suppression_key=KEY,
            defaults=Preferences(),
            default_topics=("circuits",),
        ).person.id
    answer = why(scenario.engine, subscriber_id=asked, address=ADDRESS, on=None, now=utc("2026-04-14T20:00"))
    assert (answer.reason, answer.on, answer.papers) == (
        "not confirmed yet: asked on 13 April; no digest comes before that",
        date(2026, 4, 14),  # the zone that they asked for counts once they confirm
        [],
    )


@pytest.mark.parametrize(
    ("cadence", "left_at", "now", "reasons"),
    [
        # (what `why` says of 14 April, a Tuesday, and of the next day)
        ("weekly", "14T20:02", "14T21:00", ("unsubscribed at 20:02", "unsubscribed on 14 April")),
        ("weekdays", "14T20:02", "14T21:00", ("unsubscribed at 20:02", None)),
        ("daily", "14T06:30", "14T06:40", ("unsubscribed at 06:30", None)),
        ("weekly", "13T06:30", "16T06:40", ("unsubscribed on 13 April", "unsubscribed on 13 April")),
    ],
)
def test_day_on_which_a_reader_left_says_so(
    scenario: Scenario, cadence: str, left_at: str, now: str, reasons: tuple[str, str | None]
) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-06T12:00", cadence="weekly", weekday="friday")
    if cadence != "weekly":
        changed_at = "2026-04-14T06:20" if left_at.endswith("06:30") else "2026-04-14T20:00"
        scenario.reader(ADDRESS, joined=changed_at, cadence=cadence)
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(connection, subscriber_id=ada, how="one-click", now=utc(f"2026-04-{left_at}"))
    for day, reason in zip((14, 15), reasons, strict=True):
        if reason is not None:
            assert _why(scenario, ada, day, now=f"2026-04-{now}").reason == reason


def test_who_came_back_is_not_said_to_have_left(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-06T12:00", cadence="weekly", weekday="friday")
    with writing(scenario.engine) as connection:
        unsubscribe.unsubscribe(connection, subscriber_id=ada, how="web", now=utc("2026-04-14T09:00"))
    scenario.reader(ADDRESS, "circuits", joined="2026-04-15T09:00")
    reasons = [_why(scenario, ada, day).reason for day in (13, 14, 15)]
    assert reasons[1] == "unsubscribed at 09:00"
    assert not [reason for reason in (reasons[0], reasons[2]) if "unsubscribed" in reason]


def test_two_mails_of_a_day_are_told_apart(scenario: Scenario) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-12T12:00")
    first = scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-14T07:00")
    second = scenario.edition("2026-04-14T12:00", {"B": ["circuits"]})
    scenario.compose("2026-04-14T19:55", everyone=True)
    scenario.all_become(DeliveryState.SENT, at="2026-04-14T19:55")
    answer = _why(scenario, ada, 14)
    assert answer.reason == "sent at 07:00 and 19:55 (UTC)"
    ids = {paper["title"]: paper["id"] for paper in answer.papers}
    assert [(mail["at"][11:16], mail["editions"], mail["papers"]) for mail in answer.mails] == [
        ("07:00", [first], [ids["A"]]),
        ("19:55", [second], [ids["B"]]),
    ]


@pytest.mark.parametrize(
    ("held", "more"),
    [
        ({"held": True}, "; 1 paper waits: edition {number} is held"),
        ({}, ""),
    ],
)
@pytest.mark.parametrize("ready_at", ["2026-04-14T06:00", "2026-04-14T12:00", "2026-04-10T12:00"])
def test_edition_that_is_held_is_told_beside_a_mail(
    scenario: Scenario, held: dict[str, bool], more: str, ready_at: str
) -> None:
    ada = scenario.reader(ADDRESS, "circuits", joined="2026-04-09T12:00")
    if held:
        number = scenario.edition(ready_at, {"H": ["circuits"]}, **held)
        more = more.format(number=number)
    scenario.edition("2026-04-14T05:00", {"A": ["circuits"]})
    scenario.day("2026-04-14T07:00")
    assert _why(scenario, ada, 14, now="2026-04-14T21:00").reason == f"sent at 07:00 (UTC){more}"
