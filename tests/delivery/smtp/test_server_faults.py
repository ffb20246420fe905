"""Each way in which a server can misbehave, against the real client on real sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security, Timeouts
from newsletter.delivery.smtp.transport import Transport
from tests.smtp_servers.certificates import server_tls
from tests.smtp_servers.misbehaving import FAULTS, MisbehavingServer
from tests.smtp_servers.recording import ServerRules

# Real sockets: long enough for a machine that other tests load, short enough to wait for a silent server.
SHORT = Timeouts(
    connect=3, tls=3, greeting=2, ehlo=2, auth=2, mail=2, rcpt=2, data=2, block=2, dot=2.5, quit=0.3
)
MAILS = 4

# The outcomes of MAILS messages over one connection at a time, when the fault strikes at every chance.
ALWAYS: dict[str, Counter[str] | Fault] = {
    "greeting_554": Fault.GREETING,
    "greeting_421": Fault.BUSY,
    "greeting_none": Fault.SILENT,
    "greeting_garbage": Fault.GARBAGE,
    "greeting_dropped": Fault.LOST,
    "ehlo_421": Fault.BUSY,
    "ehlo_refused": Fault.GREETING,
    "starttls_stripped": Fault.NO_STARTTLS,
    "starttls_454": Fault.BUSY,
    "starttls_garbage": Fault.TLS,
    "plaintext_before_tls": Fault.INJECTED,
    "auth_454": Fault.BUSY,
    "auth_535": Fault.LOGIN,
    "greylisted_450": Counter({"deferred 450 4.7.1 rcpt": MAILS}),
    "mailbox_full_452": Counter({"deferred 452 4.2.2 rcpt": MAILS}),
    "too_many_452": Counter({"deferred 452 4.5.3 rcpt": MAILS}),
    "unknown_550": Counter({"rejected 550 5.1.1 rcpt": MAILS}),
    "bare_550": Counter({"rejected 550 None rcpt": MAILS}),
    "data_without_recipient": Counter({"rejected 550 5.1.1 rcpt": MAILS}),
    "mail_451": Counter({"deferred 451 4.3.0 mail": MAILS}),
    "too_large_552": Counter({"rejected 552 5.3.4 dot": MAILS}),
    "refused_mail_kept": Counter({"rejected 554 5.7.1 dot": MAILS}),
    "policy_554": Counter({"rejected 554 5.7.1 dot": MAILS}),
    "dot_451": Counter({"deferred 451 4.3.0 dot": MAILS}),
    "drop_after_354": Counter({"deferred None None data": MAILS}),
    "reset_in_body": Counter({"deferred None None data": MAILS}),
    "body_not_read": Counter({"deferred None None data": MAILS}),
    "drop_after_mail": Counter({"deferred None None mail": MAILS}),
    "silent_after_mail": Counter({"deferred None None mail": MAILS}),
    "drop_after_dot": Counter({"uncertain None None dot": MAILS}),
    "accept_and_drop": Counter({"uncertain None None dot": MAILS}),
    "reset_after_dot": Counter({"uncertain None None dot": MAILS}),
    "silent_after_dot": Counter({"uncertain None None dot": MAILS}),
    "endless_reply": Counter({"uncertain None None dot": MAILS}),
    "ten_megabyte_line": Counter({"uncertain None None dot": MAILS}),
    "byte_by_byte_slowly": Counter({"uncertain None None dot": MAILS}),
    "garbage_to_dot": Counter({"uncertain None None dot": MAILS}),
    "354_to_dot": Counter({"uncertain None None dot": MAILS}),
    "250_to_data": Counter({"deferred None None data": MAILS}),
    "replies_out_of_order": Counter({"deferred None None mail": MAILS}),
    "dot_answered_twice": Counter({"accepted 250 2.0.0 dot": MAILS}),
    "dot_answered_twice_late": Counter({"accepted 250 2.0.0 dot": MAILS}),
    "close_after_two": Counter({"accepted 250 2.0.0 dot": MAILS}),
    "stop_after_two": Counter({"accepted 250 2.0.0 dot": MAILS}),
    "split_replies": Counter({"accepted 250 2.0.0 dot": MAILS}),
    "pipelining_forgets": Counter({"accepted 250 2.0.0 dot": MAILS}),
    "pipelining_refused": Counter({"accepted 250 2.0.0 dot": MAILS}),
}
# The server asks us to go away in the middle of each first mail: that mail waits, then we give up.
BACKS_OFF = {
    "mail_421": "deferred 421 4.7.0 mail",
    "rcpt_421": "deferred 421 4.7.0 rcpt",
    "data_421": "deferred 421 4.7.0 data",
    "dot_421": "deferred 421 4.3.0 dot",
}


def envelopes(count: int = MAILS, size: int = 200_000) -> list[Envelope]:
    body = b"Subject: x\r\n\r\n" + b"A line of text.\r\n" * (size // 17)
    return [
        Envelope(sender="bounce+1@news.example", recipient=f"r{n}@mail.example", data=body, delivery_id=n)
        for n in range(1, count + 1)
    ]


LASTING = {  # no second try is made
    *("auth_535", "starttls_stripped", "plaintext_before_tls", "starttls_garbage", "ehlo_refused"),
    *("greeting_554", "greeting_none", "greeting_garbage"),
}


def sizes(name: str) -> int:
    """Bytes of a message: more than the kernel's buffers hold where the body must get stuck."""
    return 12_000_000 if name in ("body_not_read", "drop_after_354", "reset_in_body") else 200_000


def relay_for(server: MisbehavingServer, ca_file: str | None = None, connections: int = 1) -> Relay:
    secure = server.rules.tls is not None
    return Relay(
        host="localhost",
        port=server.port,
        security=Security.STARTTLS if secure else Security.NONE,
        username="me" if server.rules.login else "",
        password="secret" if server.rules.login else "",
        ca_file=ca_file,
        connections=connections,
        timeouts=SHORT,
        retry_delays=(0.01, 0.02),
    )


def rules_for(name: str, folder: Path) -> tuple[ServerRules, str | None]:
    context, ca_file = None, None
    login = ("me", "secret") if name.startswith("auth") else None
    if "tls" in name:
        context, ca_file = server_tls(folder)
    return ServerRules(extensions=("PIPELINING", "SIZE"), tls=context, login=login), ca_file


def run(
    relays: Sequence[Relay], mails: Sequence[Envelope]
) -> tuple[list[Outcome], list[Envelope], RelayError | None]:
    outcomes: list[Outcome] = []
    untouched: list[Envelope] = []
    with Transport(relays) as transport:
        transport.offer(mails)
        while transport.unsettled:
            outcomes += transport.step()
            if transport.error is not None:
                untouched += transport.give_back()
        error = transport.error
    return outcomes, untouched, error


def check_ledger(
    mails: Sequence[Envelope],
    outcomes: Sequence[Outcome],
    untouched: Sequence[Envelope],
    server: MisbehavingServer,
) -> None:
    """Every message has one fate, and the fates agree with what the server accepted."""
    fates = [outcome.delivery_id for outcome in outcomes] + [mail.delivery_id for mail in untouched]
    assert sorted(fates, key=str) == sorted((mail.delivery_id for mail in mails), key=str)
    accepted = Counter(int(address[1:].partition("@")[0]) for address in server.recipients())
    assert set(accepted.values()) <= {1}, "doubled"
    for outcome in outcomes:
        if outcome.verdict is Verdict.ACCEPTED:
            assert accepted[outcome.delivery_id] == 1, "lost"
        elif outcome.verdict is not Verdict.UNCERTAIN:
            assert accepted[outcome.delivery_id] == 0, "would be doubled"
    assert not any(accepted[mail.delivery_id] for mail in untouched), "would be doubled"


def summary(outcomes: Sequence[Outcome]) -> Counter[str]:
    return Counter(f"{o.verdict} {o.code} {o.status} {o.phase}" for o in outcomes)


def test_faults_all_have_their_expected_end() -> None:
    assert set(FAULTS) == set(ALWAYS) | set(BACKS_OFF)
    assert len(FAULTS) >= 25


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_fault_at_every_chance_ends_as_expected(name: str, tmp_path: Path) -> None:
    rules, ca_file = rules_for(name, tmp_path)
    with MisbehavingServer(rules=rules, conversation=FAULTS[name]) as server:
        mails = envelopes(size=sizes(name))
        outcomes, untouched, error = run([relay_for(server, ca_file)], mails)
        check_ledger(mails, outcomes, untouched, server)
        expected = ALWAYS[name]
        if isinstance(expected, Fault):
            assert error is not None
            # A reset before we look at the new connection reads like a refusal to connect.
            alike = {Fault.LOST, Fault.REFUSED} if name == "greeting_dropped" else {expected}
            assert error.fault in alike
            assert (outcomes, len(untouched)) == ([], MAILS)
        else:
            assert (summary(outcomes), untouched, error) == (expected, [], None)


@pytest.mark.parametrize("name", sorted(BACKS_OFF))
def test_fault_421_at_every_chance_stops_and_leaves_the_rest_untouched(name: str) -> None:
    with MisbehavingServer(conversation=FAULTS[name]) as server:
        outcomes, untouched, error = run([relay_for(server)], envelopes())
        check_ledger(envelopes(), outcomes, untouched, server)
        assert summary(outcomes) == Counter({BACKS_OFF[name]: 3})  # the first try and two rounds of retries
        assert len(untouched) == MAILS - 3
        assert error is not None
        assert error.fault is Fault.BUSY


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_fault_that_passes_leaves_nothing_lost_or_doubled(name: str, tmp_path: Path) -> None:
    rules, ca_file = rules_for(name, tmp_path)
    mails = envelopes(30, size=2_000)
    with MisbehavingServer(rules=rules, conversation=FAULTS[name], times=3) as server:
        outcomes, untouched, error = run([relay_for(server, ca_file, connections=3)], mails)
        check_ledger(mails, outcomes, untouched, server)
        assert server.struck == 3 or name in ("split_replies", *LASTING)
        if name in LASTING:
            # One of the three connections may get through before the fault ends the run, or saves it.
            assert {outcome.verdict for outcome in outcomes} <= {Verdict.ACCEPTED}
            assert len(outcomes) + len(untouched) == 30
            assert (error is None) == (not untouched)
        else:
            assert error is None
            assert untouched == []
            assert sum(o.verdict is Verdict.ACCEPTED for o in outcomes) >= 27
