"""Odd input on every form: isemail's addresses, the naughty strings, header injection."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from subscribers import addresses
from subscribers.errors import AddressError
from tests import isemail_cases
from tests.naughty import naughty_strings
from tests.web.newsletter_site import NewsletterSite, words_of


class _Shape(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        free = ("checked", "selected", "data-guess", "aria-describedby", "aria-invalid")
        links = [value or "" for name, value in attrs if name in ("href", "src", "action")]
        schemes = sorted({value.partition(":")[0] for value in links if ":" in value})
        self.found.add((tag, *sorted(name for name, _ in attrs if name not in free), *schemes))


def _shape(page: str) -> set[tuple[str, ...]]:
    """The elements of a page with the names of their attributes; typed text must add none."""
    reader = _Shape()
    reader.feed(page)
    return reader.found


def syntax_of(address: str) -> bool:
    try:
        addresses.parse(address.strip())
    except AddressError:
        return False
    return True


@pytest.mark.full
def test_each_address_of_isemail_is_accepted_or_reported(website: NewsletterSite) -> None:
    """isemail's syntax cases: well-formed addresses are mailed, the others get an error at the field."""
    accepted = set()
    for number, case in enumerate(isemail_cases.cases()):
        visitor = website.visitor(f"10.0.{number // 250}.{number % 250 + 1}")
        answer = visitor.post("/sign-up", data={"email": case.address, "topics": "circuits"})
        if syntax_of(case.address.replace("\x00", "")):
            assert (answer.status_code, answer.url.path) == (200, "/check-your-mail"), case
            accepted.add(addresses.parse(case.address.replace("\x00", "").strip()).key)
        else:
            assert answer.status_code == 422, case
            assert 'id="email-wrong"' in answer.text
    recipients = [mail.recipient for mail in website.messages()]
    assert sorted({addresses.parse(recipient).key for recipient in recipients}) == sorted(
        {addresses.parse(r).key for r in recipients} & accepted
    )
    assert len(recipients) >= 15  # some are one mailbox for the limits


@pytest.mark.full
@pytest.mark.parametrize(
    "field", ["email", "name", "timezone", "topics", "hour", "cadence", "form", "website"]
)
def test_a_naughty_string_in_any_field_is_a_page_like_any_other(website: NewsletterSite, field: str) -> None:
    """The 461 naughty strings in each field: 200, a redirect or a named field, and nothing unescaped."""
    sent = {"email": "ada@example.org", "topics": "circuits", "name": "Ada"}
    slips = {"email": "x", "topics": "x", "timezone": "x", "hour": "x", "cadence": "x", "form": "x"}
    plain = _shape(website.post("/sign-up", status=422, **slips)) | _shape(website.get("/"))
    for number, text in enumerate(naughty_strings()):
        visitor = website.visitor(f"10.1.{number // 250}.{number % 250 + 1}")
        answer = visitor.post("/sign-up", data={**sent, field: text}, follow_redirects=False)
        assert answer.status_code in (303, 422), text
        assert _shape(answer.text) <= plain, text


@pytest.mark.full
def test_a_naughty_name_arrives_as_a_name_and_nothing_else(website: NewsletterSite) -> None:
    """No typed name becomes a header, markup or another line of a message."""
    for number, text in enumerate([*naughty_strings()[::7], "Ada\r\nBcc: eve@evil.example", "=?utf-8?q?x?="]):
        address = f"reader{number}@example.org"
        visitor = website.visitor(f"10.2.0.{number + 1}")
        visitor.post("/sign-up", data={"email": address, "topics": "circuits", "name": text})
    confirmations = website.messages()
    for mail in confirmations:
        assert mail.message["To"] == mail.recipient
        website.browser.post(mail.link("/confirm/"))
    welcomes = website.messages()
    assert len(welcomes) == len(confirmations)
    for mail in welcomes:
        to = mail.message["To"].addresses
        assert [each.addr_spec for each in to] == [mail.recipient]
        assert mail.message["Bcc"] is None
        assert "<script" not in mail.html.lower()


@pytest.mark.full
@pytest.mark.parametrize(
    "path", ["/confirm/{}", "/preferences/{}", "/account/{}", "/u/{}", "/digests/{}", "/assets/0/{}"]
)
def test_a_naughty_string_as_a_link_is_one_that_does_not_work(website: NewsletterSite, path: str) -> None:
    from urllib.parse import quote

    before = website.everything()
    for text in naughty_strings():
        found = website.browser.get(path.format(quote(text, safe="")), follow_redirects=False)
        assert found.status_code in (404, 405, 307), text
    assert website.everything() == before


def test_a_malformed_form_is_an_empty_form(website: NewsletterSite) -> None:
    for kind, body in (
        ("application/x-www-form-urlencoded", b"%%%=\xff&&&=;"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data", b"no boundary"),
        ("application/json", b"{}"),
        ("text/plain", b"email=ada@example.org"),
    ):
        answer = website.browser.post("/sign-up", content=body, headers={"content-type": kind})
        assert answer.status_code == 422
        assert "no email address is given" in words_of(answer.text).lower()
