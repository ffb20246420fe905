"""Forged, old and foreign tokens: each opens nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from subscribers import link_purposes, tokens
from tests.web.attacks.attacked_site import AttackedSite


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
def test_a_forged_token_opens_nothing(ada: AttackedSite, forge: Callable[[str], str]) -> None:
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
def test_a_token_of_one_purpose_opens_no_other_page(ada: AttackedSite, purpose: str, path: str) -> None:
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
def test_an_old_token_is_replayed_in_vain(ada: AttackedSite, purpose: str, path: str, days: int) -> None:
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
def test_an_id_is_no_pattern(ada: AttackedSite, payload: dict[str, str]) -> None:
    token = ada.signed(link_purposes.PREFERENCES, **payload)
    assert ada.website.browser.get(f"/preferences/{token}").status_code in (404, 410)


@pytest.mark.parametrize(
    "leave_id", ["%25", "_" * 22, "%", "' OR '1'='1", "ada@example.org", "1", "*", "%00"]
)
def test_an_id_to_leave_is_no_pattern(ada: AttackedSite, leave_id: str) -> None:
    path = f"/u/{quote(leave_id, safe='%')}"
    for answer in (
        ada.website.browser.get(path),
        ada.website.browser.post(path),
        ada.website.browser.post(f"{path}/undo"),
    ):
        assert answer.status_code == 404
    assert ada.is_as_before()


def test_ids_in_another_case_leave_nothing(ada: AttackedSite) -> None:
    swapped = ada.person.leave_id.swapcase()
    assert swapped != ada.person.leave_id
    assert ada.website.browser.post(f"/u/{swapped}").status_code == 404
    assert ada.is_as_before()
