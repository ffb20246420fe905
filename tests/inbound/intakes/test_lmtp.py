"""A real LMTP client hands messages in: a reply for each recipient, after the message is stored."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsletter.core.errors import NewsletterError
from newsletter.inbound.intakes.lmtp import LONGEST_LINE, MOST_DATA, MOST_RECIPIENTS, LmtpAddress, LmtpIntake
from newsletter.inbound.limits import MOST_BYTES
from tests.inbound.intakes.doors import Door
from tests.inbound.made_messages import OURS, plain


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def listening(door: Door, address: str) -> Iterator[LmtpIntake]:
    intake = LmtpIntake(LmtpAddress.of(address), take=door)
    intake.step()
    try:
        yield intake
    finally:
        intake.close()


@pytest.fixture(params=["inet", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"127.0.0.1:{free_port()}" if request.param == "inet" else str(tmp_path / "lmtp")


def client(address: str) -> smtplib.LMTP:
    at = LmtpAddress.of(address)
    made = smtplib.LMTP(at.path or at.host, at.port, local_hostname="mx.example")
    made.ehlo()
    return made


def test_a_message_is_stored_before_it_is_answered(address: str) -> None:
    door = Door()
    message = plain("User unknown: ada@readers.example\n").replace(b"\n", b"\r\n")
    with listening(door, address) as intake:
        assert intake.step() is False
        with client(address) as server:
            assert server.sendmail("", [OURS], message) == {}
        assert door.taken == [(message, OURS, "lmtp")]
        assert door.senders == [""]


def test_every_recipient_has_a_reply(address: str) -> None:
    door = Door()
    with listening(door, address), client(address) as server:
        server.sendmail("", [OURS, "bounce+8.cd.00@news.example"], b"Subject: x\r\n\r\n")
        assert server.getreply() == (250, b"2.0.0 Stored")  # smtplib reads the first one
        server.sendmail("", [OURS], b"Subject: y\r\n\r\n")  # the conversation is still in step
    assert [recipient for _, recipient, _ in door.taken] == [OURS, "bounce+8.cd.00@news.example", OURS]


@pytest.mark.parametrize("fault", ["busy", "poison"])
def test_a_message_that_cannot_be_stored_stays_with_its_mail_server(address: str, fault: str) -> None:
    door = Door(busy=fault == "busy")
    with listening(door, address), client(address) as server:
        server.mail("")
        for recipient in (OURS, "bounce@news.example"):
            server.rcpt(recipient)
        code, _ = server.data(b"Subject: poison\r\n\r\n")
        assert code == 451
        assert server.getreply()[0] == 451
        door.busy = False
        assert server.sendmail("", [OURS], b"Subject: good\r\n\r\n") == {}
    assert door.messages == [b"Subject: good\r\n\r\n"]


def test_data_beyond_the_bound_is_refused_for_each_recipient(address: str) -> None:
    door = Door()
    with listening(door, address), client(address) as server:
        server.mail("")
        server.rcpt(OURS)
        server.rcpt("bounce@news.example")
        line = b"x" * 70 + b"\r\n"
        code, _ = server.data(line * (MOST_DATA // len(line) + 1))
        assert (code, server.getreply()[0]) == (552, 552)
        assert server.noop()[0] == 250
    assert door.taken == []


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"x" * (LONGEST_LINE // 2) + b"\r\n", LONGEST_LINE // 2 + 2),
        (b"y" * 80 + b"\r\n" + b"z" * 998 + b"\r\n", 1082),
        ((b"w" * 98 + b"\r\n") * 20_000, MOST_BYTES),
        (b"\xff\x00\x80 8bit\r\n", 10),
        (b"", 2),
    ],
)
def test_odd_messages_are_taken(address: str, data: bytes, kept: int) -> None:
    door = Door()
    with listening(door, address), client(address) as server:
        assert server.sendmail("", [OURS], data) == {}
    assert [len(message) for message in door.messages] == [kept]


def test_recipients_beyond_the_bound_come_with_another_message(address: str) -> None:
    door = Door()
    with listening(door, address), client(address) as server:
        server.mail("")
        codes = [server.rcpt(f"b{n}@news.example")[0] for n in range(MOST_RECIPIENTS + 1)]
    assert codes == [250] * MOST_RECIPIENTS + [452]


def test_an_address_in_use_is_told_of_and_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        intake = LmtpIntake(LmtpAddress.of(f"127.0.0.1:{port}"), take=Door())
        with pytest.raises(NewsletterError, match="cannot listen for LMTP") as error:
            intake.step()
        assert "inbound.lmtp.address" in error.value.hint
    intake.step()
    intake.close()


def test_a_socket_of_a_program_that_died_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    door = Door()
    with listening(door, str(path)), client(str(path)) as server:
        server.sendmail("", [OURS], b"Subject: x\r\n\r\n")
    assert len(door.taken) == 1


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/run/newsletter/lmtp", LmtpAddress(path="/run/newsletter/lmtp")),
        ("127.0.0.1:8024", LmtpAddress(host="127.0.0.1", port=8024)),
        ("[::1]:8024", LmtpAddress(host="::1", port=8024)),
        ("localhost:24", LmtpAddress(host="localhost", port=24)),
    ],
)
def test_addresses_are_read(text: str, address: LmtpAddress) -> None:
    assert LmtpAddress.of(text) == address


def test_a_connection_that_is_open_at_the_end_is_closed(address: str) -> None:
    with listening(Door(), address):
        server = client(address)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        server.noop()
    server.close()
