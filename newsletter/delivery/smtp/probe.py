"""Tests one relay for `smtp check` and `doctor`: connects, logs in, names addresses, and sends nothing."""

from __future__ import annotations

import selectors
import time
from dataclasses import dataclass, replace

from newsletter.core.mail.reply_judge import judge
from newsletter.core.mail.reply_verdict import About
from newsletter.core.mail.values import Envelope
from newsletter.delivery.smtp.access_tokens import AccessTokenError
from newsletter.delivery.smtp.connection import Connection, SocketAddress
from newsletter.delivery.smtp.handshake import ServerExtensions
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError
from newsletter.delivery.smtp.relay_pool import RelayState
from newsletter.delivery.smtp.transaction import UnsendableError
from newsletter.delivery.smtp.transport import look_up, no_token, renews_token


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayFacts:
    """The facts about a relay that `smtp check` shows."""

    host: str
    port: int
    address: str  # that answered
    greeting: str
    encrypted: str  # "TLSv1.3"; empty: in the clear
    logged_in: bool
    extensions: dict[str, str]  # after the last EHLO
    size_limit: int  # bytes; 0: none declared


def probe(relay: Relay, trial: Envelope | None = None) -> RelayFacts:
    """Connect, encrypt, log in and quit. Raises RelayError that says what is wrong.

    trial: its sender and recipient are named, then taken back; nothing is sent. A sender that is refused,
    at MAIL or at RCPT, is the relay's fault.
    """
    while True:
        if relay.tokens is not None:
            try:
                relay.tokens.wait()
            except AccessTokenError as error:
                raise no_token(relay, error) from None
        facts = _probe_once(relay, trial)
        if facts is not None:
            return facts


def _probe_once(relay: Relay, trial: Envelope | None) -> RelayFacts | None:
    """None: a new access token is worth another try."""
    state = RelayState(replace(relay, connections=1))
    state.addresses = look_up(relay)
    last: RelayError | None = None
    for address in list(state.addresses):
        selector = selectors.DefaultSelector()
        connection = Connection(
            relay,
            address,
            selector=selector,
            clock=time.monotonic,
            context=state.context,
            pull=lambda: None,
            pipelining=True,
        )
        try:
            offer = _shake(connection, selector)
            if trial is not None:
                _try_addresses(connection, selector, trial)
            encrypted = connection.tls.version if connection.tls else ""
            connection.quit()
            return _facts(relay, address, offer, encrypted)
        except RelayError as error:
            last = error
            if error.fault is Fault.LOGIN and renews_token(connection):
                return None
            if connection.session is not None:
                raise
        finally:
            connection.close()
            selector.close()
    assert last is not None
    raise last


def _shake(connection: Connection, selector: selectors.BaseSelector) -> ServerExtensions:
    while connection.session is None or not connection.session.handshake.ready:
        pause = connection.deadline - time.monotonic()
        ready = selector.select(max(0.0, pause))
        if ready:
            connection.handle(ready[0][1])
        elif connection.deadline <= time.monotonic():
            connection.overdue()
    return connection.session.handshake.offer


def _try_addresses(connection: Connection, selector: selectors.BaseSelector, trial: Envelope) -> None:
    session = connection.session
    assert session is not None
    try:
        connection.try_addresses(trial)
    except UnsendableError as error:
        raise RelayError(connection.relay, Fault.OURS, f"it cannot take our sender: {error}") from error
    while not session.idle and not session.over:
        ready = selector.select(max(0.0, connection.deadline - time.monotonic()))
        if ready:
            connection.handle(ready[0][1])
        elif connection.deadline <= time.monotonic():
            connection.overdue()
    if session.over:
        raise RelayError(connection.relay, Fault.LOST, "it hung up when it was told sender and recipient")
    for phase, reply in session.trial:
        if reply.code < 400:
            continue
        verdict = judge(phase, reply.code, reply.status, reply.text)
        if phase == "mail" or verdict.about is About.US:
            sender = connection.relay.sender_of(trial)
            words = " ".join(str(part) for part in (reply.code, reply.status, reply.text) if part)
            raise RelayError(
                connection.relay, Fault.OURS, f"it refuses mail from {sender}: {words}", reason=verdict.reason
            )


def _facts(relay: Relay, address: SocketAddress, offer: ServerExtensions, encrypted: str) -> RelayFacts:
    return RelayFacts(
        host=relay.host,
        port=relay.port,
        address=address[1][0],
        greeting=offer.greeting,
        encrypted=encrypted,
        logged_in=offer.logged_in,
        extensions=dict(offer.extensions),
        size_limit=offer.size_limit,
    )
