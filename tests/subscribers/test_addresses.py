"""Addresses: accepted syntax, equal keys of spellings, and no injection."""

from __future__ import annotations

import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from subscribers.addresses import MAX_NAME, Address, clean_name, mask, parse
from subscribers.errors import AddressError
from tests.isemail_cases import cases
from tests.naughty import naughty_strings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org", Address(address="ada@example.org", key="ada@example.org")),
        ("Ada.L+News@Example.ORG", Address(address="Ada.L+News@example.org", key="ada.l+news@example.org")),
        (
            "Ada Lovelace <ada@example.org>",
            Address(address="ada@example.org", key="ada@example.org", name="Ada Lovelace"),
        ),
        (
            '"Lovelace, \\"Ada\\"" <ada@example.org>',
            Address(address="ada@example.org", key="ada@example.org", name='Lovelace, "Ada"'),
        ),
        (" <ada@example.org>\u00a0", Address(address="ada@example.org", key="ada@example.org")),
        ("ada@BÜCHER.example", Address(address="ada@bücher.example", key="ada@xn--bcher-kva.example")),
        ("ada@xn--bcher-kva.example", Address(address="ada@bücher.example", key="ada@xn--bcher-kva.example")),
        ("ÅSA@example.org", Address(address="ÅSA@example.org", key="åsa@example.org")),
        ("root@localhost", Address(address="root@localhost", key="root@localhost")),
        ("Ada@Printer.LOCAL", Address(address="Ada@printer.local", key="ada@printer.local")),
        ("ada@reader.test", Address(address="ada@reader.test", key="ada@reader.test")),
    ],
)
def test_parse_reads_address_key_and_name(text: str, expected: Address) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@@example.org",
        "ada lovelace@example.org",
        "ada@nodots",
        "ada@1.2.3.4",
        "ada@[1.2.3.4]",
        '"ada l"@example.org',
        "ada@example..org",
        "ada@exa_mple.org",
        "ada@nobody.invalid",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\n",
        "ada\x00@example.org",
        "ada\u202e@example.org",
        "ada\u2028@example.org",
        "Ada <ada@example.org> and more",
        "Ada <ada@example.org",
        "ada@example.org, eve@example.org",
        "a" * 65 + "@example.org",
        "ada@" + "a." * 130 + "org",
        "x" * 100_000,
    ],
)
def test_parse_refuses_text_that_is_not_an_address(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert "is not an email address" in caught.value.message or not text
    assert len(caught.value.message) < 500
    assert not any(unicodedata.category(c) in ("Cc", "Zl", "Cf") for c in caught.value.message)


def test_parse_keeps_a_header_out_of_the_name() -> None:
    found = parse("Ada\r\nBcc: eve@example.org\r\n\r\n <ada@example.org>")
    assert found == Address(address="ada@example.org", key="ada@example.org", name="Ada Bcc: eve@example.org")


@given(st.text())
def test_parse_accepts_or_refuses_but_never_crashes(text: str) -> None:
    try:
        found = parse(text)
    except AddressError:
        return
    assert parse(found.address).key == found.key
    assert parse(found.key).key == found.key
    assert clean_name(found.name) == found.name


@given(st.from_regex(r"[A-Za-z0-9]{1,10}@[A-Za-z0-9]{1,10}\.(org|net|test)", fullmatch=True))
def test_parse_makes_letter_case_one_person(text: str) -> None:
    assert parse(text.upper()).key == parse(text.lower()).key == parse(text).key


@given(st.text(max_size=300))
def test_clean_name_is_one_short_visible_line_and_stable(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= MAX_NAME
    assert name == name.strip()
    assert {unicodedata.category(c) for c in name} & {"Cc", "Zl", "Zp", "Cs"} == set()
    assert not any(c in "\u200e\u200f\u061c\u202a\u202e\u2066\u2069\ufeff" for c in name)
    assert clean_name(name) == name


def test_clean_name_keeps_joiners() -> None:
    assert clean_name("می\u200cخواهم 👩\u200d🔬") == "می\u200cخواهم 👩\u200d🔬"


@pytest.mark.parametrize(
    ("address", "expected"),
    [("ada@example.org", "a••@example.org"), ("a@example.org", "a••@example.org"), ("", "")],
)
def test_mask_hides_the_local_part(address: str, expected: str) -> None:
    assert mask(address) == expected


# isemail's categories of well-formed addresses that every mail server knows; addresses of its other
# categories (comments, folding, quoting, literals, too long, errors) must be refused.
ACCEPTABLE = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN"}
# Blanks around a copied address are removed.
BLANKS_AROUND = {" test@iana.org", "test@iana.org "}
# Top-level domains have no mail (ICANN forbade dotless domains in 2013): a dot was forgotten.
DOTLESS = {"test@io"}


def test_parse_decides_each_case_of_isemail_as_documented() -> None:
    known = cases()
    assert len(known) == 164
    accepted = {case.address for case in known if _outcome(case.address) is not None}
    well_formed = {case.address for case in known if case.category in ACCEPTABLE}
    assert accepted == well_formed - DOTLESS | BLANKS_AROUND


def test_naughty_strings_are_parsed_or_refused() -> None:
    strings = naughty_strings()
    assert len(strings) == 461
    for text in strings:
        for given_text in (text, f"{text}@example.org", f"ada@{text}", f"{text} <ada@example.org>"):
            found = _outcome(given_text)
            if found is not None:
                assert parse(found.address).key == found.key
                _assert_one_visible_line(found.address)
                _assert_one_visible_line(found.name)
                _assert_one_visible_line(mask(found.address))
        _assert_one_visible_line(clean_name(text))
        mask(text)


def _outcome(text: str) -> Address | None:
    """The parsed address; None when it is refused with a printable message."""
    try:
        return parse(text)
    except AddressError as error:
        _assert_one_visible_line(error.message)
        return None


def _assert_one_visible_line(text: str) -> None:
    categories = {unicodedata.category(c) for c in text if c not in "\u200c\u200d"}  # joiners stay
    assert categories & {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"} == set()


@given(
    st.lists(
        st.text(alphabet="abxn019-Z", min_size=1, max_size=5) | st.just("x" * 63), min_size=1, max_size=5
    ),
    st.sampled_from(
        ["org", "COM", "c", "9", "test", "local", "arpa", "xn--p1ai", "o-g", "example", "x" * 64, ""]
    ),
)
def test_parse_agrees_with_the_library_about_hosts(labels: list[str], top: str) -> None:
    domain = ".".join([*labels, top])
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, strict=True)
        expected: tuple[str, str] | None = (f"a@{found.domain}", f"a@{found.ascii_domain}".lower())
    except EmailNotValidError:
        expected = None
    try:
        address = parse(f"a@{domain}")
        given: tuple[str, str] | None = (address.address, address.key)
    except AddressError:
        given = None
    if top not in ("test", "local"):  # the library refuses domains of intranets
        assert given == expected
