"""Describes a relay as configured, its time limits, and its faults before any mail is named.

It opens no connection; `newsletter.delivery.smtp.transport` does.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.core.mail.reply_remedies import remedy_for
from newsletter.core.mail.reply_verdict import Reason
from newsletter.core.mail.values import Envelope
from newsletter.delivery.smtp.access_tokens import TokenSource


class Security(StrEnum):
    """How the connection is protected. Never less than this."""

    STARTTLS = "starttls"  # port 587: upgraded before any mail or login
    TLS = "tls"  # port 465: from the first byte
    NONE = "none"  # on loopback, or where the admin insists


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait in each phase: at least what RFC 5321 4.5.3.2 asks. Tests make them short."""

    connect: float = 60.0  # TCP; no RFC says
    tls: float = 60.0  # handshake; no RFC says
    greeting: float = 300.0
    ehlo: float = 300.0
    auth: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # for each 64 KiB of the body to leave
    dot: float = 600.0  # a short one makes duplicates: the server may have taken the mail already
    quit: float = 5.0  # nothing is lost by leaving without a goodbye


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A server that takes our mail. Raises ConfigurationError when it would send secrets in the clear."""

    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    tokens: TokenSource | None = field(default=None, repr=False, compare=False)  # instead of a password
    connections: int = 4
    messages_per_connection: int = 100  # what many real relays allow
    weight: float = 1.0  # its share of the mail; 0: only when no other relay can be used
    timeouts: Timeouts = field(default_factory=Timeouts)
    hostname: str = ""  # our name in EHLO; empty: the address literal of our end, for loopback only
    return_path: str = (
        ""  # envelope sender, `{id}` for the message's signed id; empty: bounce+{id}@ our domain
    )
    ca_file: str | None = None  # the only certificates trusted; None: the system's store
    allow_insecure: bool = False  # security none also beyond loopback
    retry_delays: tuple[float, ...] = (1.0, 5.0, 15.0)  # seconds before each new round of connecting

    def __post_init__(self) -> None:
        if not self.host or not 0 < self.port < 65536:
            raise ConfigurationError(
                f"no usable mail server: {self.host!r} port {self.port}",
                hint="Set host and port under [smtp] in newsletter.toml.",
            )
        if self.connections < 1 or self.messages_per_connection < 1:
            raise ConfigurationError("[smtp] connections must be at least 1", hint="Try connections = 4.")
        if Security(self.security) is Security.NONE and not (self.allow_insecure or is_loopback(self.host)):
            raise ConfigurationError(
                f'smtp.security = "none" would send mail to {self.host} in the clear',
                hint='Set security = "starttls" or "tls" under [smtp]; "none" is for this machine only.',
            )
        if Security(self.security) is Security.NONE and self.tokens and not is_loopback(self.host):
            raise ConfigurationError(  # RFC 6750 5.3: whoever reads a token can use it
                f"an access token would go to {self.host} in the clear",
                hint='Set security = "starttls" or "tls" under [smtp]; allow_insecure does not allow this.',
            )

    def sender_of(self, envelope: Envelope) -> str:
        """The envelope sender of a message on this relay: some accept only addresses of the login."""
        if not self.return_path or not envelope.sender:
            return envelope.sender
        return self.return_path.replace("{id}", envelope.envid)

    @property
    def name(self) -> str:
        """What it is called in limits and reports: host:port."""
        return f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether the spelling of `host` alone names this machine; nothing is looked up."""
    if host.rstrip(".").lower() in ("localhost", "ip6-localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Fault(StrEnum):
    """A fault of a relay; `HINTS` says what to do about it."""

    NAME = "name"  # the host name is not found
    REFUSED = "refused"  # nobody listens, or no way there
    SILENT = "silent"  # no answer in time
    LOST = "lost"  # closed or reset before a message was named
    GARBAGE = "garbage"  # no SMTP
    GREETING = "greeting"  # 4xx or 5xx as greeting or to EHLO
    BUSY = "busy"  # 421, or 4xx to AUTH
    NO_STARTTLS = "no starttls"
    INJECTED = "injected"  # plaintext after STARTTLS's 220
    CERTIFICATE = "certificate"
    TLS = "tls"  # the handshake failed otherwise
    NO_LOGIN = "no login"  # it offers no AUTH that we know
    LOGIN = "login"  # refused
    TOKEN = "no token"  # noqa: S105  (could not be had; the server was not asked)
    OURS = "ours"  # it refuses us: our sender, login, quota or plan
    RESTS = "rests"  # it refused us before: nothing is tried before its rest is over
    STRANGERS = "strangers"  # it refuses too many readers as unknown: probably the wrong server


HINTS = {
    Fault.NAME: "Check smtp.host for typing errors, and that this machine can resolve names.",
    Fault.REFUSED: "Check smtp.host and smtp.port, and that the server runs and no firewall is between.",
    Fault.SILENT: "A firewall may swallow the port, or security does not fit: 587 is starttls, 465 is tls.",
    Fault.LOST: 'The server hung up; its log says why. security = "tls" belongs to port 465.',
    Fault.GARBAGE: "Check smtp.port: what answers there does not speak SMTP as configured.",
    Fault.GREETING: "The server does not want this machine; its log or its operator can say why.",
    Fault.BUSY: "The server asks to come back later. The mail waits in the queue; the next run tries again.",
    Fault.NO_STARTTLS: 'Mail is never sent in the clear instead. Use security = "tls" with port 465 if it is '
    'offered, or security = "none" for a server on this machine.',
    Fault.INJECTED: "Somebody between here and the server may be tampering with the connection.",
    Fault.CERTIFICATE: "Use the name that stands in the server's certificate as smtp.host; for a private "
    "authority set smtp.ca_file.",
    Fault.TLS: "Check that security fits the port: 587 is starttls, 465 is tls.",
    Fault.NO_LOGIN: "Leave smtp.username empty if this server needs no login, or use its submission port.",
    Fault.OURS: "Mend what the server names; then run `newsletter smtp check`.",
    Fault.RESTS: "The mail waits until then. Mend the cause; then `newsletter smtp check` ends the rest.",
    Fault.STRANGERS: "That looks like a misconfigured mail server, so nothing more goes there and nobody was "
    "suppressed. Look at `newsletter deliveries list --state deferred`, then send again.",
    Fault.LOGIN: "Check smtp.username and the password; many providers want an app password.",
    Fault.TOKEN: "Mend what makes the token, then run `newsletter smtp check`.",
}

LASTING = frozenset(  # trying again does not help
    {
        Fault.NO_STARTTLS,
        Fault.INJECTED,
        Fault.CERTIFICATE,
        Fault.NO_LOGIN,
        Fault.LOGIN,
    }
)

REFUSALS = frozenset(  # the server answered, and takes no mail of ours now: the mail waits
    {Fault.OURS, Fault.RESTS, Fault.STRANGERS, Fault.LOGIN, Fault.GREETING, Fault.BUSY}
)

PASSING = frozenset({Fault.BUSY, Fault.LOST})  # trying again may help, even at the first contact


class RelayError(NewsletterError):
    """A relay cannot be used. No mail was named to it: queued mail stays queued, untouched.

    hint: what to do about it, where more is known than the fault. reason: why it refuses us, if that is what
    its words say.
    """

    def __init__(
        self, relay: Relay, fault: Fault, words: str, *, hint: str = "", reason: Reason | None = None
    ) -> None:
        if reason is not None and fault is Fault.OURS:
            hint = hint or remedy_for(reason)
        super().__init__(f"the mail server {relay.host}:{relay.port}: {words}", hint=hint or HINTS[fault])
        self.relay = relay
        self.fault = fault
        self.words = words
        self.reason = reason
