"""What pages let others do, and what they show of what others typed."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from sqlalchemy import text

from newsletter.pipeline.readers.rosters import write_roster
from newsletter.web.middleware import COMMON
from subscribers import link_purposes
from tests.web.attacks.attacked_site import AttackedSite
from tests.web.newsletter_site import words_of


@pytest.mark.parametrize(
    "path",
    [
        "preferences",
        "account",
        "leave",
        "sent",
        "why",
        "confirmed",
        "gone",
        "missing",
        "api",
        "embed",
    ],
)
def test_no_page_with_a_link_is_framed_stored_sniffed_or_named_to_others(
    ada: AttackedSite, path: str
) -> None:
    confirm = ada.signed(link_purposes.CONFIRM, ref=ada.person.ref)
    paths = {
        "preferences": ada.preferences,
        "account": ada.account,
        "leave": ada.leave,
        "sent": f"{ada.preferences}/sent",
        "why": f"{ada.preferences}/why",
        "confirmed": f"/confirm/{confirm}",
        "gone": "/u/AAAA",
        "missing": "/nothing",
        "api": "/api/topics",
        "embed": "/embed",
    }
    for method in ("GET", "HEAD"):
        answer = ada.website.browser.request(method, paths[path])
        assert {name: answer.headers[name] for name in COMMON} == COMMON
        assert "set-cookie" not in answer.headers
        assert "server" not in answer.headers
    page = ada.website.browser.get(paths[path]).text
    links = set(re.findall(r'(?:src|href|action)="((?:https?:)?//(?!localhost:8000)[^"]*)', page))
    papers = (
        "https://huggingface.co/papers",
        "https://arxiv.org/abs/",
        "https://doi.org/",
    )  # of the examples
    assert {link for link in links if not link.startswith(papers)} <= {"https://papers.example.org/privacy"}
    assert answer.headers["referrer-policy"] == "no-referrer"  # they learn of no link


def test_a_page_never_shows_the_whole_address(ada: AttackedSite) -> None:
    for path in (ada.preferences, ada.leave, f"{ada.preferences}/sent", f"{ada.preferences}/why"):
        assert "ada@example.org" not in ada.website.browser.get(path).text, path


def test_requests_carry_nothing_that_a_browser_sends_by_itself(ada: AttackedSite) -> None:
    """Another site can make a browser post, but it has no cookie to send and does not know the link."""
    for path in ("/preferences/", "/account/", "/u/"):
        answer = ada.website.browser.post(path, data={"topics": "everything"}, headers={"Cookie": "a=b"})
        assert answer.status_code in (404, 405)
    assert ada.website.browser.cookies == {}
    assert ada.is_as_before()


# What others typed, shown to people and programs

SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "<!--<script>",
    "&lt;script&gt;alert(1)",
    "{{7*7}}{% for x in ().__class__.__base__.__subclasses__() %}x{% endfor %}",
]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("field", ["email", "name", "timezone", "hour", "cadence", "topics"])
def test_a_typed_script_is_shown_as_text(ada: AttackedSite, script: str, field: str) -> None:
    page = ada.website.browser.post("/sign-up", data={"email": "no", field: script}).text
    assert script not in page.replace("&lt;", "").replace("&#39;", "") or "<" not in script
    assert not re.search(r"<(script(?! src=\"/assets)|img|svg)\b", page)
    assert "onerror=" not in page or "&lt;img" in page
    assert "4949" not in page


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_in_a_title_is_shown_as_text(busy: AttackedSite, script: str) -> None:
    website = busy.website
    website.write(text("UPDATE papers SET title = :script").bindparams(script=script))
    for path in ("/sample", f"{busy.preferences}/sent", f"{busy.preferences}/why", "/"):
        page = busy.website.browser.get(path).text
        assert not re.search(r"<(script(?! src=\"/assets)|svg)\b", page), path
        assert "<img src=x" not in page
        assert 'href="javascript' not in page


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("http://evil.example")',
    "=cmd|'/C calc'!A1",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_cell_of_an_export_is_no_formula(busy: AttackedSite, formula: str) -> None:
    ada = busy.person
    busy.website.write(
        text("UPDATE subscribers SET name = :name WHERE id = :id").bindparams(name=formula, id=ada.id)
    )
    buffer = io.StringIO(newline="")
    write_roster(busy.website.newsletter.engine, buffer)
    for row in csv.reader(io.StringIO(buffer.getvalue(), newline="")):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell


# The answers tell nothing about others


@pytest.mark.parametrize(
    "email", ["ada@example.org", "nobody@example.org", "ADA@example.org", "a%@example.org"]
)
def test_an_answer_does_not_tell_who_reads(busy: AttackedSite, email: str) -> None:
    def asked(path: str, **fields: Any) -> tuple[int, str, str]:
        visitor = busy.website.visitor("198.51.100.7")
        answer = visitor.post(path, data={"email": email, **fields}, follow_redirects=False)
        return answer.status_code, answer.headers.get("location", ""), answer.text

    assert asked("/link") == (303, "/check-your-mail", "")
    assert asked("/sign-up", topics="circuits") == (303, "/check-your-mail", "")
    answer = busy.website.browser.post("/api/sign-ups", json={"email": email, "topics": ["circuits"]})
    assert (answer.status_code, answer.json()) == (202, {"status": "check your mail"})


def test_an_error_page_shows_nothing_of_the_program(ada: AttackedSite) -> None:
    for path in ("/nothing", "/u/x", "/preferences/x", "/assets/0/x", "/api/nothing"):
        page = ada.website.browser.get(path).text
        assert not re.search(r"Traceback|File \"|sqlalchemy|starlette|/tmp/|\.py\b", page)
    assert "There is no such page" in words_of(ada.website.browser.get("/nothing").text)
