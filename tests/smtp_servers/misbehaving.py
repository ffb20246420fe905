"""SMTP servers that get it wrong, each in one named way, on real sockets.

A fault strikes as often as `MisbehavingServer.times` says; then the server behaves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.smtp_servers.recording import Conversation, HangupError, RecordingServer

LONG = 3600.0  # seconds: longer than any test waits


@dataclass(slots=True)
class MisbehavingServer(RecordingServer):
    """A server whose fault strikes the first `times` times that it can."""

    times: int = 1_000_000
    struck: int = 0
    fault_lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self) -> bool:
        """Whether the fault strikes now; counts."""
        with self.fault_lock:
            if self.struck >= self.times:
                return False
            self.struck += 1
            return True


FAULTS: dict[str, type[Conversation]] = {}


def fault(kind: type[Conversation]) -> type[Conversation]:
    FAULTS[kind.__name__.strip("_")] = kind
    return kind


class Faulty(Conversation):
    """With the tools of mischief."""

    server: MisbehavingServer

    def stall(self) -> None:
        """Say nothing more; leave when the client does."""
        self.socket.settimeout(LONG)
        while self.socket.recv(65536):
            pass
        raise HangupError

    def drain(self, seconds: float = 0.05) -> None:
        """Throw away what the client had already sent."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            pass
        self.socket.settimeout(None)
        self.buffer = b""


def _answering(name: str, step: str, reply: bytes, *, then_close: bool = False) -> None:
    """A fault that answers `step` with `reply` instead of doing it."""

    def act(self: Faulty, *arguments: Any) -> None:
        if self.server.strikes():
            self.say(reply)
            if step == "dot":
                self.sender = self.recipient = None
            if then_close:
                raise HangupError
            return
        getattr(super(kind, self), step)(*arguments)

    kind: type[Faulty] = type(name, (Faulty,), {step: act})
    fault(kind)


def _striking(name: str, step: str, mischief: Callable[..., None]) -> None:
    """A fault that does `mischief` instead of `step`."""

    def act(self: Faulty, *arguments: Any) -> None:
        if self.server.strikes():
            mischief(self, *arguments)
        else:
            getattr(super(kind, self), step)(*arguments)

    kind: type[Faulty] = type(name, (Faulty,), {step: act})
    fault(kind)


# Before any mail

_answering("greeting_554", "greet", b"554 5.7.1 go away", then_close=True)
_answering("greeting_421", "greet", b"421 4.3.2 too busy", then_close=True)
_striking("greeting_none", "greet", lambda self: self.stall())
_striking("greeting_garbage", "greet", lambda self: self.say(b"SSH-2.0-OpenSSH_9.2"))
_striking("greeting_dropped", "greet", lambda self: self.reset())
_answering("ehlo_421", "ehlo", b"421 4.3.2 too busy", then_close=True)
_answering("starttls_454", "starttls", b"454 4.7.0 no TLS now")
_answering("auth_454", "auth", b"454 4.7.0 try later")
_answering("auth_535", "auth", b"535 5.7.8 wrong")


@fault
class ehlo_refused(Faulty):  # noqa: N801 - faults are named as the tests print them
    def ehlo(self, argument: str) -> None:
        if self.server.strikes():
            self.say(b"550 5.7.1 not you")
        else:
            super().ehlo(argument)

    helo = ehlo


@fault
class starttls_stripped(Faulty):  # noqa: N801
    def offer(self) -> list[str]:
        words = super().offer()
        return [word for word in words if word != "STARTTLS"] if self.server.strikes() else words


def _inject(self: Faulty, _argument: str) -> None:
    self.say(b"220 2.0.0 go ahead\r\n250 mx.example injected")
    self.encrypt()


_striking("plaintext_before_tls", "starttls", _inject)


def _not_tls(self: Faulty, _argument: str) -> None:
    self.say(b"220 2.0.0 go ahead")
    self.more()
    self.say(b"this is no TLS at all")
    raise HangupError


_striking("starttls_garbage", "starttls", _not_tls)

# Refusals

_answering("greylisted_450", "rcpt", b"450 4.7.1 greylisted, come back")
_answering("mailbox_full_452", "rcpt", b"452 4.2.2 mailbox full")
_answering("too_many_452", "rcpt", b"452 4.5.3 too many recipients")
_answering("mail_421", "mail", b"421 4.7.0 closing", then_close=True)
_answering("rcpt_421", "rcpt", b"421 4.7.0 closing", then_close=True)
_answering("data_421", "data", b"421 4.7.0 closing", then_close=True)
_answering("dot_421", "dot", b"421 4.3.0 closing", then_close=True)
_answering("unknown_550", "rcpt", b"550 5.1.1 no such user")
_answering("too_large_552", "dot", b"552 5.3.4 too big")
_answering("policy_554", "dot", b"554 5.7.1 spam, surely")
_answering("bare_550", "rcpt", b"550 no")
_answering("dot_451", "dot", b"451 4.3.0 disk full")
_answering("mail_451", "mail", b"451 4.3.0 later")


@fault
class data_without_recipient(Faulty):  # noqa: N801
    """Refuses the recipient, and says 354 to DATA all the same (RFC 2920 3.1)."""

    refused = False

    def rcpt(self, argument: str) -> None:
        self.refused = self.server.strikes()
        if self.refused:
            self.say(b"550 5.1.1 no such user")
        else:
            super().rcpt(argument)

    def data(self, argument: str) -> None:
        if not self.refused:
            super().data(argument)
            return
        self.refused = False
        self.say(b"354 go on")
        assert self.body() == b""
        self.say(b"554 5.5.1 no valid recipients")
        self.sender = None


@fault
class refused_mail_kept(Faulty):  # noqa: N801
    """Refuses at the dot and forgets neither sender nor recipient, as Postfix does after its own rules."""

    kept = False

    def data(self, argument: str) -> None:
        sender, recipient = self.sender, self.recipient
        super().data(argument)
        if self.kept:
            self.sender, self.recipient, self.kept = sender, recipient, False

    def dot(self, body: bytes) -> None:
        self.kept = self.server.strikes()
        if self.kept:
            self.say(b"554 5.7.1 no")
        else:
            super().dot(body)


# Broken connections


def _drop_in_body(self: Faulty, _argument: str) -> None:
    self.say(b"354 go on")
    raise HangupError


def _reset_in_body(self: Faulty, _argument: str) -> None:
    self.say(b"354 go on")
    self.socket.recv(1000)
    self.reset()


def _drop_after_dot(self: Faulty, _body: bytes) -> None:
    raise HangupError


def _accept_and_drop(self: Faulty, body: bytes) -> None:
    self.accept(body)
    raise HangupError


def _reset_after_dot(self: Faulty, body: bytes) -> None:
    self.accept(body)
    self.reset()


def _silent_after_dot(self: Faulty, body: bytes) -> None:
    self.accept(body)
    self.stall()


_striking("drop_after_354", "data", _drop_in_body)
_striking("reset_in_body", "data", _reset_in_body)
_striking("drop_after_dot", "dot", _drop_after_dot)
_striking("accept_and_drop", "dot", _accept_and_drop)
_striking("reset_after_dot", "dot", _reset_after_dot)
_striking("silent_after_dot", "dot", _silent_after_dot)
_striking("silent_after_mail", "mail", lambda self, _argument: self.stall())
_striking("drop_after_mail", "mail", lambda self, _argument: self.reset())


@fault
class body_not_read(Faulty):  # noqa: N801
    def data(self, argument: str) -> None:
        if self.server.strikes():
            self.say(b"354 go on")
            time.sleep(LONG)
        super().data(argument)


@fault
class close_after_two(Faulty):  # noqa: N801
    def dot(self, body: bytes) -> None:
        super().dot(body)
        if self.mails == 2 and self.server.strikes():
            raise HangupError


@fault
class stop_after_two(Faulty):  # noqa: N801
    def mail(self, argument: str) -> None:
        if self.mails == 2 and self.server.strikes():
            self.say(b"421 4.7.0 enough for one connection")
            raise HangupError
        super().mail(argument)


# Replies that are none


def _twice(self: Faulty, body: bytes) -> None:
    self.accept(body)
    self.say(b"250 2.0.0 queued\r\n250 2.0.0 queued, I said")


def _twice_late(self: Faulty, body: bytes) -> None:
    self.accept(body)
    self.say(b"250 2.0.0 queued")
    time.sleep(0.05)
    self.say(b"250 2.0.0 queued, I said")


def _endless(self: Faulty, _body: bytes) -> None:
    while True:
        self.say(b"250-and another thing\r\n" * 100, end=b"")


def _long_line(self: Faulty, _body: bytes) -> None:
    self.say(b"250 " + b"x" * 10_000_000)


def _drip(self: Faulty, body: bytes) -> None:
    self.accept(body)
    for byte in b"250 2.0.0 queued, but it takes a while to say so\r\n":
        self.say(bytes([byte]), end=b"")
        time.sleep(0.2)


def _garbage(self: Faulty, _body: bytes) -> None:
    self.say(b"\x00\xff\xfe no reply \x80")


def _odd_codes(self: Faulty, _body: bytes) -> None:
    self.say(b"354 go on, once more")


_striking("dot_answered_twice", "dot", _twice)
_striking("dot_answered_twice_late", "dot", _twice_late)
_striking("endless_reply", "dot", _endless)
_striking("ten_megabyte_line", "dot", _long_line)
_striking("byte_by_byte_slowly", "dot", _drip)
_striking("garbage_to_dot", "dot", _garbage)
_striking("354_to_dot", "dot", _odd_codes)
_answering("250_to_data", "data", b"250 2.0.0 ok")


@fault
class split_replies(Faulty):  # noqa: N801
    def say(self, text: bytes, end: bytes = b"\r\n") -> None:
        for byte in text + end:
            self.socket.sendall(bytes([byte]))


@fault
class replies_out_of_order(Faulty):  # noqa: N801
    def mail(self, argument: str) -> None:
        if not self.server.strikes():
            super().mail(argument)
            return
        self.line()
        self.line()
        self.say(b"354 go on\r\n250 2.1.5 ok\r\n250 2.1.0 ok")


# PIPELINING promised and not kept


@fault
class pipelining_forgets(Faulty):  # noqa: N801
    """Throws away what came in the same packet as a command."""

    def line(self) -> bytes:
        line = super().line()
        if line.upper().startswith(b"MAIL") and self.buffer and self.server.strikes():
            self.drain()
        return line


@fault
class pipelining_refused(Faulty):  # noqa: N801
    """Takes several commands in one packet for an attack."""

    def mail(self, argument: str) -> None:
        if self.buffer and self.server.strikes():
            self.drain()
            self.say(b"250 2.1.0 ok\r\n503 5.5.0 improper pipelining")
            raise HangupError
        super().mail(argument)
