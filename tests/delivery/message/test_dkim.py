"""DKIM signatures: verifiers that are not ours accept them, and nothing that changed."""

from __future__ import annotations

import email
import re
from collections.abc import Sequence
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.delivery.message.dkim import OVERSIGNED, SIGNED, DkimSigner, is_aligned
from newsletter.delivery.message.dkim_keys import DkimKey
from tests.delivery.message.signed_mail import (
    ED25519,
    RSA,
    needs_opendkim,
    opendkim_says,
    signed_mail,
    verified,
)
from tests.marks import examples

COMBINATIONS = pytest.mark.parametrize(
    "keys", [(RSA,), (ED25519,), (RSA, ED25519)], ids=["rsa", "ed25519", "both"]
)
MINIMAL = b"From: a@papers.example\r\nDate: Fri, 17 Apr 2026 05:00:00 +0000\r\n"


def _tags(mail: bytes) -> list[dict[str, str]]:
    """The tags of each signature, without white space."""
    found = re.findall(rb"^DKIM-Signature: (.*?\r\n)(?![ \t])", mail, re.MULTILINE | re.DOTALL)
    bare = ["".join(field.decode().split()) for field in found]
    return [dict(tag.split("=", 1) for tag in field.rstrip(";").split(";")) for field in bare]


@COMBINATIONS
def test_every_signature_holds(keys: Sequence[DkimKey]) -> None:
    assert verified(signed_mail(keys)) == [True] * len(keys)


@needs_opendkim
@COMBINATIONS
def test_opendkim_agrees_and_sees_a_change(keys: Sequence[DkimKey], tmp_path: Path) -> None:
    mail = signed_mail(keys)
    assert opendkim_says(mail, tmp_path) == ["pass"] * len(keys)
    assert opendkim_says(mail.replace(b"Good", b"good"), tmp_path) == ["fail"] * len(keys)


def test_signing_changes_nothing_of_the_mail_itself() -> None:
    plain = signed_mail(())
    both = signed_mail((RSA, ED25519))
    assert both.endswith(plain)
    assert email.message_from_bytes(both, policy=default.clone(raise_on_defect=True))["Subject"]


def test_signature_says_what_it_covers() -> None:
    covered = [name.decode() for name in SIGNED if name != b"content-transfer-encoding"]
    listed = [name for name in covered for _ in range(1 + (name.encode() in OVERSIGNED))]
    body_hash = _tags(signed_mail())[0]["bh"]
    common = {"v": "1", "c": "relaxed/relaxed", "d": "papers.example", "t": "1776402000"}  # the mail's Date
    common |= {"h": ":".join(listed), "bh": body_hash}
    assert [{tag: value for tag, value in tags.items() if tag != "b"} for tags in _tags(signed_mail())] == [
        {"a": "rsa-sha256", "s": "newsletter-rsa", **common},
        {"a": "ed25519-sha256", "s": "newsletter-ed25519", **common},
    ]


def test_text_mail_has_its_encoding_covered() -> None:
    mail = DkimSigner((ED25519,)).sign(MINIMAL + b"Content-Transfer-Encoding: 7bit\r\n\r\nx\r\n")
    assert "content-transfer-encoding" in _tags(mail)[0]["h"].split(":")
    assert verified(mail) == [True]
    assert verified(mail.replace(b"7bit", b"8bit")) == [False]


def test_signing_again_gives_the_same_bytes() -> None:
    assert signed_mail() == signed_mail()
    assert signed_mail() != signed_mail(key="2026-04-18")


def test_lines_of_signatures_are_short() -> None:
    long = DkimKey(domain="newsletters." * 4 + "example.org", selector="s" * 60, private=RSA.private)
    mail = signed_mail((RSA, ED25519, long))
    added = mail.removesuffix(signed_mail(()))
    assert max(map(len, added.split(b"\r\n"))) <= 78
    assert verified(mail, RSA, ED25519, long) == [True] * 3


@COMBINATIONS
@pytest.mark.parametrize("field", [name.decode() for name in SIGNED if name != b"content-transfer-encoding"])
def test_change_of_a_signed_field_breaks_every_signature(keys: Sequence[DkimKey], field: str) -> None:
    mail = signed_mail(keys)
    changed = re.sub(rf"(?im)^({field}:\s*\S)".encode(), rb"\1x", mail, count=1)
    assert changed != mail
    assert verified(changed) == [False] * len(keys)


@pytest.mark.parametrize("field", [name.decode() for name in SIGNED if name != b"content-transfer-encoding"])
def test_removal_of_a_signed_field_breaks_the_signature(field: str) -> None:
    mail = signed_mail((ED25519,))
    changed = re.sub(rf"(?im)^{field}:.*\r\n([ \t].*\r\n)*".encode(), b"", mail, count=1)
    assert changed != mail
    assert verified(changed) == [False]


@pytest.mark.parametrize("field", ["From", "Subject", "To", "Date"])
@pytest.mark.parametrize("on_top", [True, False])
def test_second_field_of_an_oversigned_name_breaks_every_signature(field: str, on_top: bool) -> None:
    mail = signed_mail()
    added = f"{field}: evil <evil@example.org>\r\n".encode()
    head, _, body = mail.partition(b"\r\n\r\n")
    changed = added + mail if on_top else head + b"\r\n" + added + b"\r\n" + body
    assert verified(changed) == [False, False]


def test_oversigned_field_that_is_absent_cannot_be_added() -> None:
    mail = DkimSigner((ED25519,)).sign(MINIMAL + b"\r\nx\r\n")
    assert verified(mail) == [True]
    assert verified(b"Subject: evil\r\n" + mail) == [False]


def test_field_that_relays_add_breaks_nothing() -> None:
    mail = b"Received: from a by b; Fri, 17 Apr 2026 05:00:00 +0000\r\nX-Spam: no\r\n" + signed_mail()
    assert verified(mail) == [True, True]


def test_space_that_relays_may_change_breaks_nothing() -> None:
    head, _, body = signed_mail().partition(b"\r\n\r\n")
    changed = head.replace(b"\r\nSubject: ", b"\r\nSUBJECT:  ").replace(b"\r\n ", b"\r\n\t ")
    assert verified(changed + b"\r\n\r\n" + body.replace(b" Three", b"  \tThree") + b"\r\n\r\n") == [
        True,
        True,
    ]


def test_any_changed_byte_of_the_body_breaks_the_signature() -> None:
    mail = signed_mail((ED25519,), text="Good morning.\nThree papers.\n")
    start = mail.index(b"\r\n\r\n") + 4
    relaxed = b" \t\r\n"  # what a relay may change in part: the test above
    survived = [
        place
        for place in range(start, len(mail))
        if mail[place] not in relaxed
        and verified(mail[:place] + bytes([mail[place] ^ 1]) + mail[place + 1 :]) == [True]
    ]
    assert survived == []


def test_part_added_to_the_body_breaks_the_signature() -> None:
    assert verified(signed_mail() + b"and buy this\r\n") == [False, False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n\r\n",
        b" \r\n",
        b"x",
        b"x \r\n",
        b"\tx  y\t\r\n \r\n\r\n",
        b"x\r\n \t \r\ny\r\n",
    ],
)
def test_odd_bodies_verify(body: bytes, tmp_path: Path) -> None:
    mail = DkimSigner((RSA, ED25519)).sign(MINIMAL + b"\r\n" + body)
    if body and not body.endswith(b"\r\n"):
        mail += b"\r\n"  # as SMTP does
    assert verified(mail) == [True, True]


@needs_opendkim
@pytest.mark.parametrize("body", [b"", b"\r\n\r\n", b" \r\n", b"\tx  y\t\r\n \r\n\r\n"])
def test_odd_bodies_verify_with_opendkim(body: bytes, tmp_path: Path) -> None:
    mail = DkimSigner((RSA, ED25519)).sign(MINIMAL + b"\r\n" + body)
    assert opendkim_says(mail, tmp_path) == ["pass", "pass"]


@pytest.mark.parametrize("date", ["", "Date: yesterday\r\n", "Date: Mon, 01 Jan 1900 00:00:00 +0000\r\n"])
def test_mail_without_a_usable_date_is_signed_without_a_time(date: str) -> None:
    mail = DkimSigner((ED25519,)).sign(b"From: a@papers.example\r\n" + date.encode() + b"\r\nx\r\n")
    assert "t" not in _tags(mail)[0]
    assert verified(mail) == [True]


def test_mail_without_from_is_refused() -> None:
    with pytest.raises(ValueError, match="From"):
        DkimSigner((ED25519,)).sign(b"Subject: x\r\n\r\n")


_VALUE = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
    | st.sampled_from([" ", "\t", "\r\n ", "\r\n\t", "  ", "é", "x" * 90]),
    max_size=8,
).map("".join)
_FIELDS = st.lists(
    st.tuples(st.sampled_from(["Subject", "To", "List-Id", "X-Other", "SUBJECT", "Reply-To"]), _VALUE),
    max_size=6,
)


def _has_no_blank_line(value: str) -> bool:
    return all(line.strip(" \t") for line in f"x{value}".split("\r\n"))


@settings(max_examples=examples(300))
@given(
    fields=_FIELDS.filter(lambda fields: all(_has_no_blank_line(value) for _, value in fields)),
    body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"x", b"  ", b"=20", b"\xc3\xa9"]), max_size=30),
)
def test_any_fields_and_body_verify(fields: list[tuple[str, str]], body: list[bytes]) -> None:
    head = b"".join(f"{name}:{value}\r\n".encode() for name, value in fields)
    mail = DkimSigner((RSA, ED25519)).sign(MINIMAL + head + b"\r\n" + b"".join(body) + b"\r\n")
    assert verified(mail) == [True, True]


@pytest.mark.parametrize(
    ("domain", "sender", "aligned"),
    [
        ("example.org", "example.org", True),
        ("example.org", "Mail.Example.org", True),
        ("mail.example.org", "example.org", True),
        ("localhost", "localhost", True),
        ("org", "example.org", False),
        ("example.com", "example.org", False),
        ("evil-example.org", "example.org", False),
        ("a.example.org", "b.example.org", False),
    ],
)
def test_domain_is_aligned_when_one_lies_below_the_other(domain: str, sender: str, aligned: bool) -> None:
    assert is_aligned(domain, sender) is aligned
