"""What keeps papers from readers: every command says it in the same sentence, and its command helps."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.pipeline.intake.scenario import PrintedPaper, abstract_of, page
from tests.pipeline.intake.test_ingest import half_read_page
from tests.smtp_servers.recording import RecordingServer

READER = "ada@readers.example"
EVENING_BEFORE = ("--at", "2026-04-12T18:00")
MORNING, NOON = ("--at", "2026-04-13T07:00"), ("--at", "2026-04-13T12:00")


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def newsletter(shell: Shell, server: RecordingServer) -> Shell:
    _settings(shell, server)
    return shell


def _settings(shell: Shell, server: RecordingServer, hold: int = 0) -> None:
    shell.settings(f'hold = {hold}\n[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')


def _join(shell: Shell, *when: str, address: str = READER) -> None:
    shell.ok("subscribers", "add", address, "--topic", "everything", "--confirmed", *when)


def _ingest(shell: Shell, number: int = 0, *, hour: str = "05:00") -> None:
    shell.ok("ingest", str(dumps()[number]), "--at", f"2026-04-{13 + number}T{hour}")


def _held(shell: Shell, server: RecordingServer) -> None:
    _join(shell, *EVENING_BEFORE)
    _ingest(shell)
    shell.ok("editions", "publish", "--at", "2026-04-13T05:30")
    shell.ok("editions", "hold", "1")


def _in_hold_time(shell: Shell, server: RecordingServer) -> None:
    _settings(shell, server, hold=600)
    _join(shell, *EVENING_BEFORE)
    _ingest(shell)


def _joined_later(shell: Shell, server: RecordingServer) -> None:
    _ingest(shell)
    for address in (READER, "bob@readers.example", "eve@readers.example"):
        _join(shell, "--at", "2026-04-13T06:00", address=address)


def _look_alike(shell: Shell, server: RecordingServer) -> None:
    _join(shell, *EVENING_BEFORE)
    file = shell.state_dir.parent / "alike.txt"
    text = abstract_of("How qubits decohere")
    alike = [PrintedPaper(title=title, abstract=text) for title in ("How qubits decohere", "Ways of decay")]
    file.write_bytes(page("Apr 13", *alike))
    shell.ok("ingest", str(file), "--listed-on", "2026-04-13", "--at", "2026-04-13T08:00")


def _file_waits(shell: Shell, server: RecordingServer) -> None:
    _join(shell, *EVENING_BEFORE)
    (shell.state_dir / "inbox").mkdir(exist_ok=True)
    (shell.state_dir / "inbox" / "a day.txt").write_bytes(dumps()[0].read_bytes())


def _dump_held(shell: Shell, server: RecordingServer) -> None:
    _join(shell, *EVENING_BEFORE)
    file = shell.state_dir.parent / "odd.txt"
    file.write_bytes(half_read_page())
    assert shell("ingest", str(file), "--listed-on", "2026-04-13", "--at", "2026-04-13T05:00").code == 1


@pytest.mark.parametrize(
    ("what", "make", "sentence"),
    [
        ("held edition", _held, "Edition 1 is held, and nothing of it goes out until it is released."),
        (
            "edition waits",
            _in_hold_time,
            "Edition 1 is in its hold time until 2026-04-13 15:00 UTC, and goes out after that.",
        ),
        (
            "joined later",
            _joined_later,
            "3 readers joined after edition 1 was ready, and get only what comes next.",
        ),
        ("look alike", _look_alike, "look alike and are mailed as two."),
        ("inbox", _file_waits, "a day.txt lies in the inbox and is not taken."),
        ("held dump", _dump_held, "odd.txt is held: "),
    ],
)
def test_every_command_says_the_same(
    newsletter: Shell,
    server: RecordingServer,
    what: str,
    make: Callable[[Shell, RecordingServer], None],
    sentence: str,
) -> None:
    make(newsletter, server)
    answers = {
        "send": newsletter.ok("send", *MORNING),
        "why": newsletter.ok("why", READER, *NOON),
        "watch": newsletter("watch", "--quietly", *NOON),
        "doctor": newsletter(
            "doctor", "--offline", "--at", "2026-12-13T12:00" if what == "inbox" else NOON[1]
        ),
    }
    notes = newsletter.ok("send", "--dry-run", "--json", *NOON).json["notes"]
    (note,) = (each for each in notes if each["what"] == what)
    assert sentence in note["sentence"]
    assert note in newsletter("why", READER, "--json", *NOON).json["notes"]
    alarms = newsletter("watch", "--quietly", "--json", *NOON).json
    assert note["sentence"].removesuffix(".").lower() in [alarm["what"].lower() for alarm in alarms]
    if what in ("held edition", "edition waits", "joined later"):
        answers["editions"] = newsletter.ok("editions", "list", *NOON)
        answers["edition"] = newsletter.ok("editions", "show", "1", *NOON)
        (row,) = newsletter.ok("editions", "list", "--json", *NOON).json
        assert row["notes"] == [note]
    for name, answer in answers.items():
        words = note["sentence"].removesuffix(".")
        shown = answer.stdout + answer.stderr
        assert words in shown or words[0].lower() + words[1:] in shown, name
        if (name, what) != ("doctor", "inbox"):  # it says what is wrong with the program that takes files
            assert note["command"] in shown, name


@pytest.mark.parametrize(
    ("make", "at"),
    [
        (_held, MORNING),
        (_in_hold_time, MORNING),
        (_joined_later, MORNING),
        (_file_waits, MORNING),
    ],
)
def test_the_command_that_is_named_brings_the_papers(
    newsletter: Shell,
    server: RecordingServer,
    make: Callable[[Shell, RecordingServer], None],
    at: tuple[str, str],
) -> None:
    make(newsletter, server)
    assert newsletter.ok("send", "--json", *at).json["sent"] == 0
    (note,) = newsletter.ok("send", "--json", *at).json["notes"]
    command = shlex.split(note["command"])[1:]
    newsletter.ok(*command, "--at", "2026-04-13T09:00")
    sent = newsletter.ok("send", "--now", "--json", "--at", "2026-04-13T10:00").json
    assert sent["sent"] == len(server.accepted) > 0
    assert [each["what"] for each in sent["notes"]] in ([], ["inbox"])
    for when in ("2026-04-13T11:00", "2026-04-14T12:00", "2026-06-01T12:00"):
        newsletter.ok("audit", "--at", when)


@pytest.mark.parametrize(
    ("hold", "steps", "words"),
    [
        (
            0,
            [("hold", None), ("release", "2026-04-13T09:00")],
            "was held back until the release at 2026-04-13 09:00",
        ),
        (600, [("release", "2026-04-13T09:00")], "was held back until the release at 2026-04-13 09:00"),
        (600, [], "was in the hold time until 2026-04-13 15:00"),
        (0, [("hold", None)], "papers wait: edition 1 is held"),
    ],
)
def test_a_day_on_which_an_edition_waited_is_explained_later(
    newsletter: Shell,
    server: RecordingServer,
    hold: int,
    steps: list[tuple[str, str | None]],
    words: str,
) -> None:
    _settings(newsletter, server, hold=hold)
    _join(newsletter, *EVENING_BEFORE)
    _ingest(newsletter)
    newsletter.ok("editions", "publish", "--at", "2026-04-13T05:30")
    for number, (step, at) in enumerate(steps):
        newsletter.ok("editions", step, "1", *(("--at", at) if at else ()))
        if number == 0:
            newsletter.ok("send", *MORNING)
    newsletter.ok("send", *MORNING)
    newsletter.ok("send", "--at", "2026-04-14T07:00")
    answer = newsletter.ok("why", READER, "--on", "2026-04-13", "--json", "--at", "2026-04-16T12:00").json
    assert words in answer["reason"]
    assert answer["mailed"] is False


@pytest.mark.parametrize("make", [_held, _in_hold_time])
def test_send_does_not_call_nothing_new_what_waits(
    newsletter: Shell, server: RecordingServer, make: Callable[[Shell, RecordingServer], None]
) -> None:
    make(newsletter, server)
    assert "no new mail for 1: nothing new that may go out yet" in newsletter.ok("send", *MORNING).stderr


def test_given_papers_wait_for_the_slot_and_come_once(newsletter: Shell, server: RecordingServer) -> None:
    _joined_later(newsletter, server)
    newsletter.ok("send", *MORNING)
    given = newsletter.ok("editions", "give", "1", "--newcomers", "--json", *NOON).json
    total = newsletter.ok("editions", "list", "--json").json[0]["papers"]
    assert given == {"edition": 1, "readers": 3, "papers": 3 * total, "unchanged": 0, "not_mailable": 0}
    again = newsletter("editions", "give", "1", READER, "--newcomers", *NOON)
    assert "say --newcomers, or name addresses" in again.stderr
    assert newsletter.ok("editions", "give", "1", READER, "--json", *NOON).json["papers"] == 0
    tomorrow = newsletter.ok("why", READER, "--on", "2026-04-14", "--json", "--at", "2026-04-13T13:00").json
    assert tomorrow["reason"].endswith(f"{total} papers wait for it")
    newsletter.ok("audit", "--at", "2026-04-13T13:00")
    newsletter.ok("send", "--at", "2026-04-14T07:00")
    assert len(server.accepted) == 3
    newsletter.ok("editions", "give", "1", "--newcomers", "--at", "2026-04-14T08:00")
    newsletter.ok("send", "--now", "--at", "2026-04-15T07:00")
    assert len(server.accepted) == 3
    newsletter.ok("audit", "--at", "2026-04-15T08:00")


def test_reader_who_left_is_given_nothing_and_everything_after_coming_back(
    newsletter: Shell, server: RecordingServer
) -> None:
    _joined_later(newsletter, server)
    newsletter.ok("editions", "publish", *MORNING)
    newsletter.ok("editions", "give", "1", READER, "--at", "2026-04-13T08:00")
    newsletter.ok("subscribers", "unsubscribe", READER, "--at", "2026-04-13T09:00")
    left = newsletter.ok("editions", "give", "1", READER, "--at", "2026-04-13T10:00")
    assert "1 person gets no mail" in left.stdout
    _join(newsletter, "--at", "2026-04-13T11:00")
    back = newsletter.ok("editions", "give", "1", READER, "--json", *NOON).json
    assert (back["readers"], back["unchanged"]) == (1, 0)
    again = newsletter.ok("editions", "give", "1", READER, *NOON)
    assert again.stdout == "1 reader lacks no paper of edition 1.\n"
    newsletter.ok("send", "--at", "2026-04-14T07:00")
    assert [mail.recipient for mail in server.accepted] == [READER]
    newsletter.ok("audit", "--at", "2026-04-14T08:00")


@pytest.mark.parametrize(
    ("make", "arguments", "code", "words"),
    [
        (_held, ("1", "--newcomers"), 1, "edition 1 is held: who follows its topics by its release"),
        (_in_hold_time, ("1", READER), 1, "edition 1 is in its hold time until"),
        (_joined_later, ("7", "--newcomers"), 1, "there is no edition 7"),
        (_joined_later, ("1", "nobody@readers.example"), 1, "nobody@readers.example"),
        (_joined_later, ("1",), 2, "say --newcomers, or name addresses"),
    ],
)
def test_give_refuses_what_cannot_be_meant(
    newsletter: Shell,
    server: RecordingServer,
    make: Callable[[Shell, RecordingServer], None],
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    make(newsletter, server)
    newsletter.ok("send", *MORNING)
    answer = newsletter("editions", "give", *arguments, *NOON)
    assert (answer.code, answer.stdout) == (code, "")
    assert words in answer.stderr


def test_send_names_the_edition_that_goes_out(newsletter: Shell, server: RecordingServer) -> None:
    _join(newsletter, *EVENING_BEFORE)
    _ingest(newsletter)
    assert newsletter.ok("send", "--json", *MORNING).json["edition"] == 1
    _ingest(newsletter, 1)
    newsletter.ok("editions", "publish", "--at", "2026-04-14T05:30")
    newsletter.ok("editions", "hold", "2")
    assert newsletter.ok("send", "--json", "--at", "2026-04-14T07:00").json["edition"] == 1


def test_send_now_makes_no_second_digest_while_the_first_one_waits(
    newsletter: Shell, server: RecordingServer
) -> None:
    newsletter.settings('[smtp]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\n')
    newsletter.ok(
        "subscribers",
        "add",
        READER,
        "--topic",
        "everything",
        "--maximum",
        "2",
        "--confirmed",
        *EVENING_BEFORE,
    )
    _ingest(newsletter)
    for minute in range(3):
        newsletter("send", "--now", "--at", f"2026-04-13T07:0{minute}")
    assert len(newsletter.ok("deliveries", "list", "--json").json) == 1
    _settings(newsletter, server)
    newsletter.ok("send", "--now", "--at", "2026-04-13T09:00")
    newsletter.ok("send", "--now", "--at", "2026-04-13T09:10")
    assert len(server.accepted) == 2
    newsletter.ok("audit", "--at", "2026-04-13T09:20")


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("topic", ["everything", "circuits", "quantum"])
def test_reader_who_joins_after_the_ingest_is_told_of_and_the_command_helps(
    newsletter: Shell, server: RecordingServer, topic: str, published: bool
) -> None:
    _ingest(newsletter)
    if published:
        newsletter.ok("editions", "publish", "--at", "2026-04-13T05:30")
    added = newsletter.ok(
        "subscribers", "add", READER, "--topic", topic, "--confirmed", "--at", "2026-04-13T06:00"
    )
    shown = newsletter.ok("preview", READER, *MORNING)
    assert "Nothing is owed to this reader: this is a sample, not their mail." in shown.stderr
    words = "joined after edition 1 was ready" if published else "came in before this reader joined"
    for answer in (added, shown):
        (line,) = (line for line in answer.stderr.splitlines() if words in line)
        commands = line.partition(": `")[2].rstrip("`").split(" && ")
    for command in commands:
        newsletter.ok(*shlex.split(command)[1:], *MORNING)
    assert "Nothing is owed" not in newsletter.ok("preview", READER, *MORNING).stderr
    assert newsletter.ok("send", "--now", "--json", *MORNING).json["sent"] == 1


def test_reader_who_joins_before_the_ingest_or_is_not_new_is_told_nothing(
    newsletter: Shell, server: RecordingServer
) -> None:
    _join(newsletter, *EVENING_BEFORE)
    _ingest(newsletter)
    again = ("subscribers", "add", READER, "--topic", "circuits", "--confirmed")
    assert "joined" not in newsletter.ok(*again, *MORNING).stderr
    assert "joined" not in newsletter.ok("preview", READER, *MORNING).stderr


@pytest.mark.parametrize("hour", ["07:30", "21:00"])
def test_why_names_a_held_edition_also_on_a_day_with_a_mail(
    newsletter: Shell, server: RecordingServer, hour: str
) -> None:
    _join(newsletter, *EVENING_BEFORE)
    _ingest(newsletter)
    newsletter.ok("send", *MORNING)
    newsletter.ok("ingest", str(dumps()[1]), "--at", "2026-04-13T07:10")
    newsletter.ok("editions", "publish", "--at", "2026-04-13T07:20")
    newsletter.ok("editions", "hold", "2")
    answer = newsletter.ok("why", READER, "--at", f"2026-04-13T{hour}")
    assert f"{READER} on 2026-04-13: sent at 07:00 (UTC); " in answer.stdout
    assert "edition 2 is held" in answer.stdout
    assert "`newsletter editions release 2`" in answer.stderr
