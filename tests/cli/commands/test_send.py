"""What `newsletter send` says of a run: no two sentences that contradict each other, and where to look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.recording import Conversation, RecordingServer


class ByName(Conversation):
    """Refuses for good whose name begins with `dead`, and for now whose begins with `later`, once."""

    later = True

    def rcpt(self, argument: str) -> None:
        if "dead" in argument:
            self.say(b"550 5.1.1 No such user here")
        elif "later" in argument and ByName.later:
            ByName.later = False
            self.say(b"451 4.7.1 Come back later")
        else:
            super().rcpt(argument)


@pytest.fixture
def newsletter(shell: Shell) -> Iterator[Shell]:
    ByName.later = True
    with RecordingServer(conversation=ByName) as server:
        shell.settings(f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')
        yield shell


def _first_send(shell: Shell, *names: str) -> str:
    for name in names:
        address = f"{name}@readers.example"
        shell.ok(
            "subscribers", "add", address, "--topic", "everything", "--confirmed", "--at", "2026-04-12T18:00"
        )
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T05:00")
    answer = shell("send", "--at", "2026-04-13T07:00")
    return answer.stdout + answer.stderr


@pytest.mark.parametrize("everyone", [(), ("--now",)])
def test_retry_is_said_to_come_from_an_earlier_run(newsletter: Shell, everyone: tuple[str, ...]) -> None:
    _first_send(newsletter, "later")
    answer = newsletter.ok("send", "--at", "2026-04-13T09:00", *everyone)
    assert answer.stdout == "Edition 1: 1 due from an earlier run, 1 sent\n"
    assert "no new mail" not in answer.stderr


@pytest.mark.parametrize(
    ("names", "counted", "told"),
    [
        (("ada", "bob", "dead"), "3 due, 3 composed, 2 sent, 1 failed", "The failed one is listed"),
        (
            ("ada", "bob", "eve", "dead", "dead2"),
            "5 due, 5 composed, 3 sent, 2 failed",
            "The failed ones are listed",
        ),
    ],
)
def test_failure_says_where_to_look(
    newsletter: Shell, names: tuple[str, ...], counted: str, told: str
) -> None:
    shown = _first_send(newsletter, *names)
    assert counted in shown
    assert f"{told} with the server's words by `newsletter deliveries list --state failed`." in shown
    assert len(newsletter.ok("deliveries", "list", "--state", "failed", "--json").json) == len(names) - 3 + (
        len(names) == 3
    )


def test_run_without_a_failure_names_no_list(newsletter: Shell) -> None:
    assert "--state" not in _first_send(newsletter, "ada")
