"""The preferences page: choices are saved, and errors appear at their fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from newsletter.db.engine import reading
from newsletter.db.schema import paper_topics
from newsletter.papers import queries
from newsletter.render.view_models import MOST_MATCHED
from subscribers.preferences import Preferences
from tests.web.newsletter_site import NewsletterSite, words_of

ALL: dict[str, Any] = {
    "topics": ["circuits", "quantum"],
    "cadence": "weekdays",
    "weekday": "monday",
    "hour": "21",
    "timezone": "America/New_York",
    "text_only": "on",
    "maybe": "on",
    "minimum": "2",
    "maximum": "10",
    "cards": "20",
}


def test_all_choices_are_saved_and_shown(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", "everything")
    page = website.post(website.preferences(ada), **ALL)
    assert "Saved. It holds from now on." in page
    after = website.person("ada@example.org")
    assert after.topics == ("circuits", "quantum")
    assert after.preferences == Preferences(
        cadence="weekdays",
        hour=21,
        timezone="America/New_York",
        text_only=True,
        maybe=True,
        minimum=2,
        maximum=10,
        cards=20,
    )
    for shown in (
        'value="quantum" checked',
        'value="weekdays" checked',
        'value="21" selected',
        'value="20" selected',
    ):
        assert shown in page
    assert 'value="everything" checked' not in page
    assert website.events(ada)[2:] == [
        ("followed", "web", ["quantum"]),
        ("changed", "web", []),
        ("left", "web", ["everything"]),
    ]


def test_boxes_and_numbers_can_be_cleared_again(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    website.post(website.preferences(ada), **ALL)
    website.post(
        website.preferences(ada), topics="circuits", cadence="daily", hour="7", timezone="UTC", minimum=""
    )
    assert website.person("ada@example.org").preferences == Preferences(cards=20)


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"topics": []}, "topics", "None is chosen. Choose at least one"),
        ({"topics": ["cooking"]}, "topics", "There is no topic 'cooking'"),
        ({"hour": "24"}, "hour", "is not a whole number"),
        ({"timezone": "Nowhere/City"}, "timezone", "is no time zone"),
        ({"timezone": "GMT+2"}, "timezone", "Europe/Athens"),
        ({"timezone": "localtime"}, "timezone", "is no time zone"),
        ({"timezone": "Eastern Time"}, "timezone", "America/New_York"),
        ({"minimum": "11"}, "maximum", "10 is less than the minimum, 11"),
        ({"maximum": "0"}, "maximum", "is not a whole number from 1 to 1000"),
        ({"cards": "7"}, "cards", "is none of 5, 10, 20, all"),
        ({"minimum": "many"}, "minimum", "is not a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_value_is_reported_at_its_field_and_nothing_is_stored(
    website: NewsletterSite, changed: dict[str, Any], field: str, words: str
) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    before = website.everything()
    page = website.post(website.preferences(ada), status=422, **{**ALL, **changed})
    assert f'id="{field}-wrong"' in page
    assert words in words_of(page)
    assert 'value="America/New_York"' in page or field == "timezone"
    assert website.everything() == before


def test_a_pause_lasts_until_the_morning_of_its_date_and_can_be_ended(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits", timezone="Europe/Berlin")
    page = website.post(f"{website.preferences(ada)}/pause", until="2026-05-01")
    assert "Paused until 1 May 2026." in words_of(page)
    assert website.person("ada@example.org").paused_until == datetime(2026, 4, 30, 22, tzinfo=UTC)
    page = website.post(f"{website.preferences(ada)}/pause", end="1")
    assert "The pause is over." in page
    assert website.person("ada@example.org").paused_until is None


@pytest.mark.parametrize("until", ["2026-04-17", "2020-01-01", "2030-01-01", "soon", "", "9999-12-31"])
def test_an_invalid_pause_is_refused_at_its_field(website: NewsletterSite, until: str) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    page = website.post(f"{website.preferences(ada)}/pause", status=422, until=until)
    assert 'id="until-wrong"' in page
    assert website.person("ada@example.org").paused_until is None


def test_sent_digests_and_their_reasons_are_shown(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    assert "Nothing yet." in website.get(f"{website.preferences(ada)}/sent")
    website.newsletter.ingest_samples([16, 17], hour="13:00")
    website.newsletter.send("2026-04-18T07:01")
    website.now = datetime(2026, 4, 18, 8, tzinfo=UTC)
    page = website.get(f"{website.preferences(ada)}/sent")
    assert "18 April 2026" in page
    digest = page.partition('href="http://localhost:8000')[2].partition('"')[0]
    assert digest.startswith("/digests/")
    assert website.newsletter.published_titles("circuits")[0] in website.get(digest) or "<h3" in website.get(
        digest
    )
    why = words_of(website.get(f"{website.preferences(ada)}/why"))
    assert "Saturday 18 April 2026 A digest was mailed: sent at" in why
    assert "In it" in why
    other = words_of(website.get(f"{website.preferences(ada)}/why?on=2026-04-10"))
    assert "No digest was mailed: not subscribed yet at that slot." in other
    assert 'id="on-wrong"' in website.get(f"{website.preferences(ada)}/why?on=someday", status=422)


def test_a_paper_is_shown_with_its_matched_words(website: NewsletterSite) -> None:
    eve = website.subscribed("eve@example.org", "quantum", "everything")
    website.newsletter.ingest_samples([17], hour="13:00")
    website.newsletter.send("2026-04-18T07:01")
    website.now = datetime(2026, 4, 18, 8, tzinfo=UTC)
    with reading(website.newsletter.engine) as connection:
        (paper,) = [row for row in queries.rows(connection) if row["title"].startswith("LiDMaS")]
    (found,) = [topic["evidence"] for topic in paper["topics"] if topic["topic"] == "quantum"]
    assert "Magic-State" in found
    line = f"{paper['title']} Quantum · matched: {', '.join(found[:MOST_MATCHED])}"
    sent, why = (words_of(website.get(f"{website.preferences(eve)}/{page}")) for page in ("sent", "why"))
    assert line in sent
    assert line in why
    assert "Everything · matched" not in sent + why  # no phrases were matched


def test_doubtful_papers_that_a_mail_carried_are_listed_as_such(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "quantum")
    website.post(
        website.preferences(ada), topics="quantum", cadence="daily", hour="7", timezone="UTC", maybe="on"
    )
    website.newsletter.ingest_samples([17], hour="13:00")
    with reading(website.newsletter.engine) as connection:
        (doubted,) = [row for row in queries.rows(connection) if row["title"].startswith("AttackGNN")]
    row = {"paper_id": doubted["id"], "topic": "quantum", "score": 0.3, "strength": "maybe"}
    website.write(insert(paper_topics).values(row | {"evidence": ["tunnelling"]}))
    website.newsletter.send("2026-04-18T07:01")
    website.now = datetime(2026, 4, 18, 8, tzinfo=UTC)
    line = f"{doubted['title']} Quantum · matched: tunnelling"
    sent = words_of(website.get(f"{website.preferences(ada)}/sent"))
    assert "1 paper and 1 doubtful" in sent
    assert f"Perhaps also yours: {line}" in sent
    why = words_of(website.get(f"{website.preferences(ada)}/why"))
    assert f"Perhaps also yours {line}" in why
    assert f"{doubted['title']} in no topic" not in why


def test_a_reader_who_left_is_offered_to_come_back(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    path = website.preferences(ada)
    website.post(f"/u/{ada.leave_id}")
    page = website.get(path)
    assert "You are unsubscribed" in page
    assert f"/u/{ada.leave_id}/undo" in page
    website.post(path, topics="quantum")
    assert website.person("ada@example.org").state == "unsubscribed"


def test_a_pending_person_is_asked_to_confirm(website: NewsletterSite) -> None:
    website.sign_up("ada@example.org", "circuits")
    website.messages()
    assert "Not confirmed yet" in website.get(
        website.preferences(website.person("ada@example.org")), status=409
    )


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "nonsense"])
def test_a_day_before_any_mail_is_refused_at_its_field(website: NewsletterSite, zone: str, day: str) -> None:
    ada = website.subscribed("ada@example.org", "circuits", timezone=zone)
    assert 'id="on-wrong"' in website.get(f"{website.preferences(ada)}/why?on={day}", status=422)


def test_the_first_day_offered_for_a_pause_is_accepted(website: NewsletterSite) -> None:
    ada = website.subscribed("ada@example.org", "circuits")
    assert 'min="2026-04-18"' in website.get(website.preferences(ada))
    assert "Paused until 18 April 2026" in website.post(
        f"{website.preferences(ada)}/pause", until="2026-04-18"
    )
