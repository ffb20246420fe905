from __future__ import annotations

import email
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from html import escape
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.core.mail.quoted_printable import UNPRINTABLE, encode_piece
from newsletter.core.mail.text_wrap import wrapped
from newsletter.core.mail.values import Content, Envelope, Recipient
from newsletter.delivery.addresses import UnsendableAddressError
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.message.headers import clean
from newsletter.delivery.message.verp import ReturnPathId, is_leave_address, signed_ids, verify
from tests.delivery.message.odd_texts import INJECTIONS, odd_texts
from tests.marks import examples

_STRICT = default.clone(raise_on_defect=True)
_MARK = re.compile(r"@((?:my|digest)[.][a-z_]+)@")
_KEY = b"secret key of the tests"
_IDENTITY: dict[str, Any] = {
    "sender": "Paper Digest <news@papers.example>",
    "base_url": "https://papers.example",
    "list_name": "Paper Digest",
    "secret_keys": [_KEY.decode()],
}
_MY = {"greeting": "Good morning, Ada.", "unsubscribe_url": "https://papers.example/u/abc"}
_TEXT = "@my.greeting@\nNo. @digest.number@ · über alles\n.a dot\nLeave: @my.unsubscribe_url@\n"
_HTML = '<p>@my.greeting@</p>\n<p>No. @digest.number@</p>\n<a href="@my.unsubscribe_url@">leave</a>\n'


def _content(*, subject: str = "3 circuits: AnalogGenie", text: str = _TEXT, html: str = _HTML) -> Content:
    return Content(
        subject=subject,
        date=datetime(2026, 4, 17, 5, 0, tzinfo=UTC),
        html=(encode_piece(html, _MARK),),
        text=(encode_piece(text, _MARK),),
        values={"digest.number": "12 & more"},
    )


def _recipient(**changes: Any) -> Recipient:
    values: dict[str, Any] = {
        "subscriber_id": 7,
        "address": "ada@example.org",
        "kind": "digest",
        "key": "2026-04-17",
        "my": _MY,
        "unsubscribe_url": _MY["unsubscribe_url"],
        "name": "Ada Lovelace",
    }
    return Recipient(**values | changes)


def _mail(
    *, identity: Mapping[str, Any] = _IDENTITY, content: Content | None = None, **changes: Any
) -> tuple[Envelope, EmailMessage]:
    """One message, parsed without a defect, and checked for what every message promises."""
    envelope = (
        MessageBuilder(SenderIdentity(**identity))
        .prepare(content or _content())
        .assemble(_recipient(**changes))
    )
    lines = envelope.data.split(b"\r\n")
    assert b"\n" not in envelope.data.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 78
    assert envelope.undotted
    assert not [line for line in lines if line.startswith(b".")]
    message = cast(EmailMessage, email.message_from_bytes(envelope.data, policy=_STRICT))
    for part in message.walk():
        assert part.defects == []
        for field, value in part.items():
            assert value.defects == (), field
    once = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
    assert [field for field in once if len(message.get_all(field, [])) != 1] == []
    return envelope, message


def _shown(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_assemble_writes_every_header_once() -> None:
    _, message = _mail()
    mail_hash = MessageBuilder(SenderIdentity(**_IDENTITY)).identity_hash(7, "digest", "2026-04-17")
    boundary = f"=_{mail_hash[24:56]}"
    assert dict(message.items()) == {
        "From": "Paper Digest <news@papers.example>",
        "To": "Ada Lovelace <ada@example.org>",
        "Subject": "3 circuits: AnalogGenie",
        "Date": "Fri, 17 Apr 2026 05:00:00 +0000",
        "Message-ID": f"<{mail_hash[:40]}@papers.example>",
        "List-Id": "Paper Digest <newsletter.papers.example>",
        "List-Help": "<https://papers.example/>",
        "List-Owner": "<mailto:news@papers.example>",
        "List-Unsubscribe": "<https://papers.example/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "digest:newsletter:papers.example",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    assert len(message.items()) == len(message.keys()) == 14


def test_assemble_puts_the_text_part_first_and_fills_both() -> None:
    _, message = _mail()
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert _shown(message, "plain") == (
        "Good morning, Ada.\nNo. 12 & more · über alles\n.a dot\nLeave: https://papers.example/u/abc\n"
    )
    assert _shown(message, "html") == (
        "<p>Good morning, Ada.</p>\n<p>No. 12 &amp; more</p>\n"
        '<a href="https://papers.example/u/abc">leave</a>\n'
    )


def test_assemble_gives_the_same_bytes_again() -> None:
    one, _ = _mail()
    other, _ = _mail()
    assert one == other
    different = [_mail(**{field: value})[0].data for field, value in (("key", "x"), ("kind", "test"))]
    ids = {re.search(rb"Message-ID: (\S+)", data)[1] for data in (one.data, *different)}  # type: ignore[index]
    assert len(ids) == 3


def test_assemble_keeps_to_text_for_a_reader_who_wants_it() -> None:
    _, message = _mail(text_only=True)
    assert message.get_content_type() == "text/plain"
    assert _shown(message, "plain").startswith("Good morning, Ada.\nNo. 12 & more · über")


def test_assemble_adds_no_unsubscribe_header_without_a_link() -> None:
    _, message = _mail(unsubscribe_url="")
    assert [field for field in message.keys() if field.startswith("List-Unsubscribe")] == []  # noqa: SIM118


def test_assemble_refuses_a_value_that_is_missing() -> None:
    with pytest.raises(NewsletterError, match=r"my\.greeting"):
        _mail(my={})


@pytest.mark.parametrize("address", ["", "nobody", "a b@example.org", "a@b\r\nBcc: x@example.org"])
def test_assemble_refuses_addresses_that_smtp_cannot_carry(address: str) -> None:
    with pytest.raises(UnsendableAddressError):
        _mail(address=address)


@pytest.mark.parametrize(
    "url", ["javascript:x", "https://x.example/\r\nBcc: a@b.example", "https://é.example/"]
)
def test_assemble_refuses_links_that_no_header_can_carry(url: str) -> None:
    with pytest.raises(ValueError, match="List-Unsubscribe takes a link"):
        _mail(unsubscribe_url=url)


def test_assemble_folds_before_a_long_link() -> None:
    url = "https://papers.example/u/" + "x" * 50
    envelope, message = _mail(unsubscribe_url=url)
    assert f"List-Unsubscribe: \r\n <{url}>\r\n" in envelope.data.decode()
    assert message["List-Unsubscribe"].strip() == f"<{url}>"


def test_mailbox_that_is_read_is_in_the_return_path_and_takes_requests_to_leave() -> None:
    builder = MessageBuilder(SenderIdentity(**_IDENTITY, inbound_address="bounce@in.example"))
    envelope = builder.prepare(_content()).assemble(_recipient())
    assert envelope.sender == f"bounce+{envelope.envid}@in.example"
    assert verify(envelope.envid, [_KEY]) is not None
    message = email.message_from_bytes(envelope.data, policy=_STRICT)
    mailto = f"bounce+leave-{envelope.envid}@in.example"
    assert message["List-Unsubscribe"].split() == [
        "<https://papers.example/u/abc>,",
        f"<mailto:{mailto}?subject=unsubscribe>",
    ]
    assert len(mailto.partition("@")[0]) <= 64
    assert is_leave_address(mailto)
    assert not is_leave_address(envelope.sender)
    assert signed_ids(mailto) == signed_ids(envelope.sender) == [envelope.envid]
    assert max(map(len, envelope.data.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


def test_builder_refuses_a_sender_without_an_address() -> None:
    for sender in ("Paper Digest", "", "x <käthe@papers.example>"):
        with pytest.raises(ConfigurationError, match="sender"):
            MessageBuilder(SenderIdentity(**_IDENTITY | {"sender": sender}))


def test_builder_takes_foreign_names_and_domains() -> None:
    identity = _IDENTITY | {
        "sender": "Überblick 量子 <news@bücher.example>",
        "list_name": "Überblick 量子",
        "reply_to": "Käthe <kaethe@bücher.example>",
    }
    envelope, message = _mail(identity=identity, address="ada@bücher.example")
    assert envelope.sender.endswith("@xn--bcher-kva.example")
    assert envelope.recipient == "ada@bücher.example"
    assert message["From"].addresses[0].display_name == "Überblick 量子"
    assert message["From"].addresses[0].addr_spec == "news@xn--bcher-kva.example"
    assert message["Reply-To"].addresses[0].display_name == "Käthe"
    assert message["To"].addresses[0].addr_spec == "ada@xn--bcher-kva.example"
    assert message["List-Id"] == "Überblick 量子 <newsletter.xn--bcher-kva.example>"
    assert envelope.data.isascii()


def test_a_non_ascii_local_part_stands_as_it_is() -> None:
    builder = MessageBuilder(SenderIdentity(**_IDENTITY))
    envelope = builder.prepare(_content()).assemble(_recipient(address="käthe@bücher.example", name=""))
    assert "To: käthe@xn--bcher-kva.example\r\n".encode() in envelope.data  # RFC 6532


def test_return_path_and_envid_name_the_mail_and_are_signed() -> None:
    envelope, _ = _mail()
    local, _, domain = envelope.sender.partition("@")
    assert domain == "papers.example"
    assert len(local) <= 64
    mail_hash = MessageBuilder(SenderIdentity(**_IDENTITY)).identity_hash(7, "digest", "2026-04-17")
    expected = ReturnPathId(subscriber_id=7, tag=mail_hash[:10])
    assert verify(local.removeprefix("bounce+"), [_KEY]) == expected
    assert verify(local.removeprefix("bounce+").upper(), [b"old key", _KEY]) == expected
    assert envelope.envid == local.removeprefix("bounce+")
    for forged in ("", "7", "7.abc.def", local.removeprefix("bounce+")[:-1] + "a", "8" + envelope.envid[1:]):
        assert verify(forged, [_KEY]) is None
    assert verify(envelope.envid, [b"another key"]) is None


@pytest.mark.parametrize("payload", INJECTIONS)
def test_payloads_anywhere_add_no_header(payload: str) -> None:
    _, plain = _mail()
    name = clean(payload).replace("\\", "\\\\").replace('"', '\\"')
    identity = _IDENTITY | {"sender": f'"{name}" <news@papers.example>', "list_name": payload}
    _, message = _mail(
        identity=identity,
        content=_content(subject=f"3 circuits: {payload}"),
        name=payload,
        my=_MY | {"greeting": f"Good morning, {payload}."},
    )
    assert message.keys() == plain.keys()
    assert [part.keys() for part in message.iter_parts()] == [part.keys() for part in plain.iter_parts()]
    assert [found.addr_spec for found in message["From"].addresses] == ["news@papers.example"]
    assert [found.addr_spec for found in message["To"].addresses] == ["ada@example.org"]
    assert "<script>" not in _shown(message, "html")


def test_odd_subjects_and_names_survive_whole_mails() -> None:
    builder = MessageBuilder(SenderIdentity(**_IDENTITY))
    for number, text in enumerate(odd_texts(300, seed=5)):
        envelope = builder.prepare(_content(subject=text)).assemble(_recipient(name=text, key=str(number)))
        message = cast(EmailMessage, email.message_from_bytes(envelope.data, policy=_STRICT))
        assert message["Subject"] == text
        assert "".join(message["To"].addresses[0].display_name.split()) == "".join(text.split())
        assert max(map(len, envelope.data.split(b"\r\n"))) <= 78


_PRINTABLE = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="@\u2028\u2029")
_LINES = st.text(_PRINTABLE | st.just("\n"), max_size=120)
_ONE_LINE = st.text(_PRINTABLE, min_size=1, max_size=60).map(lambda text: " ".join(text.split()))
_SAID = st.lists(
    _LINES | st.sampled_from([".", "From ", "=", "--", "x" * 76, "é" * 40, "\n.", " \n"]), max_size=6
)
_SLOTS = st.sampled_from(["@my.greeting@", "@my.unsubscribe_url@", "@digest.number@", ""])
_BODY = st.lists(st.tuples(_SAID.map("".join), _SLOTS), max_size=5)


@settings(max_examples=examples(150))
@given(html=_BODY, text=_BODY, greeting=_ONE_LINE, name=_ONE_LINE, subject=_ONE_LINE, text_only=st.booleans())
def test_every_mail_decodes_to_exactly_the_given_text(
    html: list[tuple[str, str]],
    text: list[tuple[str, str]],
    greeting: str,
    name: str,
    subject: str,
    text_only: bool,
) -> None:
    my = _MY | {"greeting": greeting}
    filled = {"@my.greeting@": UNPRINTABLE.sub("", greeting), "": ""}
    filled |= {"@my.unsubscribe_url@": my["unsubscribe_url"], "@digest.number@": "12 & more"}
    sources = ["".join(said + slot for said, slot in body) for body in (html, text)]
    content = _content(subject=subject, html=sources[0], text=sources[1])
    envelope, message = _mail(content=content, my=my, name=name, text_only=text_only)
    assert _shown(message, "plain") == "".join(said + wrapped(filled[slot]) for said, slot in text)
    if not text_only:
        assert _shown(message, "html") == "".join(said + escape(filled[slot]) for said, slot in html)
    body = envelope.data.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert not re.search(rb"^From ", body, re.MULTILINE)
    assert message["Subject"] == clean(subject)
    assert len(message.items()) == len(set(message.keys())) == 14 + text_only


def test_the_first_line_of_a_from_holds_its_name() -> None:
    for name in ("N" * 70, "é" * 60, "量子" * 30, "word " * 30):
        envelope, _ = _mail(identity=_IDENTITY | {"sender": f'"{name}" <news@papers.example>'})
        assert re.match(rb"From: \S", envelope.data)


def test_message_ids_and_boundaries_differ_with_reader_kind_and_key() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"subscriber_id": 8},
        {"kind": "test"},
        {"key": "2026-04-18"},
        {"kind": "digest2026", "key": "-04-17"},
    ]
    mails = [_mail(**change)[1] for change in changes]
    assert len({message["Message-ID"] for message in mails}) == len(changes)
    assert len({message.get_boundary() for message in mails}) == len(changes)
    other = MessageBuilder(SenderIdentity(**_IDENTITY | {"secret_keys": ["another"]}))
    assert other.message_id(7, "digest", "2026-04-17") != mails[0]["Message-ID"]
    assert (
        MessageBuilder(SenderIdentity(**_IDENTITY)).message_id(7, "digest", "2026-04-17")
        == mails[0]["Message-ID"]
    )


def test_links_in_headers_may_be_http_on_loopback() -> None:
    url = "http://localhost:8000/u/abc"
    _, message = _mail(identity=_IDENTITY | {"base_url": "http://localhost:8000"}, unsubscribe_url=url)
    found = [message[field] for field in ("List-Unsubscribe", "List-Help", "List-Archive")]
    assert found == [f"<{url}>", "<http://localhost:8000/>", None]  # there is no archive


def test_archive_is_named_where_there_is_one() -> None:
    archive = "https://papers.example/archive"
    _, message = _mail(identity=_IDENTITY | {"archive_url": archive})
    assert message["List-Archive"] == f"<{archive}>"
