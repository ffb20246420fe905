"""The client against a well-behaved server of ours: what it says, and in which order."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security, Timeouts
from newsletter.delivery.smtp.transport import Transport, send_batch
from tests.marks import examples
from tests.smtp_servers.certificates import server_tls
from tests.smtp_servers.recording import RecordingServer, ServerRules

# Real sockets with limits of a second: a machine that other tests load may miss one.
BODY = b"Subject: x\r\n\r\nHello.\r\n"
QUICK = Timeouts(connect=2, tls=2, greeting=2, ehlo=2, auth=2, mail=2, rcpt=2, data=2, block=2, dot=2, quit=1)


def mail(number: int, **columns: object) -> Envelope:
    return Envelope(
        sender=f"bounce+{number}@news.example",
        recipient=f"r{number}@mail.example",
        data=BODY,
        delivery_id=number,
    )._replace(**columns)


def relay_to(server: RecordingServer, **columns: object) -> Relay:
    return replace(
        Relay(host="localhost", port=server.port, security=Security.NONE, connections=1, timeouts=QUICK),
        **{"retry_delays": (), **columns},
    )


def send(server: RecordingServer, *mails: Envelope, **columns: object) -> list[Outcome]:
    return sorted(send_batch([relay_to(server, **columns)], mails), key=lambda o: o.delivery_id or 0)


def spoken(server: RecordingServer) -> list[str]:
    return [line.decode() for line in server.lines]


# The conversation


def test_mail_is_accepted_and_recorded_as_it_was() -> None:
    with RecordingServer() as server:
        assert send(server, mail(1)) == [
            Outcome(
                verdict=Verdict.ACCEPTED,
                phase="dot",
                code=250,
                status="2.0.0",
                text="queued as 1",
                delivery_id=1,
            )
        ]
        (got,) = server.accepted
        assert (got.sender, got.recipient, got.data) == ("bounce+1@news.example", "r1@mail.example", BODY)
        assert spoken(server) == [
            "EHLO [127.0.0.1]",
            f"MAIL FROM:<bounce+1@news.example> SIZE={len(BODY)}",
            "RCPT TO:<r1@mail.example>",
            "DATA",
            "QUIT",
        ]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_mails_share_a_connection_with_and_without_pipelining(extensions: tuple[str, ...]) -> None:
    with RecordingServer(rules=ServerRules(extensions=extensions)) as server:
        outcomes = send(server, *(mail(n) for n in range(1, 21)))
        assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED] * 20
        assert server.recipients() == [f"r{n}@mail.example" for n in range(1, 21)]
        assert server.connections == 1


def test_connection_is_renewed_after_its_share_of_mails() -> None:
    with RecordingServer() as server:
        send(server, *(mail(n) for n in range(1, 8)), messages_per_connection=3)
        assert [got.connection for got in server.accepted] == [1, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_refused_recipient_is_reset_and_affects_no_other_mail(extensions: tuple[str, ...]) -> None:
    def refuse(address: str) -> bytes | None:
        return b"550 5.1.1 no such user" if address in ("r1@mail.example", "r3@mail.example") else None

    with RecordingServer(rules=ServerRules(extensions=extensions, refuse=refuse)) as server:
        outcomes = send(server, *(mail(n) for n in range(1, 6)))
        assert [(o.verdict, o.code, o.status, o.phase) for o in outcomes] == [
            (Verdict.REJECTED, 550, "5.1.1", "rcpt"),
            (Verdict.ACCEPTED, 250, "2.0.0", "dot"),
            (Verdict.REJECTED, 550, "5.1.1", "rcpt"),
            (Verdict.ACCEPTED, 250, "2.0.0", "dot"),
            (Verdict.ACCEPTED, 250, "2.0.0", "dot"),
        ]
        assert server.recipients() == ["r2@mail.example", "r4@mail.example", "r5@mail.example"]
        assert spoken(server).count("RSET") == 2
        assert server.connections == 1


@settings(max_examples=examples(30))
@given(
    st.lists(st.sampled_from([b".", b"..", b"", b".x", b"x.", b"x", b"\n.", b"."]), max_size=12),
    st.booleans(),
)
def test_dots_are_stuffed_exactly_once(lines: list[bytes], ends_with_newline: bool) -> None:
    data = b"\r\n".join(lines) + (b"\r\n" if ends_with_newline else b"")
    with RecordingServer() as server:
        send(server, mail(1, data=data), mail(2))
        expected = data if data.endswith(b"\r\n") else data + b"\r\n"
        # A dot behind a bare newline is stuffed as well (smuggling), and only there it stays.
        expected = b"\r\n".join(line.replace(b"\n.", b"\n..") for line in expected.split(b"\r\n"))
        assert [got.data for got in server.accepted] == [expected, BODY]


def test_undotted_mail_is_sent_without_a_scan() -> None:
    with RecordingServer() as server:
        send(server, mail(1, undotted=True))
        assert [got.data for got in server.accepted] == [BODY]


def test_dsn_is_asked_for_when_offered() -> None:
    with RecordingServer(rules=ServerRules(extensions=("DSN",))) as server:
        send(server, mail(1, envid="a+b=c", recipient="o+x@mail.example"))
        (got,) = server.accepted
        assert got.mail_line == "FROM:<bounce+1@news.example> RET=HDRS ENVID=a+2Bb+3Dc"
        assert got.rcpt_line == "TO:<o+x@mail.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o+2Bx@mail.example"


def test_mail_beyond_the_size_limit_is_refused_without_asking() -> None:
    with RecordingServer(rules=ServerRules(extensions=("SIZE 20", "PIPELINING"))) as server:
        assert send(server, mail(1), mail(2, data=b"a\r\n")) == [
            Outcome(
                verdict=Verdict.REJECTED,
                phase="mail",
                code=552,
                status="5.3.4",
                text=f"{len(BODY)} bytes; the server takes 20",
                delivery_id=1,
            ),
            Outcome(
                verdict=Verdict.ACCEPTED,
                phase="dot",
                code=250,
                status="2.0.0",
                text="queued as 1",
                delivery_id=2,
            ),
        ]


def test_domain_goes_to_a_labels_and_only_a_local_part_needs_smtputf8() -> None:
    with RecordingServer(rules=ServerRules(extensions=("SMTPUTF8",))) as server:
        send(server, mail(1, recipient="r@bücher.example"), mail(2, recipient="rené@bücher.example"))
        assert [(got.recipient, "SMTPUTF8" in got.mail_line) for got in server.accepted] == [
            ("r@xn--bcher-kva.example", False),
            ("rené@xn--bcher-kva.example", True),
        ]


def test_non_ascii_local_part_is_refused_where_nobody_takes_it() -> None:
    with RecordingServer() as server:
        (outcome,) = send(server, mail(1, recipient="rené@mail.example"))
        assert (outcome.verdict, outcome.code, outcome.status) == (Verdict.REJECTED, 550, "5.6.7")


@pytest.mark.parametrize(
    "address",
    [
        "a b@x.example",
        "a@x.example>\r\nRCPT TO:<b@x.example",
        "a\nb@x.example",
        "nobody",
        "@x.example",
        "a@",
        "a<b@x",
    ],
)
def test_address_that_would_break_the_protocol_never_reaches_it(address: str) -> None:
    with RecordingServer() as server:
        (refused, accepted) = send(server, mail(1, recipient=address), mail(2))
        assert (refused.verdict, refused.status, refused.phase) == (Verdict.REJECTED, "5.1.3", "rcpt")
        assert accepted.verdict is Verdict.ACCEPTED
        assert server.recipients() == ["r2@mail.example"]


def test_8bit_body_is_declared_when_it_is_one() -> None:
    with RecordingServer(rules=ServerRules(extensions=("8BITMIME",))) as server:
        send(server, mail(1, data="é\r\n".encode()), mail(2))
        assert ["BODY=8BITMIME" in got.mail_line for got in server.accepted] == [True, False]


# TLS and login


@pytest.mark.parametrize("implicit", [True, False])
def test_mail_goes_through_tls_and_login(tmp_path: Path, implicit: bool) -> None:
    context, ca_file = server_tls(tmp_path)
    rules = ServerRules(tls=context, implicit_tls=implicit, login=("me", "pass"), extensions=("PIPELINING",))
    with RecordingServer(rules=rules) as server:
        outcomes = send(
            server,
            *(mail(n, data=BODY * 5000) for n in range(1, 6)),
            security=Security.TLS if implicit else Security.STARTTLS,
            ca_file=ca_file,
            username="me",
            password="pass",
        )
        assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED] * 5
        assert [got.data for got in server.accepted] == [BODY * 5000] * 5
        assert server.logins == [("PLAIN", True)]
        if not implicit:
            assert spoken(server)[:3] == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_login_by_each_mechanism(mechanism: str) -> None:
    with RecordingServer(rules=ServerRules(login=("me", "päss"), mechanisms=mechanism)) as server:
        outcomes = send(server, mail(1), username="me", password="päss")
        assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED]
        assert server.logins == [(mechanism, False)]


def fault_of(server: RecordingServer, **columns: object) -> RelayError:
    with pytest.raises(RelayError) as caught:
        send(server, mail(1), **columns)
    assert server.accepted == []
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_certificate_of_another_name_is_refused(tmp_path: Path, security: Security) -> None:
    context, ca_file = server_tls(tmp_path, name="elsewhere.example")
    rules = ServerRules(tls=context, implicit_tls=security is Security.TLS)
    with RecordingServer(rules=rules) as server:
        error = fault_of(server, security=security, ca_file=ca_file)
        assert error.fault is Fault.CERTIFICATE
        assert "not good for localhost" in str(error)


def test_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    context, _ = server_tls(tmp_path)
    with RecordingServer(rules=ServerRules(tls=context)) as server:
        assert fault_of(server, security=Security.STARTTLS).fault is Fault.CERTIFICATE


def test_password_is_not_said_in_the_clear_where_tls_was_asked_for() -> None:
    with RecordingServer(rules=ServerRules(login=("me", "pass"))) as server:
        error = fault_of(server, security=Security.STARTTLS, username="me", password="pass")
        assert error.fault is Fault.NO_STARTTLS
        assert server.logins == []


def test_login_that_is_not_offered_is_an_error_of_its_own() -> None:
    with RecordingServer() as server:
        assert fault_of(server, username="me", password="x").fault is Fault.NO_LOGIN


def test_wrong_password_is_reported_and_not_shown() -> None:
    with RecordingServer(rules=ServerRules(login=("me", "right"))) as server:
        error = fault_of(server, username="me", password="wrong-secret")
        assert error.fault is Fault.LOGIN
        assert "535" in str(error)
        assert "wrong-secret" not in str(error) + repr(error.relay)


def test_tls_port_with_plain_server_and_the_other_way_round(tmp_path: Path) -> None:
    context, ca_file = server_tls(tmp_path)
    with RecordingServer() as server:
        error = fault_of(server, security=Security.TLS, ca_file=ca_file)
        assert error.fault is Fault.TLS
        assert "587 is starttls" in error.hint
    with RecordingServer(rules=ServerRules(tls=context, implicit_tls=True)) as server:
        quick = replace(QUICK, greeting=0.3)
        error = fault_of(server, security=Security.STARTTLS, ca_file=ca_file, timeouts=quick)
        assert error.fault in (Fault.SILENT, Fault.LOST)


# Relays


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_relay_that_is_down_is_reported() -> None:
    relay = Relay(host="127.0.0.1", port=free_port(), security=Security.NONE, retry_delays=(0.01,))
    with pytest.raises(RelayError) as caught:
        list(send_batch([relay], [mail(1)]))
    assert caught.value.fault is Fault.REFUSED
    assert "smtp.port" in caught.value.hint


def test_relay_whose_name_does_not_exist_is_reported() -> None:
    relay = Relay(host="no-such-host.invalid", port=25, security=Security.STARTTLS, retry_delays=())
    with pytest.raises(RelayError) as caught:
        list(send_batch([relay], [mail(1)]))
    assert caught.value.fault is Fault.NAME


def test_second_relay_takes_over_from_one_that_is_down() -> None:
    down = Relay(host="127.0.0.1", port=free_port(), security=Security.NONE, retry_delays=(0.01,))
    with RecordingServer() as server:
        outcomes = list(send_batch([down, relay_to(server)], [mail(n) for n in range(1, 10)]))
        assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED] * 9


def test_connections_share_the_work() -> None:
    with RecordingServer(rules=ServerRules(delay=0.05)) as server:
        send(server, *(mail(n) for n in range(1, 41)), connections=4)
        assert server.connections == 4
        assert sorted(server.recipients()) == sorted(f"r{n}@mail.example" for n in range(1, 41))


def test_envelopes_that_were_not_begun_can_be_taken_back() -> None:
    with RecordingServer() as server, Transport([relay_to(server)]) as transport:
        transport.offer([mail(1), mail(2)])
        assert [given.delivery_id for given in transport.give_back()] == [1, 2]
        assert transport.unsettled == 0
    assert server.accepted == []


@pytest.mark.parametrize(
    "columns",
    [
        {"host": ""},
        {"port": 0},
        {"connections": 0},
        {"host": "mail.example", "security": Security.NONE},
    ],
)
def test_relay_that_makes_no_sense_is_a_configuration_error(columns: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        replace(Relay(host="localhost", security=Security.NONE), **columns)
    assert caught.value.hint


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "LOCALHOST."])
def test_relay_in_the_clear_is_allowed_on_this_machine(host: str) -> None:
    assert Relay(host=host, security=Security.NONE).host == host


def test_relay_in_the_clear_elsewhere_needs_an_explicit_word() -> None:
    assert Relay(host="mail.example", security=Security.NONE, allow_insecure=True).port == 587


def test_unreadable_ca_file_is_a_configuration_error(tmp_path: Path) -> None:
    relay = Relay(host="localhost", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="ca_file"):
        Transport([relay])


@pytest.mark.parametrize(
    ("return_path", "sender"),
    [
        ("", "bounce+7.tag.sig@x.example"),
        ("me+{id}@login.example", "me+7.tag.sig@login.example"),
        ("me@login.example", "me@login.example"),
    ],
)
def test_relay_names_the_sender_that_its_return_path_says(return_path: str, sender: str) -> None:
    envelope = Envelope(
        sender="bounce+7.tag.sig@x.example", recipient="ada@y.example", data=b"Hi\r\n", envid="7.tag.sig"
    )
    with RecordingServer() as server:
        outcomes = send(server, envelope, return_path=return_path)
        assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED]
        assert [mail.sender for mail in server.accepted] == [sender]
