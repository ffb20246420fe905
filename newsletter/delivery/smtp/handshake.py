"""Leads the SMTP conversation from the greeting to the first MAIL command: EHLO, STARTTLS, AUTH.

It neither sends nor reads. A failure here concerns the relay and no mail, and is raised as a RelayError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from newsletter.core.mail.reply_judge import judge
from newsletter.core.mail.reply_verdict import About, Reason
from newsletter.delivery.smtp import auth
from newsletter.delivery.smtp.redaction import PIECE, without_secrets
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.replies import Reply


@dataclass(slots=True, kw_only=True)
class ServerExtensions:
    """The server's own words about itself, from the last EHLO."""

    greeting: str = ""
    extensions: dict[str, str] = field(default_factory=dict)  # upper-case keyword: its parameters
    encrypted: bool = False
    logged_in: bool = False

    @property
    def size_limit(self) -> int:
        """The largest message in bytes, 0 when none is declared (RFC 1870)."""
        words = self.extensions.get("SIZE", "").split()
        return int(words[0]) if words and words[0].isdigit() else 0

    @property
    def mechanisms(self) -> list[str]:
        """The AUTH mechanisms on offer, in the server's order."""
        return self.extensions.get("AUTH", "").upper().split()


class Handshake:
    """The conversation before the first MAIL."""

    def __init__(self, relay: Relay, *, hostname: str, encrypted: bool) -> None:
        self.relay = relay
        self.offer = ServerExtensions(encrypted=encrypted)
        self.phase = "greeting"
        self.ready = False
        self.wants_tls = False
        self._hostname = hostname.encode("ascii", "replace")
        self.token = ""  # the access token that this login used
        self._login = auth.Login(username="")
        self._challenges: Iterator[Callable[[Reply], bytes]] = iter(())
        self._secret_lines: list[bytes] = []  # that were sent, since some servers quote them
        self._secrets: tuple[int, tuple[str, ...]] = (0, ())  # for so many lines
        self._token_problem = ""  # the server's reason for not taking the token

    def answer(self, reply: Reply) -> bytes:
        """The bytes to send after `reply`; none once `ready` or `wants_tls` is true. Raises RelayError."""
        if self.phase == "greeting":
            return self._greeted(reply)
        if self.phase in ("ehlo", "helo"):
            return self._introduced(reply)
        if self.phase == "starttls":
            return self._starttls(reply)
        return self._authenticated(reply)

    def secured(self) -> bytes:
        """The bytes to send once TLS is established: EHLO again, with nothing known before (RFC 3207 4.2)."""
        self.offer = ServerExtensions(greeting=self.offer.greeting, encrypted=True)
        self.wants_tls = False
        return self._ehlo()

    def _ehlo(self) -> bytes:
        self.phase = "ehlo"
        return b"EHLO " + self._hostname + b"\r\n"

    def _greeted(self, reply: Reply) -> bytes:
        if reply.code != 220:
            raise self._refusal(reply, "does not greet us")
        self.offer.greeting = reply.text
        return self._ehlo()

    def _introduced(self, reply: Reply) -> bytes:
        plain = self.relay.security is Security.NONE and not self.relay.username
        if self.phase == "ehlo" and reply.code in (500, 502, 504, 550) and plain:
            self.phase = "helo"  # RFC 5321 3.2: an old server; nothing that we need is lost
            return b"HELO " + self._hostname + b"\r\n"
        if reply.code != 250:
            raise self._refusal(reply, f"refuses {self.phase.upper()}")
        self.offer.extensions = {}
        for line in reply.lines[1:] if self.phase == "ehlo" else ():
            # "AUTH=PLAIN" is how servers before RFC 4954 spelt it.
            keyword, _, parameters = line.decode("ascii", "replace").replace("AUTH=", "AUTH ").partition(" ")
            self.offer.extensions[keyword.upper()] = parameters.strip()
        if self.relay.security is Security.STARTTLS and not self.offer.encrypted:
            if "STARTTLS" not in self.offer.extensions:
                raise RelayError(self.relay, Fault.NO_STARTTLS, "does not offer STARTTLS")
            self.phase = "starttls"
            return b"STARTTLS\r\n"
        if not self.relay.username:
            self.ready = True
            return b""
        return self._log_in()

    def _log_in(self) -> bytes:
        by_token = self.relay.tokens is not None
        mechanism = auth.first_known(self.offer.mechanisms, by_token=by_token)
        if mechanism is None:
            kind = "access token" if by_token else "password"
            words = f"offers no login by {kind}; {self._offered()}"
            raise RelayError(self.relay, Fault.NO_LOGIN, words, hint=self._login_hint())
        self.token = self.relay.tokens.newest if self.relay.tokens is not None else ""
        self._login = auth.Login(
            username=self.relay.username,
            password=self.relay.password,
            token=self.token,
            host=self.relay.host,
            port=self.relay.port,
        )
        self.phase = "auth"
        command, self._challenges = auth.start(mechanism, self._login)
        self._secret_lines = [command]
        return command

    def _starttls(self, reply: Reply) -> bytes:
        if reply.code != 220:
            if reply.code < 500:
                raise self._refusal(reply, "cannot encrypt now")
            raise RelayError(self.relay, Fault.NO_STARTTLS, f"refuses STARTTLS: {_words(reply)}")
        self.wants_tls = True
        return b""

    def _authenticated(self, reply: Reply) -> bytes:
        if reply.code == 334:
            step = next(self._challenges, None)
            if step is not None:
                if self.token:
                    self._token_problem = auth.token_problem(reply)
                answer = step(reply)
                self._secret_lines.append(answer)
                return answer
        if reply.code == 235:
            self.offer.logged_in = True
            self.ready = True
            if self.relay.tokens is not None:
                self.relay.tokens.accepted()
            return b""
        problem = f" ({self._token_problem})" if self._token_problem else ""
        words = self.without_secrets(f"{_words(reply)}{problem}")
        if 400 <= reply.code < 500:
            raise self._error(reply, Fault.BUSY, f"cannot check the login now: {words}")
        what = "access token" if self.token else "login"
        words = f"refuses the {what}: {words}; {self._offered()}"
        raise self._error(reply, Fault.LOGIN, words, hint=self._login_hint())

    @property
    def has_secrets(self) -> bool:
        """Whether anything was sent to log in, which the server may quote."""
        return bool(self._secret_lines)

    def without_secrets(self, text: str) -> str:
        """The server's words without anything of our login that it quotes.

        After the login short secrets stay: a password such as “user” would change what a reply means.
        """
        if self._secrets[0] != len(self._secret_lines):  # more was sent since
            lines = self._secret_lines
            self._secrets = (len(lines), tuple(auth.secrets_of(self._login, lines)))
        found = self._secrets[1]
        return without_secrets(text, found if not self.ready else self._long_secrets(found))

    @staticmethod
    @lru_cache(maxsize=64)
    def _long_secrets(found: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(secret for secret in found if len(secret) >= PIECE)

    def _offered(self) -> str:
        logins = self.offer.mechanisms
        return f"it offers {', '.join(logins)}" if logins else "it offers no login at all"

    def _login_hint(self) -> str:
        """What to do about a login that is refused or not offered; empty: what is always to do."""
        tokens = auth.takes_tokens(self.offer.mechanisms)
        if self.relay.tokens is not None:
            if tokens:
                return "The token must be for smtp.username, and have the scope for SMTP."
            return "Set smtp.password instead, or use the provider's submission port."
        if tokens:
            return (
                "Check smtp.username and the password; where passwords are switched off, set "
                "smtp.token_command (docs/how-to/use-a-mail-provider.md)."
            )
        return ""

    def _refusal(self, reply: Reply, what: str) -> RelayError:
        fault = Fault.BUSY if reply.code in (421, 454) else Fault.GREETING
        if reply.code < 400:
            fault = Fault.GARBAGE
        return self._error(reply, fault, f"{what}: {_words(reply)}")

    def _error(self, reply: Reply, fault: Fault, words: str, *, hint: str = "") -> RelayError:
        """The error, with the reason if the reply is about us: then the relay rests and an admin is told."""
        verdict = judge(self.phase, reply.code, reply.status, reply.text)
        ours = verdict.about is About.US and (verdict.certain or reply.code >= 500)
        reason = Reason.LOGIN if fault is Fault.LOGIN else verdict.reason if ours else None
        return RelayError(self.relay, fault, words, hint=hint, reason=reason)


def _words(reply: Reply) -> str:
    return " ".join(str(part) for part in (reply.code, reply.status, reply.text) if part)
