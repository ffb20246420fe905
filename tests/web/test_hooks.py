"""Providers post what happened to a mail: right signatures act once, wrong, old and repeated ones never."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from newsletter.cli.inbound import make_event_door, make_hooks
from newsletter.cli.wiring import Wiring, make_site
from newsletter.cli.workspace import Workspace
from newsletter.core.errors import NewsletterError, StorageError
from newsletter.core.mail.inbound import InboundReport
from newsletter.db.engine import reading
from newsletter.inbound.intakes.webhooks.amazon_sns import AmazonHook
from newsletter.inbound.intakes.webhooks.hook import PostedNotice, ProviderEvent
from newsletter.web.app import make_app
from newsletter.web.site import Site
from tests.cli.shell import Shell
from tests.inbound.intakes import provider_bodies as bodies
from tests.inbound.intakes import provider_signatures as signed
from tests.inbound.intakes.provider_signatures import HOUR, SECRET, AmazonHosts, Request, basic
from tests.state_dirs import initialized

NOW = datetime(2026, 4, 17, 12, tzinfo=UTC)
SETTINGS = f"""
[inbound.webhooks]
ses_topic = "{signed.TOPIC}"
postmark_secret = "{SECRET}"
mailgun_key = "{signed.MAILGUN_KEY}"
sendgrid_key = "{signed.sendgrid_public_key()}"
brevo_secret = "{SECRET}"
"""


class Hooks:
    """A newsletter's pages with all webhooks, and a door that may be closed."""

    def __init__(self, shell: Shell) -> None:
        shell.settings(SETTINGS)
        self.work = Workspace(state_dir_flag=shell.state_dir)
        wiring = Wiring(self.work)
        self.amazon = AmazonHosts()
        self.busy = False
        self.site: Site = make_site(wiring)
        self.site.clock = lambda: NOW
        hooks = make_hooks(self.work.settings.inbound.webhooks)
        self.site.hooks = hooks | {"ses": AmazonHook(topic=signed.TOPIC, fetch=self.amazon)}
        self.reports: list[InboundReport] = []
        door = make_event_door(wiring)

        def take(provider: str, event: ProviderEvent) -> object:
            if self.busy:
                raise StorageError("the database says: database is locked")
            self.reports.append(event.report)
            return door(provider, event)

        self.site.take_event = take
        self.client = TestClient(make_app(self.site), raise_server_exceptions=False)

    def post(self, provider: str, request: Request) -> int:
        """The status of the answer."""
        headers, body = request
        return self.client.post(f"/hooks/{provider}", content=body, headers=headers).status_code

    @property
    def logged(self) -> list[tuple[str, str]]:
        """Source and class of what was taken in."""
        with reading(self.work.engine) as connection:
            rows = connection.execute(text("SELECT source, kind FROM inbound_messages ORDER BY id")).all()
        return [(row.source, row.kind) for row in rows]


@pytest.fixture
def hooks(tmp_path: Any) -> Iterator[Hooks]:
    initialized(tmp_path / "state")
    made = Hooks(Shell(tmp_path / "state"))
    yield made
    made.work.close()


def post(body: Any, headers: dict[str, str] | None = None) -> Request:
    return basic() if headers is None else headers, json.dumps(body).encode()


RIGHT: list[tuple[str, str, Callable[[], Request]]] = [
    ("ses", "bounce", lambda: signed.sns(bodies.ses_bounce(), at=NOW)),
    ("ses", "bounce", lambda: signed.sns(bodies.ses_bounce("Transient", "MailboxFull"), at=NOW, version="1")),
    ("ses", "complaint", lambda: signed.sns(bodies.SES_COMPLAINT, at=NOW, Subject="Amazon SES")),
    ("postmark", "bounce", lambda: post(bodies.postmark_bounce())),
    ("postmark", "complaint", lambda: post(bodies.POSTMARK_COMPLAINT)),
    ("postmark", "unsubscribe", lambda: post(bodies.POSTMARK_LEFT, {"Authorization": f"Bearer {SECRET}"})),
    ("mailgun", "bounce", lambda: signed.mailgun(bodies.mailgun_failed(), at=NOW)),
    ("mailgun", "complaint", lambda: signed.mailgun(bodies.MAILGUN_COMPLAINT, at=NOW)),
    ("mailgun", "unsubscribe", lambda: signed.mailgun(bodies.MAILGUN_LEFT, at=NOW)),
    ("sendgrid", "bounce", lambda: signed.sendgrid(bodies.SENDGRID[:6], at=NOW)),
    ("sendgrid", "complaint", lambda: signed.sendgrid([bodies.sendgrid("spamreport")], at=NOW)),
    ("sendgrid", "unsubscribe", lambda: signed.sendgrid([bodies.sendgrid("group_unsubscribe")], at=NOW)),
    ("brevo", "bounce", lambda: post(bodies.brevo("hard_bounce", reason="server is down"))),
    ("brevo", "complaint", lambda: post(bodies.brevo("spam"))),
    ("brevo", "unsubscribe", lambda: post([bodies.brevo("delivered"), bodies.brevo("unsubscribed")])),
]


@pytest.mark.parametrize(("provider", "kind", "make"), RIGHT)
def test_right_notices_act_once(hooks: Hooks, provider: str, kind: str, make: Callable[[], Request]) -> None:
    request = make()
    assert hooks.post(provider, request) == 200
    assert hooks.logged == [(provider, kind)]
    report = hooks.reports[0]
    named = [one.address for one in report.recipients] or list(report.concerned)
    assert named == [bodies.READER]
    if "SubscriptionChange" not in request[1].decode():
        assert report.names.message_ids == (bodies.MESSAGE_ID,)
    assert hooks.post(provider, request) == 200  # repeated: the provider is content, and nothing is done
    assert hooks.logged == [(provider, kind)]


def _another_signer(provider: str, at: datetime) -> Request:
    makers: dict[str, Callable[[], Request]] = {
        "ses": lambda: signed.sns(bodies.ses_bounce(), at=at, key="another"),
        "mailgun": lambda: signed.mailgun(bodies.mailgun_failed(), at=at, key="another key of somebody"),
        "sendgrid": lambda: signed.sendgrid(bodies.SENDGRID, at=at, key="another"),
        "postmark": lambda: post(bodies.postmark_bounce(), basic("another secret")),
        "brevo": lambda: post(bodies.brevo("spam"), {"Authorization": "Bearer another"}),
    }
    return makers[provider]()


def _right(provider: str, at: datetime) -> Request:
    makers: dict[str, Callable[[], Request]] = {
        "ses": lambda: signed.sns(bodies.ses_bounce(), at=at),
        "mailgun": lambda: signed.mailgun(bodies.mailgun_failed(), at=at),
        "sendgrid": lambda: signed.sendgrid(bodies.SENDGRID, at=at),
        "postmark": lambda: post(bodies.postmark_bounce()),
        "brevo": lambda: post(bodies.brevo("spam")),
    }
    return makers[provider]()


def _changed(request: Request, provider: str) -> Request:
    """The body says something else than what was signed."""
    headers, body = request
    if provider == "mailgun":
        posted = json.loads(body)
        posted["signature"]["token"] = "b" * 50
        return headers, json.dumps(posted).encode()
    return headers, body.replace(b"ada@", b"bob@")


REFUSED = {"mailgun": 406}
SIGNING = ("ses", "mailgun", "sendgrid")
TRIED_FOR = {"ses": HOUR, "mailgun": 8 * HOUR, "sendgrid": 24 * HOUR}  # as their pages say
ALL = (*SIGNING, "postmark", "brevo")


@pytest.mark.parametrize("provider", ALL)
def test_another_signer_or_secret_is_refused(hooks: Hooks, provider: str) -> None:
    assert hooks.post(provider, _another_signer(provider, NOW)) == REFUSED.get(provider, 403)
    assert hooks.post(provider, ({}, _right(provider, NOW)[1])) in (
        (200,) if provider in ("ses", "mailgun") else (403,)  # these sign within the body
    )
    assert hooks.logged == ([(provider, "bounce")] if provider in ("ses", "mailgun") else [])


@pytest.mark.parametrize("provider", SIGNING)
def test_old_signatures_and_those_of_the_future_are_refused(hooks: Hooks, provider: str) -> None:
    last_try = NOW - TRIED_FOR[provider]
    refused = [last_try - HOUR - timedelta(minutes=1), last_try - timedelta(days=2)]
    for at in (*refused, NOW - timedelta(days=3650), NOW + HOUR):
        assert hooks.post(provider, _right(provider, at)) == REFUSED.get(provider, 403)
    assert hooks.logged == []
    assert hooks.post(provider, _right(provider, last_try)) == 200
    logged = list(hooks.logged)
    assert (provider, "bounce") in logged
    assert hooks.post(provider, _right(provider, last_try)) == 200
    assert hooks.logged == logged


@pytest.mark.parametrize("provider", SIGNING)
def test_a_changed_body_is_refused(hooks: Hooks, provider: str) -> None:
    assert hooks.post(provider, _changed(_right(provider, NOW), provider)) == REFUSED.get(provider, 403)
    assert hooks.logged == []


def test_a_token_of_mailgun_acts_once_whatever_comes_with_it(hooks: Hooks) -> None:
    assert hooks.post("mailgun", signed.mailgun(bodies.mailgun_failed(), at=NOW)) == 200
    other = bodies.MAILGUN_COMPLAINT | {"recipient": "bob@readers.example", "id": "another"}
    assert hooks.post("mailgun", signed.mailgun(other, at=NOW)) == 200
    assert hooks.logged == [("mailgun", "bounce")]


def test_events_of_one_request_act_each_once(hooks: Hooks) -> None:
    assert hooks.post("sendgrid", signed.sendgrid(bodies.SENDGRID, at=NOW)) == 200
    kinds = ["bounce", "bounce", "complaint", "unsubscribe", "unsubscribe"]
    assert hooks.logged == [("sendgrid", kind) for kind in kinds]
    again = [*bodies.SENDGRID, bodies.sendgrid("bounce", sg_event_id="new", reason="552 mailbox full")]
    assert hooks.post("sendgrid", signed.sendgrid(again, at=NOW)) == 200
    assert len(hooks.logged) == 6


@pytest.mark.parametrize("provider", ALL)
def test_a_notice_comes_again_when_the_database_is_busy(hooks: Hooks, provider: str) -> None:
    hooks.busy = True
    assert hooks.post(provider, _right(provider, NOW)) == 503
    hooks.busy = False
    assert hooks.post(provider, _right(provider, NOW)) == 200
    assert hooks.logged != []


@pytest.mark.parametrize(
    ("provider", "request_"),
    [
        ("ses", lambda: signed.sns(bodies.SES_DELIVERY, at=NOW)),
        (
            "ses",
            lambda: signed.sns("Successfully validated SNS topic for Amazon SES event publishing.", at=NOW),
        ),
        ("ses", lambda: signed.sns(bodies.ses("Send", {}, name="eventType"), at=NOW)),
        ("ses", lambda: signed.sns(bodies.ses("Open", {}, name="eventType"), at=NOW)),
        ("postmark", lambda: post(bodies.POSTMARK_DELIVERY)),
        ("postmark", lambda: post(bodies.postmark_bounce("Transient"))),
        ("postmark", lambda: post(bodies.postmark_bounce("AutoResponder"))),
        ("postmark", lambda: post(bodies.POSTMARK_LEFT | {"SuppressSending": False})),
        ("mailgun", lambda: signed.mailgun(bodies.MAILGUN_DELIVERED, at=NOW)),
        ("mailgun", lambda: signed.mailgun(bodies.mailgun_failed("temporary"), at=NOW)),
        ("sendgrid", lambda: signed.sendgrid(bodies.SENDGRID[:5], at=NOW)),
        ("brevo", lambda: post(bodies.brevo("delivered"))),
        ("brevo", lambda: post(bodies.brevo("deferred", reason="busy"))),
    ],
)
def test_what_is_no_failure_is_not_kept(hooks: Hooks, provider: str, request_: Callable[[], Request]) -> None:
    assert hooks.post(provider, request_()) == 200
    assert hooks.logged == []


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"Type": []}', b"\xff\xfe", b"[" * 50_000, b'{"signature": 7}', b"[[[1]]]"],
)
def test_bodies_that_cannot_be_read_do_no_harm(hooks: Hooks, provider: str, body: bytes) -> None:
    headers = basic() | signed.sendgrid([], at=NOW)[0]
    assert hooks.post(provider, (headers, body)) in (200, 403, 406)
    assert hooks.logged == []


def test_a_body_beyond_the_bound_is_refused(hooks: Hooks) -> None:
    assert hooks.post("brevo", (basic(), b" " * 1_100_000)) == 413
    batch = [bodies.brevo("request", number=number) for number in range(1500)]
    assert hooks.post("brevo", post(batch)) == 200


def test_webhooks_that_are_not_set_up_are_not_there(tmp_path: Any) -> None:
    initialized(tmp_path / "state")
    work = Workspace(state_dir_flag=tmp_path / "state")
    client = TestClient(make_app(make_site(Wiring(work))))
    for provider in (*ALL, "other"):
        headers, body = _right(provider, NOW) if provider in ALL else ({}, b"{}")
        assert client.post(f"/hooks/{provider}", content=body, headers=headers).status_code == 404
    work.close()


# Amazon


def test_a_certificate_is_fetched_once(hooks: Hooks) -> None:
    for number in range(3):
        hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW, number=number))
    assert hooks.amazon.asked == [signed.CERTIFICATE]
    assert len(hooks.logged) == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "https://bucket.s3.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.txt",
        "https://evil.example\\.sns.eu-west-1.amazonaws.com/x.pem",
        "file:///etc/passwd.pem",
        "",
    ],
)
def test_certificates_of_others_are_not_even_fetched(hooks: Hooks, url: str) -> None:
    assert hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW, SigningCertURL=url)) == 403
    assert (hooks.amazon.asked, hooks.logged) == ([], [])


def test_an_expired_certificate_is_refused(hooks: Hooks) -> None:
    hooks.amazon.certificate = signed.amazon_certificate(datetime(2025, 1, 1, tzinfo=UTC))
    assert hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW)) == 403
    assert hooks.logged == []


def test_a_notice_that_another_account_had_signed_is_refused(hooks: Hooks) -> None:
    other = signed.TOPIC.replace("123456789012", "999999999999")
    assert hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW, TopicArn=other)) == 403
    assert (hooks.amazon.asked, hooks.logged) == ([], [])


CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=2336"


@pytest.mark.parametrize(
    ("url", "status", "asked"),
    [
        (CONFIRM, 200, [CONFIRM]),
        (CONFIRM.replace("https:", "http:"), 403, []),
        ("https://evil.example/?Action=ConfirmSubscription", 403, []),
        ("https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic", 403, []),
    ],
)
def test_a_subscription_is_confirmed_at_amazon_alone(
    hooks: Hooks, url: str, status: int, asked: list[str]
) -> None:
    request = signed.sns(
        "You have chosen to subscribe.",
        at=NOW,
        Type="SubscriptionConfirmation",
        Token="2336",
        SubscribeURL=url,
    )
    assert hooks.post("ses", request) == status
    assert hooks.amazon.asked == [signed.CERTIFICATE, *asked]
    assert hooks.logged == []


def test_a_certificate_that_cannot_be_fetched_makes_amazon_repeat_the_notice(hooks: Hooks) -> None:
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        if len(asked) == 1:  # while this one is under way, no other is begun
            other = signed.sns(bodies.ses_bounce(), at=NOW, SigningCertURL=f"{signed.CERTIFICATE[:-4]}2.pem")
            assert hooks.post("ses", other) == 503
            raise NewsletterError("sns.eu-west-1.amazonaws.com cannot be asked")
        return hooks.amazon(url)

    hooks.site.hooks = {"ses": AmazonHook(topic=signed.TOPIC, fetch=fetch)}
    assert hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW)) == 503
    assert hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW)) == 200
    assert (len(asked), len(hooks.logged)) == (2, 1)


# what follows


@pytest.mark.parametrize(
    ("provider", "make", "state"),
    [
        ("brevo", lambda: post(bodies.brevo("spam")), "suppressed"),
        ("mailgun", lambda: signed.mailgun(bodies.MAILGUN_LEFT | {"envelope": {}}, at=NOW), "unsubscribed"),
        ("postmark", lambda: post(bodies.postmark_bounce()), "suppressed"),
        ("sendgrid", lambda: signed.sendgrid(bodies.SENDGRID[5:6], at=NOW), "suppressed"),
        ("ses", lambda: signed.sns(bodies.SES_DELIVERY, at=NOW), "confirmed"),
    ],
)
def test_a_reader_is_found_by_address_as_the_provider_vouches(
    hooks: Hooks, provider: str, make: Callable[[], Request], state: str
) -> None:
    shell = Shell(hooks.work.state_dir)
    shell.ok("subscribers", "add", bodies.READER, "--topic", "circuits", "--confirmed")
    shell.ok("subscribers", "add", "bob@readers.example", "--topic", "circuits", "--confirmed")
    assert hooks.post(provider, make()) == 200
    with reading(hooks.work.engine) as connection:
        rows = connection.execute(text("SELECT state FROM subscribers ORDER BY id")).scalars().all()
    assert list(rows) == [state, "confirmed"]


# what a notice means


@pytest.mark.parametrize(
    ("provider", "make", "kind", "reason"),
    [
        ("ses", lambda: signed.sns(bodies.ses_bounce(), at=NOW), "hard", "unknown-mailbox"),
        (
            "ses",
            lambda: signed.sns(
                bodies.ses_bounce(
                    status="5.1.1", diagnosticCode="smtp; 550 5.1.1 <ada@readers.example>... User unknown"
                ),
                at=NOW,
            ),
            "hard",
            "unknown-mailbox",
        ),
        ("ses", lambda: signed.sns(bodies.ses_bounce("Transient", "MailboxFull"), at=NOW), "soft", "full"),
        ("postmark", lambda: post(bodies.postmark_bounce()), "hard", "unknown-mailbox"),
        (
            "postmark",
            lambda: post(bodies.postmark_bounce("SoftBounce", "smtp;452 4.2.2 mailbox full")),
            "soft",
            "full",
        ),
        (
            "postmark",
            lambda: post(bodies.postmark_bounce("Blocked", "smtp;554 5.7.1 blocked using zen.spamhaus.org")),
            "ours",
            "reputation",
        ),
        ("mailgun", lambda: signed.mailgun(bodies.mailgun_failed(), at=NOW), "soft", "disabled"),
        (
            "mailgun",
            lambda: signed.mailgun(
                bodies.mailgun_failed(code=550, message="5.1.1 The email account does not exist")
                | {"reason": "bounce"},
                at=NOW,
            ),
            "hard",
            "unknown-mailbox",
        ),
        (
            "mailgun",
            lambda: signed.mailgun(
                bodies.mailgun_failed(code=552, message="5.2.2 Mailbox full") | {"reason": "bounce"}, at=NOW
            ),
            "soft",
            "full",
        ),
        ("sendgrid", lambda: signed.sendgrid(bodies.SENDGRID[5:6], at=NOW), "hard", "unknown-mailbox"),
        ("sendgrid", lambda: signed.sendgrid(bodies.SENDGRID[6:7], at=NOW), "soft", "disabled"),
        (
            "sendgrid",
            lambda: signed.sendgrid(
                [
                    bodies.sendgrid(
                        "bounce", type="blocked", status="5.7.1", reason="550 5.7.1 listed at spamhaus"
                    )
                ],
                at=NOW,
            ),
            "ours",
            "reputation",
        ),
        ("brevo", lambda: post(bodies.brevo("hard_bounce")), "hard", "unknown-mailbox"),
        (
            "brevo",
            lambda: post(bodies.brevo("hardBounce", reason="550 user unknown")),
            "hard",
            "unknown-mailbox",
        ),
        ("brevo", lambda: post(bodies.brevo("soft_bounce", reason="mailbox full")), "soft", "full"),
        ("brevo", lambda: post(bodies.brevo("blocked")), "soft", "disabled"),
    ],
)
def test_kinds_and_reasons_are_those_of_the_one_table(
    hooks: Hooks, provider: str, make: Callable[[], Request], kind: str, reason: str
) -> None:
    assert hooks.post(provider, make()) == 200
    ((failed,),) = [report.recipients for report in hooks.reports]
    assert (failed.address, failed.kind.value, failed.reason.value) == (bodies.READER, kind, reason)


def test_the_return_path_names_the_delivery_where_a_provider_repeats_it(hooks: Hooks) -> None:
    hooks.post("ses", signed.sns(bodies.ses_bounce(), at=NOW))
    hooks.post("mailgun", signed.mailgun(bodies.mailgun_failed(), at=NOW))
    assert [report.names.return_paths for report in hooks.reports] == [(bodies.RETURN_PATH,)] * 2


def test_odd_characters_of_a_notice_can_be_stored(hooks: Hooks) -> None:
    event = bodies.brevo(
        "hard_bounce", reason="\0\ud800 unknown user", subject="\0", **{"message-id": "\ud800"}
    )
    assert hooks.post("brevo", post(event)) == 200
    assert hooks.logged == [("brevo", "bounce")]


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Bearer",
        "Digest x",
        "Bearer é",
    ],
)
def test_secrets_in_odd_forms_are_refused(hooks: Hooks, authorization: str) -> None:
    headers = {"Authorization": authorization.encode("utf-8").decode("latin-1")}
    request = (headers, json.dumps(bodies.brevo("spam")).encode())
    assert (
        hooks.client.post(
            "/hooks/brevo",
            content=request[1],
            headers={b"authorization": headers["Authorization"].encode("latin-1")},
        ).status_code
        == 403
    )
    assert hooks.logged == []


def test_a_hook_is_asked_without_a_network() -> None:
    """The values of a notice alone decide; no page is needed."""
    hosts = AmazonHosts()
    headers, body = signed.sns(bodies.ses_bounce(), at=NOW)
    (event,) = AmazonHook(topic=signed.TOPIC, fetch=hosts).events(
        PostedNotice(headers=headers, body=body, now=NOW)
    )
    assert event.key == "ses:22b80b92-fdea-4c2c-8f9d-000000000001"
