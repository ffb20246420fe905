"""Checks of single settings: the pattern of a subject line, the addresses of pages and database."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from newsletter.settings.checks import (
    SUBJECT_FIELDS,
    base_url,
    database_url,
    host,
    public_link,
    subject_pattern,
)


def test_pattern_of_every_field_and_of_none_is_taken_as_it_is() -> None:
    for pattern in ("", "Papers {{today}}", " ".join("{" + name + "}" for name in SUBJECT_FIELDS)):
        assert subject_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["{nmae}", "{}", "{0}", "{name.__class__}", "{name[0]}", "{name!r}", "{name:>99}", "{name", "}"],
)
def test_pattern_that_cannot_be_filled_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="use any of"):
        subject_pattern(pattern)


SECRET = "hush-hush"


@pytest.mark.parametrize(
    "value",
    [
        f"https://papers:{SECRET}@papers.example.org",
        f"https://{SECRET}@papers.example.org",
        f"https://papers:{SECRET}/x@papers.example.org",
        f"https://papers:{SECRET}#x@papers.example.org",
        f"https://papers:{SECRET}?x@papers.example.org",
        "https://papers.example.org@evil.example",
        "https://papers.example.org:x",
        "https://papers.example.org:70000",
        "https://papers.example.org\\evil.example",
        "https://papers.example.org/a b",
        "https://papers.example.org/\x1b[2J",
        "https://papers.example.org/?q",
        "javascript:alert(1)",
        "//papers.example.org",
    ],
)
def test_base_url_with_a_password_or_odd_parts_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(ValueError, match=r"write it|port") as caught:
        base_url(value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        f"https://u:{SECRET}@papers.example.org/privacy",
        f"https://{SECRET}@papers.example.org/logo.png",
        f"https://u:{SECRET}/x@papers.example.org/",
    ],
)
def test_link_for_mails_with_a_password_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="without a user name and a password") as caught:
        public_link(value)
    assert SECRET not in str(caught.value)
    assert public_link("https://social.example/@papers") == "https://social.example/@papers"


@pytest.mark.parametrize(
    "value",
    [
        *(f"u:{SECRET}@smtp.example.org", f"smtp://u:{SECRET}@smtp.example.org:587"),
        *("https://smtp.example.org", "smtp.example.org/x", "smtp example", "smtp.example.org\x1b[2J"),
    ],
)
def test_mail_server_is_a_name_alone_and_is_not_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="write the name of the server alone") as caught:
        host(value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", ["smtp.example.org", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "mail"])
def test_mail_server_by_name_or_address_is_taken(value: str) -> None:
    assert host(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "sqlite:////var/lib/newsletter/newsletter.sqlite3",
        "sqlite:///newsletter.sqlite3",
        "postgresql+psycopg://newsletter:a%40b%2Fc@db/newsletter",
        "postgresql+psycopg://newsletter@/newsletter?host=/run/postgresql",
        "postgresql+psycopg:///newsletter",
        "postgresql+psycopg://u:p@[::1]:5432/newsletter",
        "postgresql+psycopg://u:p@/newsletter?host=a:5432&host=b:5433",
    ],
)
def test_database_url_that_can_be_used_is_taken(value: str) -> None:
    assert database_url(SecretStr(value)).get_secret_value() == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (f"postgres://u:{SECRET}@db/n", "must begin with postgresql+psycopg:// instead of postgres://"),
        (f"postgresql://u:{SECRET}@db/n", "must begin with postgresql+psycopg://"),
        (f"postgresql+psycopg2://u:{SECRET}@db/n", "must begin with postgresql+psycopg://"),
        (f"postgresql+asyncpg://u:{SECRET}@db/n", "must begin with postgresql+psycopg://"),
        (f"POSTGRES://u:{SECRET}@db/n", "must begin with postgresql+psycopg://"),
        (f"mysql://u:{SECRET}@db/n", "write it as sqlite:////path/file or postgresql+psycopg://"),
        (f"u:{SECRET}@db/n", "write it as sqlite:////path/file or postgresql+psycopg://"),
        ("", "write it as sqlite:////path/file or postgresql+psycopg://"),
        ("/var/lib/newsletter.sqlite3", "write it as sqlite:////path/file or postgresql+psycopg://"),
        ("sqlite://newsletter.sqlite3", "four slashes"),
        ("sqlite://", "four slashes"),
        (f"postgresql+psycopg://u:{SECRET}@x@db/n", "write @ as %40"),
        (f"postgresql+psycopg://u:{SECRET}/x@db/n", "write @ as %40, / as %2F"),
        (f"postgresql+psycopg://u:{SECRET}?x@db/n", "write ? as %3F"),
        (f"postgresql+psycopg://u:{SECRET}@db:port/n", "the port must be a number"),
    ],
)
def test_database_url_that_cannot_be_used_is_refused_and_not_quoted(value: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        database_url(SecretStr(value))
    assert SECRET not in str(caught.value)
