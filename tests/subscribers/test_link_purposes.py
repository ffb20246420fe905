"""Signed links: one purpose each, rotating keys, and expired links that differ from forged ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers import link_purposes, tokens
from subscribers.errors import TokenExpiredError, TokenForgedError
from tests.subscribers.conftest import NOON

KEYS = ("the newest key", "the key before")
SIGNED = (link_purposes.CONFIRM, link_purposes.ADDRESS, link_purposes.PREFERENCES, link_purposes.ACCOUNT)


@pytest.mark.parametrize("purpose", SIGNED)
def test_a_link_opens_its_own_page_and_no_other(purpose: str) -> None:
    token = tokens.sign(purpose, {"ref": "r", "to": "s"}, keys=KEYS, now=NOON)
    assert link_purposes.read(purpose, token, keys=KEYS, now=NOON) == link_purposes.OpenedLink(
        ref="r", to="s", signed_at=NOON
    )
    for other in {*SIGNED, link_purposes.FORM} - {purpose}:
        with pytest.raises(TokenForgedError):
            link_purposes.read(other, token, keys=KEYS, now=NOON)


@pytest.mark.parametrize("purpose", SIGNED)
def test_a_link_outlives_a_change_of_keys_until_its_key_is_dropped(purpose: str) -> None:
    token = tokens.sign(purpose, {"ref": "r"}, keys=KEYS[1:], now=NOON)
    assert link_purposes.read(purpose, token, keys=KEYS, now=NOON).ref == "r"
    with pytest.raises(TokenForgedError):
        link_purposes.read(purpose, token, keys=KEYS[:1], now=NOON)


@pytest.mark.parametrize("purpose", SIGNED)
def test_an_expired_link_says_until_when_it_was_good(purpose: str) -> None:
    token = tokens.sign(purpose, {"ref": "r"}, keys=KEYS, now=NOON)
    until = NOON + link_purposes.MAX_AGES[purpose]
    assert link_purposes.read(purpose, token, keys=KEYS, now=until).ref == "r"
    with pytest.raises(TokenExpiredError) as error:
        link_purposes.read(purpose, token, keys=KEYS, now=until + timedelta(seconds=1))
    assert (error.value.signed_at, error.value.until) == (NOON, until)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_truncated_link_is_refused(cut: int) -> None:
    token = tokens.sign(link_purposes.PREFERENCES, {"ref": "r"}, keys=KEYS, now=NOON)
    with pytest.raises(TokenForgedError):
        link_purposes.read(link_purposes.PREFERENCES, token[:-cut], keys=KEYS, now=NOON)


@pytest.mark.parametrize("payload", [{}, {"ref": 3}, {"ref": ""}, {"ref": "r", "to": []}])
def test_a_payload_of_another_shape_is_refused(payload: dict[str, object]) -> None:
    token = tokens.sign(link_purposes.PREFERENCES, payload, keys=KEYS, now=NOON)
    with pytest.raises(TokenForgedError):
        link_purposes.read(link_purposes.PREFERENCES, token, keys=KEYS, now=NOON)
