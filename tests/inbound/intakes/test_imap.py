"""A mailbox over IMAP: each message once, from Dovecot and from servers that misbehave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.core.errors import NewsletterError, StorageError
from newsletter.inbound.intakes.imap import BATCH, ImapIntake
from newsletter.inbound.intakes.imap_session import ImapError, ImapMailbox, quoted
from newsletter.inbound.limits import MOST_BYTES
from tests.imap_servers.dovecot import PASSWORD, USER, Dovecot, dovecot, needs_dovecot
from tests.imap_servers.scripted import Script, ScriptedImapServer
from tests.inbound.intakes.doors import Door
from tests.inbound.made_messages import dsn

FIELDS = "Final-Recipient: rfc822; ada@readers.example\nAction: failed\nStatus: 5.1.1\n"


@pytest.fixture
def script() -> Script:
    return Script(messages={7: b"first", 9: b"second"})


@pytest.fixture
def mailbox(script: Script) -> Iterator[ImapMailbox]:
    with ScriptedImapServer(script) as server:
        yield ImapMailbox(
            host="127.0.0.1", port=server.port, security="none", username="me", password="geheim"
        )


@pytest.fixture
def position(tmp_path: Path) -> Path:
    return tmp_path / "imap.json"


def test_messages_are_taken_once_and_the_next_look_goes_on_behind_them(
    script: Script, mailbox: ImapMailbox, position: Path
) -> None:
    door = Door()
    assert ImapIntake(mailbox, take=door, position=position).step() is False
    script.messages[12] = b"third"
    ImapIntake(mailbox, take=door, position=position).step()  # another start of the program
    ImapIntake(mailbox, take=door, position=position).step()
    assert door.taken == [(data, "", "imap") for data in (b"first", b"second", b"third")]


def test_the_door_is_asked_again_when_the_server_numbers_anew_or_the_file_is_lost(
    script: Script, mailbox: ImapMailbox, position: Path
) -> None:
    door = Door()
    intake = ImapIntake(mailbox, take=door, position=position)
    intake.step()
    script.validity, script.messages = 2, {1: b"first", 2: b"new"}
    intake.step()
    position.write_text("not JSON")
    intake.step()
    assert door.messages == [b"first", b"second", *([b"first", b"new"] * 2)]


def test_another_folder_or_mailbox_begins_at_its_beginning(
    script: Script, mailbox: ImapMailbox, position: Path
) -> None:
    door = Door()
    ImapIntake(mailbox, take=door, position=position).step()
    ImapIntake(replace(mailbox, folder="Bounces"), take=door, position=position).step()
    assert len(door.taken) == 4


def test_nothing_is_lost_while_the_database_is_busy(
    script: Script, mailbox: ImapMailbox, position: Path
) -> None:
    door = Door(busy=True)
    intake = ImapIntake(mailbox, take=door, position=position)
    with pytest.raises(StorageError):
        intake.step()
    assert not any("STORE" in line for line in script.said)
    door.busy = False
    intake.step()
    assert door.messages == [b"first", b"second"]


def test_a_message_with_an_unforeseen_fault_stays_unseen_and_stops_no_other(
    script: Script, mailbox: ImapMailbox, position: Path
) -> None:
    script.messages = {1: b"poison", 2: b"good"}
    door = Door()
    ImapIntake(mailbox, take=door, position=position).step()
    assert door.messages == [b"good"]
    assert [line for line in script.said if "STORE" in line] == [r"UID STORE 2 +FLAGS.SILENT (\Seen)"]


@pytest.mark.parametrize("capabilities", ["IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS", "IMAP4rev1"])
def test_messages_are_moved_or_deleted_when_that_is_wanted(
    script: Script, mailbox: ImapMailbox, position: Path, capabilities: str
) -> None:
    script.capabilities = capabilities
    ImapIntake(mailbox, take=Door(), position=position, after="move", moved_to="Taken & done").step()
    script.messages |= {20: b"x"}
    ImapIntake(mailbox, take=Door(), position=position, after="delete").step()
    if "MOVE" in capabilities:
        assert (script.moved, script.messages) == ({'"Taken &- done"': [7, 9]}, {})
    else:  # another program's deleted messages must stay: only marks
        assert not any("EXPUNGE" in line for line in script.said)
        assert sum(r"\Deleted" in line for line in script.said) == 3


def test_many_messages_come_in_batches(script: Script, mailbox: ImapMailbox, position: Path) -> None:
    script.messages = {uid: b"m%d" % uid for uid in range(1, BATCH + 2)}
    door = Door()
    intake = ImapIntake(mailbox, take=door, position=position)
    assert [intake.step(), intake.step()] == [True, False]
    assert len(door.taken) == BATCH + 1


def test_only_the_beginning_of_a_message_is_asked_for(
    script: Script, mailbox: ImapMailbox, position: Path
) -> None:
    ImapIntake(mailbox, take=Door(), position=position).step()
    assert f"UID FETCH 7 (BODY.PEEK[]<0.{MOST_BYTES}>)" in script.said


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("AUTHENTICATE", b"TAG NO wrong password geheim\r\n", "refuses the login of me"),
        ("SELECT", b"TAG NO no such folder\r\n", "cannot be opened"),
        ("UID SEARCH", b"TAG NO not now\r\n", "not now"),
        ("UID SEARCH", b"TAG BAD what?\r\n", "what?"),
        ("UID SEARCH", b"", "cannot be read"),
        ("UID FETCH", b"* 1 FETCH (BODY[]<0> {999999}\r\n", "cannot be"),
        ("UID FETCH", b"garbage\r\n\r\n\0\xff\r\n", "cannot be"),
        ("UID STORE", b"* BYE too busy\r\n", "cannot be read"),
        ("SELECT", b"", "cannot be read"),
    ],
)
def test_faults_of_the_server_are_told_of_and_lose_nothing(
    script: Script,
    mailbox: ImapMailbox,
    position: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    answer: bytes,
    said: str,
) -> None:
    monkeypatch.setattr("newsletter.inbound.intakes.imap_session.TIME_LIMIT", 0.5)
    script.faults = {command: answer}
    door = Door()
    intake = ImapIntake(mailbox, take=door, position=position)
    with pytest.raises(ImapError, match=said) as error:
        intake.step()
    assert "geheim" not in f"{error.value.message}{error.value.hint}"
    script.faults = {}
    intake.step()
    assert {b"first", b"second"} == set(door.messages)


def test_a_server_that_is_not_there_is_told_of(position: Path) -> None:
    mailbox = ImapMailbox(host="127.0.0.1", port=1, security="none", username="me")
    with pytest.raises(NewsletterError, match="cannot be used") as error:
        ImapIntake(mailbox, take=Door(), position=position).step()
    assert "inbound.imap.host" in error.value.hint


class Tokens:
    """Hands out the tokens of a list, the next after each refusal."""

    def __init__(self, *tokens: str) -> None:
        self.waiting = list(tokens)
        self.newest = ""

    def wait(self) -> None:
        self.newest = self.waiting[0]

    def renew(self, refused: str) -> bool:
        self.waiting.remove(refused)
        return bool(self.waiting)

    def accepted(self) -> None:
        pass


@pytest.mark.parametrize("way", ["XOAUTH2", "OAUTHBEARER"])
def test_a_login_by_access_token_takes_a_new_one_after_a_refusal(
    script: Script, mailbox: ImapMailbox, position: Path, way: str
) -> None:
    script.capabilities, script.token = f"IMAP4rev1 AUTH={way}", "good"
    door = Door()
    intake = ImapIntake(replace(mailbox, tokens=Tokens("old", "good")), take=door, position=position)
    with pytest.raises(ImapError, match="refuses the login") as error:
        intake.step()
    assert "access token" in error.value.hint
    intake.step()
    assert door.messages == [b"first", b"second"]
    assert sum(line.startswith(f"AUTHENTICATE {way}") for line in script.said) == 2


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("INBOX", '"INBOX"'),
        ("Entwürfe", '"Entw&APw-rfe"'),
        ("台北", '"&U,BTFw-"'),  # RFC 3501, 5.1.3
        ("R&D", '"R&-D"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
    ],
)
def test_names_of_folders_are_written_as_imap_wants(folder: str, name: str) -> None:
    assert quoted(folder) == name


# a real Dovecot


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with dovecot(tmp_path_factory.mktemp("dovecot")) as running:
        yield running


@pytest.mark.full
@needs_dovecot
@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("after", "box", "left", "moved"),
    [("seen", "seen", ["S", "S"], []), ("move", "move", [], ["", ""]), ("delete", "delete", [], [])],
)
def test_dovecot_hands_over_its_messages(
    server: Dovecot, position: Path, security: str, after: str, box: str, left: list[str], moved: list[str]
) -> None:
    folder, target = f"{box}-{security}", f"taken-{box}-{security}"
    for name in ("1", "2"):
        server.deliver(dsn(FIELDS.replace("ada", f"r{name}")), name, f".{folder}")
    server.deliver(b"Subject: x\n\nx\n", "0", f".{target}")
    mailbox = ImapMailbox(
        host="localhost",
        port=server.tls if security == "tls" else server.plain,
        security=security,
        username=USER,
        password=PASSWORD,
        folder=folder,
        ca_file=server.ca_file,
    )
    door = Door()
    intake = ImapIntake(
        mailbox,
        take=door,
        position=position,
        after=after,  # type: ignore[arg-type]
        moved_to=target,
    )
    intake.step()
    intake.step()
    server.deliver(dsn(FIELDS.replace("ada", "r3")), "3", f".{folder}")
    intake.step()
    wanted = [dsn(FIELDS.replace("ada", f"r{n}")) for n in (1, 2, 3)]
    assert [data.replace(b"\r\n", b"\n") for data in door.messages] == wanted
    count = len(left) + (1 if left else 0)
    assert len(server.lying(f".{folder}")) == count
    assert all("S" in flags for flags in server.lying(f".{folder}"))
    assert len(server.lying(f".{target}")) == 1 + (3 if moved else 0)
    assert json.loads(position.read_text())["last"] == 3


@pytest.mark.full
@needs_dovecot
def test_dovecot_with_a_wrong_password_or_certificate_is_told_of(server: Dovecot, position: Path) -> None:
    mailbox = ImapMailbox(
        host="localhost",
        port=server.tls,
        security="tls",
        username=USER,
        password="no",
        ca_file=server.ca_file,
    )
    for wrong, said in (
        (mailbox, "refuses the login"),
        (replace(mailbox, ca_file=None), "certificate"),
        (replace(mailbox, password=PASSWORD, folder="nowhere"), "cannot be opened"),
    ):
        with pytest.raises(ImapError, match=said):
            ImapIntake(wrong, take=Door(), position=position).step()


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n"])
def test_a_file_of_certificates_that_cannot_be_read_is_named(
    tmp_path: Path, position: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    mailbox = ImapMailbox(host="127.0.0.1", port=1, security="tls", username="me", ca_file=str(path))
    with pytest.raises(ImapError, match=r"inbound\.imap\.ca_file cannot be read: .*ca\.pem"):
        ImapIntake(mailbox, take=Door(), position=position).step()
