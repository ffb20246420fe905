"""Signatures after a real Postfix has passed the messages on: they still hold."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from newsletter.core.mail.values import Envelope, Verdict
from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.delivery.smtp.transport import send_batch
from tests.delivery.message.odd_texts import odd_texts
from tests.delivery.message.signed_mail import OPENDKIM, opendkim_says, signed_mail, verified
from tests.smtp_servers.postfix import needs_postfix, postfix_relay
from tests.smtp_servers.recording import RecordingServer, ServerRules

ASKED = 3  # messages that OpenDKIM judges, too: each is a process
WAIT = 30.0  # seconds that Postfix may take to pass everything on
EXTENSIONS = ("PIPELINING", "SIZE 10485760", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8")


@pytest.mark.full
@needs_postfix
def test_signatures_hold_behind_a_real_relay(tmp_path: Path) -> None:
    texts = ["", "\n\n\n", ".\n..\n. \n", "From me\n", "x" * 3_000 + "\n", " \t \n", *odd_texts(20, seed=8)]
    mails = [signed_mail(key=str(number), text=text) for number, text in enumerate(texts)]
    with (
        RecordingServer(rules=ServerRules(extensions=EXTENSIONS)) as server,
        postfix_relay(tmp_path, next_hop=server.port) as port,
    ):
        outcomes = send_batch(
            [Relay(host="127.0.0.1", port=port, security=Security.NONE)],
            [
                Envelope(
                    sender=f"bounce+{number}@papers.example",
                    recipient="käthe@bücher.example",
                    data=mail,
                    delivery_id=number,
                )
                for number, mail in enumerate(mails)
            ],
        )
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        _wait_until_all_arrived(server, len(mails), tmp_path / "maillog")
    arrived = {mail.sender: mail.data for mail in server.accepted}
    assert len(arrived) == len(mails)
    for number, mail in enumerate(mails):
        passed_on = arrived[f"bounce+{number}@papers.example"]
        assert passed_on.startswith(b"Received: from ")
        assert passed_on.endswith(mail)  # not a byte of it was touched
        assert verified(passed_on) == [True, True]
        if OPENDKIM is not None and number < ASKED:
            assert opendkim_says(passed_on, tmp_path) == ["pass", "pass"]


def _wait_until_all_arrived(server: RecordingServer, count: int, log: Path) -> None:
    until = time.monotonic() + WAIT
    while len(server.accepted) < count:
        if time.monotonic() > until:
            pytest.fail(log.read_text())
        time.sleep(0.05)
