from __future__ import annotations

import base64
import email
import quopri
import re
from email.header import decode_header
from email.policy import default

import pytest

from newsletter.delivery.message.headers import bracketed, clean, encoded, mailbox
from tests.delivery.message.odd_texts import INJECTIONS, is_decent, odd_texts

_STRICT = default.clone(raise_on_defect=True)
_WORD = re.compile(r"=\?utf-8\?([qb])\?([!-~]*?)\?=")
_ADDRESS = "reader@example.org"


def _by_policy(field: str, value: str) -> str:
    """What Python's strict policy reads in a field."""
    message = email.message_from_bytes(f"{field}: {value}\r\n\r\n".encode(), policy=_STRICT)
    assert message.keys() == [field]
    return str(message[field])


def _by_decode_header(value: str) -> str:
    """What Python's older decoder reads."""
    parts = decode_header(value.replace("\r\n", ""))
    return "".join(
        part.decode(charset or "ascii") if isinstance(part, bytes) else part for part, charset in parts
    )


def _by_rfc_2047(value: str) -> str:
    """What RFC 2047 says: white space between adjacent encoded words is no part of the text."""
    unfolded = value.replace("\r\n", "")
    assert "?==?" not in unfolded
    for found in _WORD.finditer(unfolded):
        assert len(found[0]) <= 75
        around = unfolded[found.start() - 1 : found.start()] + unfolded[found.end() : found.end() + 1]
        assert around.strip(" ") == ""
    joined = re.sub(r"(\?=) +(?==\?utf-8\?)", r"\1", unfolded)

    def text(found: re.Match[str]) -> str:
        if found[1] == "b":
            return base64.b64decode(found[2], validate=True).decode()
        return quopri.decodestring(found[2].encode(), header=True).decode()

    return _WORD.sub(text, joined)


def _check_lines(field: str, value: str) -> None:
    lines = f"{field}: {value}".split("\r\n")
    assert max(map(len, lines)) <= 78
    assert all("\n" not in line and "\r" not in line and line.strip() for line in lines)
    assert all(line.startswith(" ") for line in lines[1:])
    assert value.isascii()


def test_encoded_subjects_survive_three_decoders() -> None:
    texts = odd_texts()
    assert len(texts) == 1500
    for text in texts:
        assert is_decent(text)
        value = encoded("Subject", text)
        _check_lines("Subject", value)
        assert [_by_policy("Subject", value), _by_decode_header(value), _by_rfc_2047(value)] == [text] * 3


def test_mailbox_names_survive_decoders() -> None:
    in_one_word = 0
    for name in odd_texts(seed=5322, most=5):
        value = mailbox("To", _ADDRESS, name)
        _check_lines("To", value)
        phrase = value.removesuffix(f"<{_ADDRESS}>").removesuffix("\r\n ").rstrip(" ")
        if not phrase.startswith('"'):
            assert [_by_decode_header(phrase), _by_rfc_2047(phrase)] == [name] * 2
        message = email.message_from_bytes(f"To: {value}\r\n\r\n".encode(), policy=_STRICT)
        (found,) = message["To"].addresses
        assert found.addr_spec == _ADDRESS
        if re.search(r"\?=\s+=\?", phrase):
            # Python's own parser shows the break between two encoded words of a name as a space.
            assert "".join(found.display_name.split()) == "".join(name.split())
        else:
            assert found.display_name == name
            in_one_word += 1
    assert in_one_word > 1100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "reader@example.org"),
        ("Ada Lovelace", "Ada Lovelace <reader@example.org>"),
        ("Lovelace, Ada", '"Lovelace, Ada" <reader@example.org>'),
        ('A "B" \\', '"A \\"B\\" \\\\" <reader@example.org>'),
        ("Zoë Smith", "=?utf-8?b?Wm/Dqw==?= Smith <reader@example.org>"),
        ("=?x?=", "=?utf-8?b?PT94Pz0=?= <reader@example.org>"),
    ],
)
def test_mailbox_quotes_or_encodes_only_what_must(name: str, value: str) -> None:
    assert mailbox("To", _ADDRESS, name) == value


def test_mailbox_spells_domains_as_a_labels() -> None:
    assert mailbox("To", "ada@bücher.example") == "ada@xn--bcher-kva.example"
    assert mailbox("To", "käthe@bücher.example") == "käthe@xn--bcher-kva.example"


def test_mailbox_keeps_the_value_on_the_fields_own_line() -> None:
    for name in ("N" * 59, "é" * 60, "word " * 40 + "é"):
        assert not mailbox("From", _ADDRESS, name).startswith("\r\n")


@pytest.mark.parametrize("payload", INJECTIONS)
def test_payloads_add_no_field(payload: str) -> None:
    assert len(INJECTIONS) == 17
    assert is_decent(clean(payload))
    for value, field in ((encoded("Subject", payload), "Subject"), (mailbox("To", _ADDRESS, payload), "To")):
        message = email.message_from_bytes(f"{field}: {value}\r\n\r\n".encode(), policy=_STRICT)
        assert message.keys() == [field]
        assert message.get_payload() == ""
    assert _by_policy("Subject", encoded("Subject", payload)) == clean(payload)
    written = f"To: {mailbox('To', _ADDRESS, payload)}\r\n\r\n"
    message = email.message_from_bytes(written.encode(), policy=_STRICT)
    assert [found.addr_spec for found in message["To"].addresses] == [_ADDRESS]


def test_clean_keeps_printable_text() -> None:
    assert clean("x\r\nBcc: evil@example.org") == "x Bcc: evil@example.org"
    assert clean("a\u202eb\u2066c\x85d\ud800e  f\u2028") == "a b c d e f"


@pytest.mark.parametrize(
    "name", ["Ada", "Ada Lovelace", "a-b C3", "x" * 40, "x" * 41, "Ada  L", " Ada", "A. L", "=?x"]
)
@pytest.mark.parametrize("local", ["a", "a" * 24, "a" * 50])
def test_mailbox_writes_a_plain_name_as_any_other(name: str, local: str) -> None:
    address = f"{local}@example.org"
    assert mailbox("To", address, name) == bracketed("To", name, address)
