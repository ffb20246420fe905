"""Names are one line, and hold no link and no address, in whatever letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.addresses import checked_name
from subscribers.errors import NameRefusedError


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada  Lovelace\n", "Ada Lovelace"),
        ("J.R.R. Tolkien", "J.R.R. Tolkien"),
        ("J.Smith", "J.Smith"),
        ("Y.Xu", "Y.Xu"),
        ("Dr.Lovelace", "Dr.Lovelace"),
        ("Prof.Dr.Müller", "Prof.Dr.Müller"),
        ("Dr. rer. nat. Ada Lovelace, M.Sc.", "Dr. rer. nat. Ada Lovelace, M.Sc."),
        ("Dr.rer.nat. Lovelace", "Dr.rer.nat. Lovelace"),
        ("Ada Lovelace, Ph.D.", "Ada Lovelace, Ph.D."),
        ("St.John Rivers", "St.John Rivers"),
        ("Ada Lovelace Jr.", "Ada Lovelace Jr."),
        ("O'Brien-d'Artagnan", "O'Brien-d'Artagnan"),
        ("Ada: Countess of Lovelace", "Ada: Countess of Lovelace"),
        ("Ada\u202e Lovelace", "Ada Lovelace"),
        ("Ada \\", "Ada"),  # a roster with it could not be read again
        ('Ada \\"Bob\\" Lovelace', 'Ada "Bob" Lovelace'),
        ("李清照", "李清照"),
        ("ジョン・スミス", "ジョン・スミス"),
        ("ada@example.org", ""),  # it repeats the address
        ("Ada@Example.org", ""),
        ("", ""),
    ],
)
def test_a_name_is_kept_on_one_line(typed: str, name: str) -> None:
    assert checked_name(typed, address="ada@example.org") == name


@pytest.mark.parametrize(
    "typed",
    [
        "Urgent: verify at http://evil.example/x",
        "Urgent: verify at HTTPS://EVIL.EXAMPLE",
        "verify at hxxp://evil",
        "mailto:eve",
        "Ada www.evil.example",
        "Ada www2.evil",
        "evil.com",
        "Ada evil.co.uk",
        "Ada Evil.Com",
        "Dr.Com",
        "J.Smith/x",
        "my-site.io",
        "münchen.de",
        "пример.рф",
        "Ada xn--e1afmkfd.xn--p1ai",
        "192.0.2.7",
        "eve@evil.example",
        "eve@",
        "ｗｗｗ．ｅｖｉｌ．ｃｏｍ",
        "ｈｔｔｐ：／／evil",
        "eve＠evil",
        "evil。com",
        "evil｡com",
        "evil․com",
        "ev\u200dil.c\u200bom",
        "evil\u00ad.com",
    ],
)
def test_a_name_with_a_link_or_an_address_is_refused(typed: str) -> None:
    with pytest.raises(NameRefusedError, match="holds a link or an address"):
        checked_name(typed, address="ada@example.org")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_a_name_with_a_line_break_is_refused(end: str) -> None:
    with pytest.raises(NameRefusedError, match="has several lines"):
        checked_name(f"Ada{end}Bcc: eve")


def test_a_very_long_name_is_cut_in_no_time() -> None:
    assert len(checked_name("a" + "\u0301" * 40_000)) == 100


@given(st.text(max_size=200))
def test_a_checked_name_stays_as_it_is(text: str) -> None:
    try:
        name = checked_name(text)
    except NameRefusedError:
        return
    assert checked_name(name) == name
