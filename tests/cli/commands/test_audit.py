"""What `newsletter audit` counts: every debt has an outcome, with the reason that other commands give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.recording import Conversation, RecordingServer

GOOD, DEAD = "ada@readers.example", "dead@readers.example"


class UnknownMailbox(Conversation):
    """Knows no mailbox whose name begins with `dead`."""

    def rcpt(self, argument: str) -> None:
        if "dead" in argument:
            self.say(b"550 5.1.1 No such user here")
        else:
            super().rcpt(argument)


@pytest.fixture
def newsletter(shell: Shell) -> Iterator[Shell]:
    with RecordingServer(conversation=UnknownMailbox) as server:
        shell.settings(f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')
        yield shell


def _join(shell: Shell, *addresses: str, at: str = "2026-04-12T18:00") -> None:
    for address in addresses:
        shell.ok("subscribers", "add", address, "--topic", "everything", "--confirmed", "--at", at)


@pytest.mark.parametrize("published_at", ["2026-04-13T05:30", "2026-04-13T07:00"])
def test_papers_of_a_suppressed_reader_end_with_a_reason(newsletter: Shell, published_at: str) -> None:
    _join(newsletter, GOOD, "bob@readers.example", "eve@readers.example", DEAD)
    newsletter.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T05:00")
    newsletter.ok("editions", "publish", "--at", published_at)
    assert newsletter("send", "--at", "2026-04-13T07:00").code == 3
    assert newsletter.ok("subscribers", "show", DEAD, "--json").json["state"] == "suppressed"
    found = newsletter.ok("audit", "--at", "2026-04-13T08:00", "--json").json
    assert found["given"] == 3 * sum(found["ended"].values())
    assert found["ended"] == {"refused": found["given"] // 3}


def test_edition_that_is_held_is_the_reason_for_papers_that_were_given_to_a_newcomer(
    newsletter: Shell,
) -> None:
    newsletter.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T05:00")
    newsletter.ok("editions", "publish", "--at", "2026-04-13T05:30")
    _join(newsletter, GOOD, at="2026-04-13T06:00")
    newsletter.ok("editions", "give", "1", GOOD, "--at", "2026-04-13T06:30")
    given = newsletter.ok("audit", "--at", "2026-04-13T06:40", "--json").json["pending"]
    assert list(given) == ["given back; it leads the next digest"]
    newsletter.ok("editions", "hold", "1")
    held = newsletter.ok("audit", "--at", "2026-04-13T06:40", "--json").json["pending"]
    assert held == {"its edition is held": sum(given.values())}


def test_audit_says_whom_it_counts_and_has_no_empty_rows(newsletter: Shell) -> None:
    _join(newsletter, GOOD)
    newsletter("subscribers", "add", "new@readers.example", "--topic", "everything")
    shown = newsletter.ok("audit").stdout.splitlines()
    assert shown[0].split(maxsplit=1) == ["subscribers", "1, all who ever confirmed"]
    assert not [line for line in shown if line.split()[0] in ("pending", "ended")]


@pytest.mark.parametrize(
    "command",
    [
        ("editions", "show", "1"),
        ("editions", "show", "next"),
        ("papers", "show", "1"),
        ("deliveries", "show", "1"),
        ("dumps", "show", dumps()[0].name),
        ("subscribers", "show", GOOD),
    ],
    ids=" ".join,
)
def test_no_field_is_shown_empty(newsletter: Shell, command: tuple[str, ...]) -> None:
    _join(newsletter, GOOD)
    newsletter.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T05:00")
    newsletter.ok("send", "--at", "2026-04-13T07:00")
    fields = newsletter.ok(*command).stdout.split("\n\n")[0].splitlines()
    assert fields
    assert not [line for line in fields if not line.strip() or len(line.split("  ", 1)) == 1]
