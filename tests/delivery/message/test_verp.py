from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.message.verp import ReturnPathId, return_path, sign, signed_ids, verify

KEY = b"secret key of the tests"
MARK = ReturnPathId(subscriber_id=7, tag="0123456789")


@given(st.integers(0, 2**63 - 1), st.text("0123456789abcdef", min_size=1, max_size=16))
def test_verify_reads_back_what_was_signed_in_any_letter_case(number: int, tag: str) -> None:
    mark = ReturnPathId(subscriber_id=number, tag=tag)
    signed = sign(mark, KEY)
    assert len("bounce+" + signed) <= 64  # octets of a local part, RFC 5321 section 4.5.3.1.1
    assert [verify(text, [b"newer", KEY]) for text in (signed, signed.upper(), f" {signed}\n")] == [mark] * 3


def test_sign_is_the_same_every_time_and_another_for_every_mail_and_key() -> None:
    others = [ReturnPathId(subscriber_id=8, tag=MARK.tag), ReturnPathId(subscriber_id=7, tag="0123456788")]
    assert sign(MARK, KEY) == sign(MARK, KEY)
    assert len({sign(MARK, KEY), sign(MARK, b"another"), *(sign(mark, KEY) for mark in others)}) == 4


def _forgeries() -> list[str]:
    signed = sign(MARK, KEY)
    signed_part, _, signature = signed.rpartition(".")
    return [
        "",
        ".",
        "..",
        "7",
        signed_part,
        f"{signed_part}.",
        f".{signature}",
        f"8.{MARK.tag}.{signature}",
        f"7.{MARK.tag[:-1]}8.{signature}",
        f"-7.{MARK.tag}.{signature}",
        f"7..{signature}",
        f"{signed_part}.{signature[:-1]}",
        f"{signed_part}.{signature}a",
        f"{signed_part}.{signature[::-1]}",
        f"{signed_part}.ü{signature}",
        f"{signed_part}\udcfc.{signature}",
        f"٧.{MARK.tag}.{signature}",
    ]


@pytest.mark.parametrize("forged", _forgeries())
def test_verify_refuses_an_id_that_no_key_of_ours_made(forged: str) -> None:
    assert verify(sign(MARK, KEY), [KEY]) == MARK
    assert verify(forged, [KEY]) is None


def test_verify_refuses_every_changed_character() -> None:
    signed = sign(MARK, KEY)
    changed = [signed[:at] + ("b" if was != "b" else "c") + signed[at + 1 :] for at, was in enumerate(signed)]
    assert [text for text in changed if verify(text, [KEY]) is not None] == []
    assert verify(signed, [b"another key"]) is None
    assert verify(signed, []) is None


def test_return_path_is_a_plain_address() -> None:
    assert return_path("7.ab.cd", "papers.example") == "bounce+7.ab.cd@papers.example"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("bounce+{id}@papers.example", 1),
        ("Bounce+{ID}@PAPERS.EXAMPLE", 1),
        ("me+{id}@gmail.example", 1),
        ("SRS0=ab12=xy=papers.example=bounce+{id}@forwarder.example", 1),
        ("<bounce+{id}@papers.example> <bounce+{id}@papers.example>", 1),
        ("{id}", 1),
        ("bounce+1{id}@papers.example", 1),  # another id, which does not verify
        ("bounce+{id}0@papers.example", 0),
        ("bounce@papers.example", 0),
        ("1.2.3@papers.example", 0),
        ("", 0),
    ],
)
def test_signed_ids_are_found_in_rewritten_addresses(text: str, number: int) -> None:
    signed = sign(ReturnPathId(subscriber_id=7, tag="0123456789"), b"key")
    found = signed_ids(text.replace("{id}", signed).replace("{ID}", signed.upper()))
    assert len(found) == number
    verified = [verify(one, [b"key"]) is not None for one in found]
    assert verified == [("+1{id}" not in text)] * number
