"""`doctor` mails itself a signed test bounce, through a real Postfix where there is one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.cli.commands.schedule import make_timetable
from newsletter.cli.inbound import make_intakes, make_return_path_test
from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.db.engine import reading
from newsletter.ops.doctor.finding import Finding, Status
from newsletter.ops.doctor.inbound import check_return_path
from tests.cli.shell import Shell
from tests.cli.test_inbound_intakes import deliver, opened
from tests.inbound.intakes.test_lmtp import free_port
from tests.smtp_servers.postfix import needs_postfix, postfix_relay
from tests.smtp_servers.recording import RecordingServer

MAILDIR = 'sender = "papers@news.example"\n[inbound.maildir]\npath = "Maildir"\n'
ACCEPTED = Outcome(verdict=Verdict.ACCEPTED, phase="dot", code=250)
REFUSED = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, text="no such user")


def checked(shell: Shell, outcome: Outcome, *, arrives: bool) -> tuple[Finding, list[str]]:
    """What doctor says while the scheduler's lock is held, and the addresses that were mailed to."""
    mailed = []
    with opened(shell) as wiring, make_timetable(wiring).running():
        (intake,) = make_intakes(wiring)

        def send(envelope: Envelope) -> Outcome:
            mailed.append(envelope.recipient)
            if arrives:
                deliver(shell, envelope.data, envelope.envid)
                intake.step()
            return outcome

        found = check_return_path(
            wiring.work.engine,
            make_return_path_test(wiring, now=datetime.now(UTC)),
            intakes="Maildir",
            leader_lock=shell.state_dir / "locks" / "scheduler.leader",
            send=send,
            patience=2.0,
            pause=lambda _: time.sleep(0.01),
        )
    return found, mailed


@pytest.mark.parametrize(
    ("outcome", "arrives", "status", "words"),
    [
        (ACCEPTED, True, Status.OK, "came back by maildir"),
        (ACCEPTED, False, Status.FAILED, "has not come back by Maildir within 2 seconds"),
        (REFUSED, False, Status.FAILED, "was not taken: 550 no such user"),
    ],
)
def test_it_is_said_whether_the_test_came_back(
    shell: Shell, outcome: Outcome, arrives: bool, status: Status, words: str
) -> None:
    shell.settings(MAILDIR)
    found, mailed = checked(shell, outcome, arrives=arrives)
    assert (found.status, len(mailed)) == (status, 1)
    assert words in found.words
    assert mailed[0].startswith("bounce+0.")


def test_a_test_bounce_changes_no_reader(shell: Shell) -> None:
    shell.settings(MAILDIR)
    checked(shell, ACCEPTED, arrives=True)
    with opened(shell) as wiring, reading(wiring.work.engine) as connection:
        rows = connection.execute(
            text("SELECT subscriber_id, delivery_id, done FROM inbound_recipients")
        ).all()
    assert [(row.subscriber_id, row.delivery_id) for row in rows] == [(None, None)] or all(
        row.done in ("nothing", "look") for row in rows
    )


def test_nothing_is_mailed_when_nothing_takes_bounces_in(shell: Shell) -> None:
    with RecordingServer() as server:
        smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        for settings, said in (
            (smtp, "nothing takes bounces in"),
            (smtp + '[inbound.maildir]\npath = "Maildir"\n', "nothing runs that takes them in"),
        ):
            shell.settings(settings)
            answer = shell("doctor", "--json")
            (found,) = [each for each in answer.json["checks"] if each["check"] == "return path"]
            assert said in found["words"]
        assert server.accepted == []


@pytest.mark.full
@needs_postfix
@pytest.mark.parametrize("way", ["lmtp", "maildir"])
def test_the_test_comes_back_through_a_real_postfix(shell: Shell, tmp_path: Path, way: str) -> None:
    lmtp = free_port()
    (tmp_path / "postfix").mkdir()
    mail = shell.state_dir / "Maildir"
    for path in (*mail.parents, mail):
        if path != Path("/") and path.is_relative_to(tmp_path.parent):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
    more = {
        "lmtp": f"transport_maps = inline:{{ {{ bounce@news.example = lmtp:inet:127.0.0.1:{lmtp} }} }}\n",
        "maildir": "virtual_mailbox_domains = news.example\nvirtual_mailbox_base = /\n"
        f"virtual_mailbox_maps = inline:{{ {{ bounce@news.example = {str(mail)[1:]}/ }} }}\n"
        "virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n"
        "virtual_minimum_uid = 1\n",
    }[way]
    for part in ("new", "cur", "tmp"):  # Postfix delivers as another user than that of the tests
        (mail / part).mkdir()
        (mail / part).chmod(0o777)
    with postfix_relay(tmp_path / "postfix", next_hop=1, more=f"recipient_delimiter = +\n{more}") as port:
        shell.settings(
            f'sender = "papers@news.example"\n[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
            + (f'[inbound.lmtp]\naddress = "127.0.0.1:{lmtp}"\n' if way == "lmtp" else "")
            + ('[inbound.maildir]\npath = "Maildir"\n' if way == "maildir" else "")
        )
        with opened(shell) as wiring, make_timetable(wiring).running():
            time.sleep(1.0)  # until it listens
            answer = shell("doctor", "--json")
    (found,) = [each for each in answer.json["checks"] if each["check"] == "return path"]
    log = (tmp_path / "postfix" / "maillog").read_text()
    assert (found["status"], found["words"]) == ("ok", f"a signed test came back by {way}"), log
