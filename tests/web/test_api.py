"""The JSON endpoint: the rules of the form, described by OpenAPI, open to other sites."""

from __future__ import annotations

import pytest

from tests.web.newsletter_site import NewsletterSite, words_of


def test_a_sign_up_by_json_is_answered_like_one_by_the_form(website: NewsletterSite) -> None:
    body = {"email": "ada@example.org", "topics": ["quantum"], "hour": 8, "timezone": "Europe/Berlin"}
    answer = website.browser.post("/api/sign-ups", json=body)
    assert (answer.status_code, answer.json()) == (202, {"status": "check your mail"})
    assert website.mail().recipient == "ada@example.org"
    asked = website.asked("ada@example.org")
    assert (asked.topics, asked.preferences.hour) == (("quantum",), 8)
    website.later(hours=2)
    again = website.browser.post("/api/sign-ups", json=body)
    assert (again.status_code, again.content) == (answer.status_code, answer.content)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"email": "nobody", "topics": ["quantum"]}, {"email"}),
        ({"email": "ada@example.org", "topics": []}, {"topics"}),
        ({"email": "ada@example.org", "topics": ["x"], "timezone": "Mars"}, {"topics", "timezone"}),
        ({"email": "ada@example.org", "topics": ["quantum"], "hour": 24}, {"hour"}),
        ({"email": "ada@example.org", "topics": ["quantum"], "admin": True}, {"admin"}),
        ({"topics": "quantum"}, {"email", "topics"}),
        ({"email": "ada@example.org", "topics": ["quantum"], "name": "See https://evil.example"}, {"name"}),
    ],
)
def test_errors_are_listed_by_field(website: NewsletterSite, body: object, errors: set[str]) -> None:
    answer = website.browser.post("/api/sign-ups", json=body)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, errors)
    assert website.messages() == []


def test_topics_are_listed_with_their_recent_papers(website: NewsletterSite) -> None:
    listed = website.browser.get("/api/topics").json()
    assert [topic["slug"] for topic in listed] == list(website.newsletter.topics)
    assert {topic["slug"]: topic["lately"] for topic in listed}["circuits"] == 6


def test_other_sites_may_use_the_api_from_their_pages(website: NewsletterSite) -> None:
    asked = website.browser.options("/api/sign-ups", headers={"Origin": "https://blog.example"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert website.browser.get("/api/topics").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in website.browser.get("/").headers


def test_the_form_to_copy_is_accepted(website: NewsletterSite) -> None:
    page = website.get("/embed")
    assert "http://localhost:8000/sign-up" in page
    assert words_of(page).count('<input type="checkbox"') == len(website.newsletter.topics)
