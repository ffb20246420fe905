"""One relay tested as `smtp check` does it: what it offers, and whether it takes our sender."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.core.mail.values import Envelope
from newsletter.delivery.smtp.probe import RelayFacts, probe
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from tests.delivery.smtp.test_transport import free_port, relay_to
from tests.smtp_servers.certificates import server_tls
from tests.smtp_servers.misbehaving import FAULTS, MisbehavingServer
from tests.smtp_servers.recording import RecordingServer, ServerRules


def test_probe_says_what_a_relay_offers(tmp_path: Path) -> None:
    context, ca_file = server_tls(tmp_path)
    rules = ServerRules(tls=context, login=("me", "pass"), extensions=("PIPELINING", "SIZE 1000"))
    with RecordingServer(rules=rules) as server:
        facts = probe(
            relay_to(server, security=Security.STARTTLS, ca_file=ca_file, username="me", password="pass")
        )
        assert facts == RelayFacts(
            host="localhost",
            port=server.port,
            address="127.0.0.1",
            greeting="mx.example ESMTP",
            encrypted="TLSv1.3",
            logged_in=True,
            extensions={"PIPELINING": "", "SIZE": "1000", "AUTH": "PLAIN LOGIN CRAM-MD5"},
            size_limit=1000,
        )


def test_probe_of_a_relay_that_is_down_raises() -> None:
    with pytest.raises(RelayError) as caught:
        probe(Relay(host="localhost", port=free_port(), security=Security.NONE))
    assert caught.value.fault is Fault.REFUSED


TRIAL = Envelope(sender="bounce+0.trial@x.example", recipient="news@x.example", data=b"", envid="0.trial")


@pytest.mark.parametrize(
    "rules",
    [
        ServerRules(refuse_sender=b"550 5.7.60 Client does not have permissions to send as this sender"),
        ServerRules(refuse_sender=b"550 no"),
        ServerRules(refuse=lambda _: b"553 5.7.1 <x>: Sender address rejected: not owned by user ada"),
        ServerRules(refuse=lambda _: b"554 5.7.1 Relay access denied"),
    ],
)
def test_probe_finds_a_relay_that_refuses_our_sender_at_mail_or_at_rcpt(rules: ServerRules) -> None:
    with RecordingServer(rules=rules) as server:
        probe(relay_to(server))  # without a trial it looks ready
        with pytest.raises(RelayError, match=r"refuses mail from bounce\+0\.trial@x\.example: 55") as caught:
            probe(relay_to(server), TRIAL)
        assert caught.value.fault is Fault.OURS
        assert server.accepted == []


def test_probe_does_not_blame_the_relay_for_a_recipient_and_sends_nothing() -> None:
    with RecordingServer(rules=ServerRules(refuse=lambda _: b"550 5.1.1 no such user")) as server:
        assert probe(relay_to(server), TRIAL).port == server.port
    with RecordingServer() as server:
        probe(relay_to(server), TRIAL)
        assert server.accepted == []


def test_probe_ends_when_the_server_hangs_up_during_the_trial() -> None:
    with MisbehavingServer(conversation=FAULTS["mail_421"]) as server, pytest.raises(RelayError):
        probe(relay_to(server), TRIAL)
    with RecordingServer(rules=ServerRules(extensions=())) as server:
        odd = TRIAL._replace(sender="bücher@x.example")
        with pytest.raises(RelayError, match="cannot take our sender"):
            probe(relay_to(server), odd)
