"""Attacks on the web pages, by kind: each is refused, or does nothing that its sender may not do.

Connections are in `tests/cli/http/test_connections.py`, archives and links in
`tests/cli/commands/test_hostile_archives.py`, what reaches a terminal in `tests/cli/test_printable.py`.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response
from sqlalchemy import text

from newsletter.db.engine import reading
from newsletter.pipeline.readers.rosters import write_roster
from newsletter.web.middleware import COMMON
from subscribers import link_purposes, queries, tokens
from tests.smtp_servers.recording import RecordingServer
from tests.web.newsletter_site import NewsletterSite, ReceivedMail, words_of

EVIL = "evil.example"


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Iterator[Ada]:
    """The site of all attacks that must change nothing."""
    yield from _site(tmp_path_factory.mktemp("standing"), published)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Iterator[Ada]:
    """The site of attacks that sign up, or change what they may."""
    yield from _site(tmp_path_factory.mktemp("busy"), published)


def _site(folder: Path, published: Path) -> Iterator[Ada]:
    shutil.copytree(published, folder, dirs_exist_ok=True)
    with RecordingServer() as server:
        yield Ada(NewsletterSite(folder, server))


class Ada:
    """A confirmed reader, with one link of each kind."""

    visitors = count(1)

    def __init__(self, website: NewsletterSite) -> None:
        self.website = website
        self.person = website.subscribed("ada@example.org", "circuits", "quantum", name="Ada")
        self.preferences = website.preferences(self.person)
        website.post(f"{self.preferences}/account")
        (mail,) = website.messages()
        self.account = mail.link("/account/")
        self.leave = f"/u/{self.person.leave_id}"
        self.before = self.stored()

    def signed(self, purpose: str, *, days_ago: int = 0, **payload: str) -> str:
        """A token that we sign."""
        at = self.website.now - timedelta(days=days_ago)
        return tokens.sign(purpose, payload, keys=self.website.site.keys, now=at)

    def mailed(self, email: str, name: str = "") -> list[ReceivedMail]:
        """The messages that a new visitor's sign-up brings."""
        self.website.messages()  # what other tests asked for goes first
        visitor = self.website.visitor(f"10.9.{next(self.visitors)}.1")
        self.website.sign_up(email, "circuits", browser=visitor, name=name)
        return self.website.messages()

    def stored(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Every row, but those that count requests."""
        return {name: rows for name, rows in self.website.everything().items() if "limit" not in name}

    def is_as_before(self) -> bool:
        return self.stored() == self.before


# Tokens


def _flipped(token: str, at: int) -> str:
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def _resigned(token: str) -> str:
    """The same payload, signed with another key."""
    payload = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    return tokens.sign("preferences", payload, keys=["another key"], now=datetime(2026, 4, 17, tzinfo=UTC))


FORGERIES: dict[str, Callable[[str], str]] = {
    "first character changed": lambda token: _flipped(token, 0),
    "time changed": lambda token: _flipped(token, token.index(".") + 1),
    "signature changed": lambda token: _flipped(token, len(token) - 5),
    "cut": lambda token: token[:-1],
    "without signature": lambda token: token.rpartition(".")[0],
    "with an empty signature": lambda token: token.rpartition(".")[0] + ".",
    "without time": lambda token: token.partition(".")[0] + "." + token.rpartition(".")[2],
    "longer": lambda token: token + "A",
    "in upper case": str.upper,
    "a new line behind": lambda token: token + "%0A",
    "a NUL behind": lambda token: token + "%00",
    "twice": lambda token: f"{token}.{token}",
    "of another key": _resigned,
    "no token": lambda token: "null",
    "a number": lambda token: "0",
    "no letters": lambda token: "....",
    "very long": lambda token: token + "A" * 5000,
    "other letters": lambda token: token.replace("e", "\u0435"),  # Cyrillic
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_opens_nothing(ada: Ada, forge: Callable[[str], str]) -> None:
    for link in (ada.preferences, ada.account):
        path, _, token = link.rpartition("/")
        forged = f"{path}/{forge(token)}"
        for answer in (
            ada.website.browser.get(forged),
            ada.website.browser.post(forged, data={"topics": "everything"}),
            ada.website.browser.post(f"{forged}/erase", data={"sure": "on"}),
        ):
            assert answer.status_code in (404, 405), forged
            assert "ada" not in answer.text.lower()
    assert ada.is_as_before()


@pytest.mark.parametrize(
    ("purpose", "path"),
    [
        ("preferences", "/account/{}"),
        ("preferences", "/confirm/{}"),
        ("preferences", "/confirm-address/{}"),
        ("preferences", "/digests/{}"),
        ("preferences", "/u/{}"),
        ("confirm", "/preferences/{}"),
        ("confirm", "/account/{}"),
        ("form", "/preferences/{}"),
        ("address", "/account/{}"),
        ("account", "/preferences/{}"),
        ("account", "/confirm-address/{}"),
    ],
)
def test_a_token_of_one_purpose_opens_no_other_page(ada: Ada, purpose: str, path: str) -> None:
    token = ada.signed(purpose, ref=ada.person.ref)
    page = path.format(token)
    assert ada.website.browser.get(page).status_code == 404
    assert ada.website.browser.post(page, data={"topics": "everything"}).status_code in (404, 405)
    assert ada.website.browser.post(f"{page}/erase", data={"sure": "on"}).status_code in (404, 405)
    assert ada.is_as_before()


@pytest.mark.parametrize(
    ("purpose", "path", "days"),
    [
        (link_purposes.PREFERENCES, "/preferences/{}", 366),
        (link_purposes.ACCOUNT, "/account/{}", 1),
        (link_purposes.CONFIRM, "/confirm/{}", 4),
        (link_purposes.ADDRESS, "/confirm-address/{}", 4),
    ],
)
def test_an_old_token_is_replayed_in_vain(ada: Ada, purpose: str, path: str, days: int) -> None:
    token = ada.signed(purpose, ref=ada.person.ref)
    ada.website.later(days=days)
    assert ada.website.browser.post(path.format(token), data={"topics": "everything"}).status_code in (
        405,
        410,
    )
    assert ada.website.browser.get(path.format(token)).status_code == 410
    assert ada.is_as_before()


@pytest.mark.parametrize(
    "payload", [{"ref": "%"}, {"ref": "' OR 1=1 --"}, {"ref": "*"}, {"ref": "ada@example.org"}]
)
def test_an_id_is_no_pattern(ada: Ada, payload: dict[str, str]) -> None:
    token = ada.signed(link_purposes.PREFERENCES, **payload)
    assert ada.website.browser.get(f"/preferences/{token}").status_code in (404, 410)


@pytest.mark.parametrize(
    "leave_id", ["%25", "_" * 22, "%", "' OR '1'='1", "ada@example.org", "1", "*", "%00"]
)
def test_an_id_to_leave_is_no_pattern(ada: Ada, leave_id: str) -> None:
    path = f"/u/{quote(leave_id, safe='%')}"
    for answer in (
        ada.website.browser.get(path),
        ada.website.browser.post(path),
        ada.website.browser.post(f"{path}/undo"),
    ):
        assert answer.status_code == 404
    assert ada.is_as_before()


def test_ids_in_another_case_leave_nothing(ada: Ada) -> None:
    swapped = ada.person.leave_id.swapcase()
    assert swapped != ada.person.leave_id
    assert ada.website.browser.post(f"/u/{swapped}").status_code == 404
    assert ada.is_as_before()


# Methods


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("header", ["", "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_only_post_acts(ada: Ada, method: str, header: str) -> None:
    headers = {header: "POST"} if header else {}
    body = {"List-Unsubscribe": "One-Click", "_method": "POST", "topics": "everything", "sure": "on"}
    for path in (
        ada.leave,
        f"{ada.leave}?_method=POST&List-Unsubscribe=One-Click",
        f"{ada.account}/erase",
        ada.preferences,
    ):
        ada.website.browser.request(method, path, headers=headers, data=body, follow_redirects=False)
    assert ada.is_as_before()


def test_trace_echoes_nothing(ada: Ada) -> None:
    answer = ada.website.browser.request("TRACE", ada.preferences, headers={"X-Secret": "hush"})
    assert answer.status_code == 405
    assert "hush" not in answer.text + str(answer.headers)


# Kinds of content

CONFUSED: dict[str, tuple[str, bytes]] = {
    "JSON": ("application/json", b'{"email": "eve@example.org", "topics": ["circuits"]}'),
    "JSON as text": ("text/plain", b'{"email": "eve@example.org", "topics": ["circuits"]}'),
    "XML with an entity": (
        "application/xml",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><email>&b;</email>',
    ),
    "UTF-7": ("application/x-www-form-urlencoded; charset=utf-7", b"email=+ADw-script+AD4-&topics=circuits"),
    "UTF-16": ("application/x-www-form-urlencoded", "email=eve@example.org".encode("utf-16")),
    "multipart without boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "multipart with a file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="email"; filename="../../x"\r\n\r\n'
        b"eve@example.org\r\n--x--\r\n",
    ),
    "multipart in multipart": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nemail\r\n--y--\r\n--x--\r\n",
    ),
    "a long preamble": ("multipart/form-data; boundary=x", b"\r\n" * 20_000 + b"--x--\r\n"),
    "a semicolon between fields": ("application/x-www-form-urlencoded", b"email=eve;topics=circuits"),
    "nothing": ("", b"email=eve@example.org&topics=circuits"),
    "odd": ("\xff/\xff;;;=".encode("latin-1").decode("latin-1"), b"email=eve@example.org"),
}


@pytest.mark.parametrize("name", CONFUSED)
def test_another_kind_of_content_is_no_sign_up(ada: Ada, name: str) -> None:
    kind, body = CONFUSED[name]
    headers = {"Content-Type": kind.encode("latin-1")} if kind else {}
    answer = ada.website.browser.post("/sign-up", content=body, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert ada.website.messages() == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"email=eve@example.org&topics=circuits"),
        ("text/plain", b'{"email": "eve@example.org", "topics": ["circuits"]}'),
        ("application/json", b'["eve@example.org"]'),
        ("application/json", b'{"email": "eve@example.org", "topics": ["circuits"], "admin": true}'),
        ("application/json", b'{"email": {"$ne": ""}, "topics": ["circuits"]}'),
        ("application/json", b'{"email": "eve@example.org", "topics": "circuits"}'),
        ("application/json", b'{"email": "eve@example.org", "topics": [null]}'),
        ("application/json", b'{"email": "eve@example.org", "topics": ["circuits"], "hour": 1e999}'),
        ("application/json", b'{"email": "eve@example.org", "topics": ["circuits"], "hour": NaN}'),
        ("application/json", b'{"email": "eve@example.org", "topics": ["' + b'x","' * 5000 + b'"]}'),
        ("application/json", b"[" * 30_000),
        ("application/json", b'{"email": "\\ud800@example.org", "topics": ["circuits"]}'),
        ("application/json", b'{"email": "eve@example.org", "topics": ["nosuch"]}'),
        ("application/json", b"\xff\xfe{}"),
        ("application/json", b""),
    ],
)
def test_json_that_is_no_sign_up_is_refused_by_field(ada: Ada, kind: str, body: bytes) -> None:
    answer = ada.website.browser.post("/api/sign-ups", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422), answer.text
    assert set(answer.json()) == {"errors"}
    assert "Traceback" not in answer.text
    assert ada.website.messages() == []


def test_the_api_lets_other_sites_send_no_credentials(ada: Ada) -> None:
    for method in ("OPTIONS", "GET"):
        answer = ada.website.browser.request(method, "/api/topics", headers={"Origin": f"https://{EVIL}"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    for path in ("/", "/preferences/x", "/u/x", "/healthz"):
        answer = ada.website.browser.get(path, headers={"Origin": f"https://{EVIL}"})
        assert "access-control-allow-origin" not in answer.headers


# Sizes


def _fields(number: int) -> bytes:
    return b"&".join(b"topics=t%d" % n for n in range(number))


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"email=" + b"x" * 70_000, {413}),
        (b"x" * 64_000, {422}),
        (b"&" * 60_000, {422}),
        (_fields(5_000), {422}),
        (b"email=" + b"x" * 60_000, {422}),
        (b"x" * 30_000 + b"=" + b"y" * 30_000, {422}),
        (b"name=" + b"%CC%81" * 10_000, {422}),  # combining marks
        (b"email=eve@example.org&topics=circuits&name=" + b"%F0%9F%92%A9" * 5_000, {422, 303}),
    ],
)
def test_an_oversize_form_is_refused_quickly(
    website: NewsletterSite, body: bytes, statuses: set[int]
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = website.browser.post("/sign-up", content=body, headers=headers, follow_redirects=False)
    assert answer.status_code in statuses
    assert len(answer.content) < 100_000


@pytest.mark.parametrize("announced", ["70000", "99999999999999999999", "-1", "+5", "0x10", "5, 6", ""])
def test_an_odd_announced_length_ends_nothing(ada: Ada, announced: str) -> None:
    answer = ada.website.browser.post("/sign-up", content=b"a=b", headers={"Content-Length": announced})
    assert answer.status_code in (413, 422)


# Headers of messages and answers


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@evil.example",
        "Ada\nSubject: owned",
        "Ada\r\n\r\n<h1>owned</h1>",
        "Ada%0d%0aBcc: eve@evil.example",
        "=?utf-8?q?Ada=0D=0ABcc:_eve?=",
        "Ada\u2028Bcc: eve",
        "Ada\x85Bcc: eve",
        'Ada" <eve@evil.example>',
        "Ada\x00",
        "\u202eadA",
        "Urgent: verify at http://evil.example",
        "<script>alert(1)</script>",
        "{{ config }}",
        "${7*7}",
        "'; DROP TABLE subscribers; --",
        "=cmd|' /C calc'!A1",
    ],
)
def test_a_name_is_a_name_or_refused(busy: Ada, name: str) -> None:
    email = f"eve{next(busy.visitors)}@example.org"
    mails = busy.mailed(email, name)
    for mail in mails:
        busy.website.post(mail.link("/confirm/"), status=200)
    for mail in [*mails, *busy.website.messages()]:
        assert mail.message.keys().count("To") == mail.message.keys().count("Subject") == 1
        assert mail.message["Bcc"] is None
        assert [each.addr_spec for each in mail.message["To"].addresses] == [email]
        assert "owned" not in mail.subject
        assert "<script" not in mail.html
        assert "49" not in str(mail.message["To"])
    page = busy.website.browser.post("/sign-up", data={"email": "no", "name": name}).text
    assert "<script>alert" not in page
    with reading(busy.website.newsletter.engine) as connection:
        assert queries.counts(connection)["states"]  # the table is there


@pytest.mark.parametrize(
    "email",
    [
        "eve@example.org\r\nBcc: x@evil.example",
        "eve@example.org\nx@evil.example",
        "eve@example.org,x@evil.example",
        "eve@example.org x@evil.example",
        "<eve@example.org>",
        "Eve <eve@example.org>",
        "eve@example.org>\r\nRCPT TO:<x@evil.example",
        "eve@[127.0.0.1]",
        "eve@example.org\x00",
        "eve@-evil.example",
        "@example.org",
        "eve@",
        "%@example.org",
        "eve@example.org'--",
        "\u202eeve@example.org",
        "eve@ex\u200bample.org",
    ],
)
def test_an_address_is_one_address_or_refused(busy: Ada, email: str) -> None:
    for mail in busy.mailed(email):
        assert "evil.example" not in mail.recipient or mail.recipient.count("@") == 1
        assert re.fullmatch(r"[^\s<>,\x00-\x20\u200b\u202e]+@[^\s<>,\x00-\x20\u200b\u202e]+", mail.recipient)
        assert mail.message["Bcc"] is None


@pytest.mark.parametrize(
    "path",
    [
        "/u/x%0d%0aSet-Cookie:%20a=b",
        "/preferences/x%0d%0aLocation:%20https://evil.example",
        "/confirm/%E5%98%8A%E5%98%8DSet-Cookie:a=b",
        "/%0d%0aSet-Cookie:a=b",
        "/u/AAAA?done=%0d%0aSet-Cookie:a=b",
        "/archive?%0d%0aSet-Cookie:a=b",
    ],
)
def test_a_path_makes_no_header(ada: Ada, path: str) -> None:
    answer = ada.website.browser.get(path, follow_redirects=False)
    assert "set-cookie" not in answer.headers
    assert "evil" not in answer.headers.get("location", "")


# Redirects

ELSEWHERE = [
    f"//{EVIL}",
    f"/\\{EVIL}",
    f"https://{EVIL}",
    f"/%2F{EVIL}",
    f"//{EVIL}/%2e%2e",
    f"/.{EVIL}",
    f"/@{EVIL}",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_page_leads_elsewhere(busy: Ada, target: str) -> None:
    browser = busy.website.browser
    asked: list[Response] = [
        browser.get(f"http://localhost:8000/{target.lstrip('/')}", follow_redirects=False),
        browser.get(f"{busy.leave}?done={target}&next={target}", follow_redirects=False),
        browser.get(f"/archive?next={target}", follow_redirects=False),
        browser.post("/link", data={"email": "x@example.org", "next": target}, follow_redirects=False),
        browser.post(busy.preferences, data={"topics": "quantum", "next": target}, follow_redirects=False),
        browser.post(busy.leave, data={"topic": target}, follow_redirects=False),
    ]
    for answer in asked:
        location = answer.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", location), location
        assert EVIL not in location


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": EVIL},
        {"Host": f"localhost:8000@{EVIL}"},
        {"Host": f"{EVIL}/?x="},
        {"X-Forwarded-Host": EVIL},
        {"Forwarded": f"host={EVIL};proto=https"},
        {"X-Original-URL": "/metrics"},
        {"X-Rewrite-URL": "/metrics"},
        {"X-Forwarded-Prefix": f"//{EVIL}"},
        {"X-Forwarded-Proto": "javascript"},
        {"Referer": f"https://{EVIL}/"},
    ],
)
def test_no_header_of_a_request_reaches_a_link(busy: Ada, headers: dict[str, str]) -> None:
    browser = busy.website.browser
    for path in ("/", "/link", "/sample", "/embed", "/archive", busy.preferences, busy.leave, "/nothing"):
        answer = browser.get(path, headers=headers, follow_redirects=False)
        assert EVIL not in answer.text + str(dict(answer.headers)), path
        assert "newsletter_subscribers" not in answer.text
    browser.post("/link", data={"email": "ada@example.org"}, headers=headers)
    for mail in busy.website.messages():
        assert EVIL not in mail.text + mail.html


# Files


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../newsletter.toml",
        "/assets/0/../../credentials/secret_key",
        "/assets/0/..%2f..%2fcredentials%2fsecret_key",
        "/assets/0/%2e%2e/%2e%2e/newsletter.sqlite3",
        "/assets/0/..%252f..%252fetc%252fpasswd",
        "/assets/%2e%2e%2f%2e%2e/etc/passwd",
        "/assets/0/%2fetc%2fpasswd",
        "/assets/0/..%5c..%5cetc%5cpasswd",
        "/assets/0/style.css%00.html",
        "/assets/0/style.css/../../x",
        "/assets/0/style.css%2f",
        "/assets/0/base.html.j2",
        "/assets/0/%c0%ae%c0%ae/etc/passwd",
        "/digests/..%2f..%2fnewsletter.toml",
        "/u/..%2f..%2fnewsletter.toml",
        "/.env",
        "/.git/config",
        "/newsletter.toml",
        "/credentials/secret_key",
        "/newsletter.sqlite3",
        "/static/../newsletter.toml",
        "/file:///etc/passwd",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/debug",
        "/admin",
    ],
)
def test_no_path_leads_to_a_file(ada: Ada, path: str) -> None:
    answer = ada.website.browser.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "SQLite format" not in answer.text


# What a page lets others do


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
def test_no_page_with_a_link_is_framed_stored_sniffed_or_named_to_others(ada: Ada, path: str) -> None:
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


def test_a_page_never_shows_the_whole_address(ada: Ada) -> None:
    for path in (ada.preferences, ada.leave, f"{ada.preferences}/sent", f"{ada.preferences}/why"):
        assert "ada@example.org" not in ada.website.browser.get(path).text, path


def test_requests_carry_nothing_that_a_browser_sends_by_itself(ada: Ada) -> None:
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
def test_a_typed_script_is_shown_as_text(ada: Ada, script: str, field: str) -> None:
    page = ada.website.browser.post("/sign-up", data={"email": "no", field: script}).text
    assert script not in page.replace("&lt;", "").replace("&#39;", "") or "<" not in script
    assert not re.search(r"<(script(?! src=\"/assets)|img|svg)\b", page)
    assert "onerror=" not in page or "&lt;img" in page
    assert "4949" not in page


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_in_a_title_is_shown_as_text(busy: Ada, script: str) -> None:
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
def test_a_cell_of_an_export_is_no_formula(busy: Ada, formula: str) -> None:
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
def test_an_answer_does_not_tell_who_reads(busy: Ada, email: str) -> None:
    def asked(path: str, **fields: Any) -> tuple[int, str, str]:
        visitor = busy.website.visitor("198.51.100.7")
        answer = visitor.post(path, data={"email": email, **fields}, follow_redirects=False)
        return answer.status_code, answer.headers.get("location", ""), answer.text

    assert asked("/link") == (303, "/check-your-mail", "")
    assert asked("/sign-up", topics="circuits") == (303, "/check-your-mail", "")
    answer = busy.website.browser.post("/api/sign-ups", json={"email": email, "topics": ["circuits"]})
    assert (answer.status_code, answer.json()) == (202, {"status": "check your mail"})


def test_an_error_page_shows_nothing_of_the_program(ada: Ada) -> None:
    for path in ("/nothing", "/u/x", "/preferences/x", "/assets/0/x", "/api/nothing"):
        page = ada.website.browser.get(path).text
        assert not re.search(r"Traceback|File \"|sqlalchemy|starlette|/tmp/|\.py\b", page)
    assert "There is no such page" in words_of(ada.website.browser.get("/nothing").text)
