"""Tokens: one purpose each, rotating keys, and expired tokens that differ from forged ones."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from subscribers.errors import TokenExpiredError, TokenForgedError
from subscribers.tokens import random_id, read, sign
from tests.subscribers.conftest import NOON

KEYS = ["new key", "old key"]
TOKEN = sign("preferences", {"ref": "abc"}, keys=KEYS, now=NOON)


def test_read_gives_back_what_was_signed() -> None:
    assert read("preferences", TOKEN, keys=KEYS, now=NOON + timedelta(days=900)) == {"ref": "abc"}


def test_read_knows_keys_that_rotated_out_of_signing() -> None:
    old = sign("preferences", {"ref": "abc"}, keys=["old key"], now=NOON)
    assert read("preferences", old, keys=KEYS, now=NOON) == {"ref": "abc"}
    with pytest.raises(TokenForgedError):
        read("preferences", old, keys=["new key"], now=NOON)
    assert read("preferences", TOKEN, keys=["new key"], now=NOON) == {"ref": "abc"}  # the newest signs


def test_read_refuses_another_purpose() -> None:
    with pytest.raises(TokenForgedError):
        read("confirm", TOKEN, keys=KEYS, now=NOON)


def test_read_distinguishes_expired_and_forged() -> None:
    age = timedelta(hours=24)
    assert read("preferences", TOKEN, keys=KEYS, now=NOON + age, max_age=age) == {"ref": "abc"}
    with pytest.raises(TokenExpiredError) as caught:
        read("preferences", TOKEN, keys=KEYS, now=NOON + age + timedelta(seconds=1), max_age=age)
    assert caught.value.signed_at == NOON
    assert "2026-01-06T12:00:00+00:00" in caught.value.message


@given(st.integers(0, len(TOKEN) - 1))
def test_read_refuses_every_truncation(length: int) -> None:
    with pytest.raises(TokenForgedError):
        read("preferences", TOKEN[:length], keys=KEYS, now=NOON)


@given(st.integers(0, len(TOKEN) - 2), st.sampled_from("Az09-_."))
def test_read_refuses_every_changed_character(position: int, character: str) -> None:
    # The last character is left out: its lowest bits are padding in base64.
    forged = TOKEN[:position] + character + TOKEN[position + 1 :]
    if forged != TOKEN:
        with pytest.raises(TokenForgedError):
            read("preferences", forged, keys=KEYS, now=NOON, max_age=timedelta(days=1))


@given(st.text(max_size=5000))
def test_read_refuses_any_other_text(text: str) -> None:
    with pytest.raises(TokenForgedError):
        read("preferences", text, keys=KEYS, now=NOON)


def test_random_ids_differ_and_fit_a_link() -> None:
    ids = {random_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(each) for each in ids} == {22}


@pytest.mark.parametrize(
    "payload",
    [
        {"ref": "abc"},
        {"ref": 'a "quoted" word \\ /+'},
        {"ref": "abc", "epoch": "3"},
        {"ref": 7},
        {},
    ],
)
def test_sign_gives_the_bytes_of_the_library(payload: dict[str, object]) -> None:
    class At(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(NOON.timestamp())

    library = URLSafeTimedSerializer(
        ["old key", "new key"],
        salt="newsletter.preferences",
        signer=At,
        signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"},
    )
    assert sign("preferences", payload, keys=KEYS, now=NOON) == library.dumps(payload)
