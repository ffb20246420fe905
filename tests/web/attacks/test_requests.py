"""Odd methods, kinds of content, sizes and headers: each is refused, or does nothing."""

from __future__ import annotations

import re

import pytest

from newsletter.db.engine import reading
from subscribers import queries
from tests.web.attacks.attacked_site import EVIL, AttackedSite
from tests.web.newsletter_site import NewsletterSite


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("header", ["", "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_only_post_acts(ada: AttackedSite, method: str, header: str) -> None:
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


def test_trace_echoes_nothing(ada: AttackedSite) -> None:
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
def test_another_kind_of_content_is_no_sign_up(ada: AttackedSite, name: str) -> None:
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
def test_json_that_is_no_sign_up_is_refused_by_field(ada: AttackedSite, kind: str, body: bytes) -> None:
    answer = ada.website.browser.post("/api/sign-ups", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422), answer.text
    assert set(answer.json()) == {"errors"}
    assert "Traceback" not in answer.text
    assert ada.website.messages() == []


def test_the_api_lets_other_sites_send_no_credentials(ada: AttackedSite) -> None:
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
def test_an_odd_announced_length_ends_nothing(ada: AttackedSite, announced: str) -> None:
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
def test_a_name_is_a_name_or_refused(busy: AttackedSite, name: str) -> None:
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
def test_an_address_is_one_address_or_refused(busy: AttackedSite, email: str) -> None:
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
def test_a_path_makes_no_header(ada: AttackedSite, path: str) -> None:
    answer = ada.website.browser.get(path, follow_redirects=False)
    assert "set-cookie" not in answer.headers
    assert "evil" not in answer.headers.get("location", "")
