"""The JSON endpoint: the same rules as the form, described by OpenAPI, open to other sites."""

from __future__ import annotations

import pytest

from tests.web.newsletter_site import NewsletterSite, words_of


def test_a_sign_up_by_json_is_answered_like_one_by_the_form(desk: NewsletterSite) -> None:
    wish = {"email": "ada@example.org", "topics": ["quantum"], "hour": 8, "timezone": "Europe/Berlin"}
    answer = desk.browser.post("/api/sign-ups", json=wish)
    assert (answer.status_code, answer.json()) == (202, {"status": "check your mail"})
    assert desk.mail().recipient == "ada@example.org"
    ada = desk.person("ada@example.org")
    assert (ada.topics, ada.preferences.hour) == (("quantum",), 8)
    desk.later(hours=2)
    again = desk.browser.post("/api/sign-ups", json=wish)
    assert (again.status_code, again.content) == (answer.status_code, answer.content)


@pytest.mark.parametrize(
    ("wish", "errors"),
    [
        ({"email": "nobody", "topics": ["quantum"]}, {"email"}),
        ({"email": "ada@example.org", "topics": []}, {"topics"}),
        ({"email": "ada@example.org", "topics": ["x"], "timezone": "Mars"}, {"topics", "timezone"}),
        ({"email": "ada@example.org", "topics": ["quantum"], "hour": 24}, {"hour"}),
        ({"email": "ada@example.org", "topics": ["quantum"], "admin": True}, {"admin"}),
        ({"topics": "quantum"}, {"email", "topics"}),
    ],
)
def test_what_is_wrong_is_told_field_by_field(desk: NewsletterSite, wish: object, errors: set[str]) -> None:
    answer = desk.browser.post("/api/sign-ups", json=wish)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, errors)
    assert desk.mails() == []


def test_topics_are_listed_with_what_they_brought_lately(desk: NewsletterSite) -> None:
    listed = desk.browser.get("/api/topics").json()
    assert [topic["slug"] for topic in listed] == list(desk.office.topics)
    assert {topic["slug"]: topic["lately"] for topic in listed}["circuits"] == 6


def test_other_sites_may_use_it_from_their_pages(desk: NewsletterSite) -> None:
    asked = desk.browser.options("/api/sign-ups", headers={"Origin": "https://blog.example"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert desk.browser.get("/api/topics").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in desk.browser.get("/").headers


def test_the_form_to_copy_is_accepted(desk: NewsletterSite) -> None:
    page = desk.get("/embed")
    assert "http://localhost:8000/sign-up" in page
    assert words_of(page).count('<input type="checkbox"') == len(desk.office.topics)
