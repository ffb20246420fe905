"""An SMTP server of our own on real sockets that records what it accepted. It misbehaves nowhere.

`Conversation` is one connection's talk, a method per step, for `misbehaving` to get wrong.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Check = Callable[[str], bytes | None]  # a recipient's address to a refusal, or None


class HangupError(Exception):
    """The server ends the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMail:
    """A message for which the server took responsibility."""

    sender: str
    recipient: str
    data: bytes  # dot-unstuffed
    connection: int  # the how-many-eth connection, from 1
    mail_line: str
    rcpt_line: str


@dataclass(slots=True, kw_only=True)
class ServerRules:
    """What the server offers and asks for."""

    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 10485760", "ENHANCEDSTATUSCODES", "8BITMIME")
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    login: tuple[str, str] | None = None
    mechanisms: str = "PLAIN LOGIN CRAM-MD5"
    refuse: Check = lambda _address: None
    refuse_sender: bytes | None = None  # the answer to every MAIL
    refuse_content: Check = lambda _address: None  # the answer to the final dot
    delay: float = 0.0  # seconds before each dot is answered


class Conversation:
    """One connection's talk, well-behaved."""

    def __init__(self, server: RecordingServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.rules = server.rules
        self.socket: socket.socket = sock
        self.number = number
        self.buffer = b""
        self.encrypted = False
        self.logged_in = False
        self.sender: str | None = None
        self.recipient: str | None = None
        self.mail_line = self.rcpt_line = ""
        self.mails = 0

    def run(self) -> None:
        if self.rules.implicit_tls:
            self.encrypt()
        self.greet()
        while True:
            self.command(self.line())

    # steps

    def greet(self) -> None:
        self.say(b"220 mx.example ESMTP")

    def command(self, line: bytes) -> None:
        verb, _, argument = line.decode("utf-8", "replace").partition(" ")
        step = {
            "EHLO": self.ehlo,
            "HELO": self.helo,
            "STARTTLS": self.starttls,
            "AUTH": self.auth,
            "MAIL": self.mail,
            "RCPT": self.rcpt,
            "DATA": self.data,
            "RSET": self.rset,
            "QUIT": self.quit,
        }.get(verb.upper())
        if step is None:
            self.say(b"500 5.5.2 what?")
        else:
            step(argument)

    def ehlo(self, argument: str) -> None:
        self.server.introductions.append(argument)
        words = ["mx.example", *self.offer()]
        lines = [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]
        self.say("\r\n".join(lines).encode())

    def offer(self) -> list[str]:
        words = list(self.rules.extensions)
        if self.rules.tls and not self.encrypted:
            words.append("STARTTLS")
        if self.rules.login and (self.encrypted or not self.rules.tls):
            words.append(f"AUTH {self.rules.mechanisms}")
        return words

    def helo(self, _argument: str) -> None:
        self.say(b"250 mx.example")

    def starttls(self, _argument: str) -> None:
        self.say(b"220 2.0.0 go ahead")
        self.encrypt()

    def auth(self, argument: str) -> None:
        mechanism, _, token = argument.partition(" ")
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(token).decode().split("\0")
        elif mechanism == "LOGIN":
            self.say(b"334 " + base64.b64encode(b"Username:"))
            user = base64.b64decode(self.line()).decode()
            self.say(b"334 " + base64.b64encode(b"Password:"))
            password = base64.b64decode(self.line()).decode()
        else:
            import hmac

            self.say(b"334 " + base64.b64encode(b"<1@mx.example>"))
            user, _, digest = base64.b64decode(self.line()).decode().partition(" ")
            assert self.rules.login is not None
            right = hmac.new(self.rules.login[1].encode(), b"<1@mx.example>", "md5").hexdigest()
            password = self.rules.login[1] if digest == right else ""
        self.logged_in = (user, password) == self.rules.login
        self.server.logins.append((mechanism, self.encrypted))
        self.say(b"235 2.7.0 welcome" if self.logged_in else b"535 5.7.8 no")

    def mail(self, argument: str) -> None:
        if self.rules.login and not self.logged_in:
            self.say(b"530 5.7.0 log in first")
            return
        if self.sender is not None:
            self.say(b"503 5.5.1 nested MAIL")
            return
        if self.rules.refuse_sender is not None:
            self.say(self.rules.refuse_sender)
            return
        self.sender = argument.partition("<")[2].partition(">")[0]
        self.mail_line = argument
        self.say(b"250 2.1.0 ok")

    def rcpt(self, argument: str) -> None:
        if self.sender is None:
            self.say(b"503 5.5.1 need MAIL")
            return
        address = argument.partition("<")[2].partition(">")[0]
        refusal = self.rules.refuse(address)
        if refusal is None:
            self.recipient = address
            self.rcpt_line = argument
        self.say(refusal or b"250 2.1.5 ok")

    def data(self, _argument: str) -> None:
        if self.recipient is None:
            self.say(b"503 5.5.1 need RCPT")
            return
        self.say(b"354 go on")
        body = self.body()
        self.dot(body)
        self.sender = self.recipient = None

    def dot(self, body: bytes) -> None:
        if self.rules.delay:
            time.sleep(self.rules.delay)
        refusal = self.rules.refuse_content(self.recipient or "")
        if refusal is not None:
            self.say(refusal)
            return
        self.accept(body)
        self.say(b"250 2.0.0 queued as %d" % len(self.server.accepted))

    def rset(self, _argument: str) -> None:
        self.sender = self.recipient = None
        self.say(b"250 2.0.0 ok")

    def quit(self, _argument: str) -> None:
        self.say(b"221 2.0.0 bye")
        raise HangupError

    # tools

    def accept(self, body: bytes) -> None:
        assert self.sender is not None
        assert self.recipient is not None
        self.mails += 1
        self.server.accepted.append(
            AcceptedMail(
                sender=self.sender,
                recipient=self.recipient,
                data=body,
                connection=self.number,
                mail_line=self.mail_line,
                rcpt_line=self.rcpt_line,
            )
        )

    def say(self, text: bytes, end: bytes = b"\r\n") -> None:
        self.socket.sendall(text + end)

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        self.server.lines.append(line)
        return line

    def body(self) -> bytes:
        if not self.buffer:
            self.more()
        if self.buffer.startswith(b".\r\n"):
            self.buffer = self.buffer[3:]
            return b""
        parts = [self.buffer]
        while b"\r\n.\r\n" not in b"".join(parts[-2:])[-70_000:]:
            data = self.socket.recv(65536)
            if not data:
                raise HangupError
            parts.append(data)
        body, _, self.buffer = b"".join(parts).partition(b"\r\n.\r\n")
        body += b"\r\n"
        if body.startswith(b"."):
            body = body[1:]
        return body.replace(b"\r\n.", b"\r\n")

    def more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise HangupError
        self.buffer += data

    def encrypt(self) -> None:
        assert self.rules.tls is not None
        self.socket = self.rules.tls.wrap_socket(self.socket, server_side=True)
        self.server.keep(self.socket)
        self.buffer = b""  # RFC 3207 4.2
        self.encrypted = True
        self.sender = self.recipient = None

    def reset(self) -> None:
        """End with a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise HangupError


@dataclass(slots=True)
class RecordingServer:
    """Accepts everything that `rules` do not refuse, and remembers it."""

    rules: ServerRules = field(default_factory=ServerRules)
    conversation: type[Conversation] = Conversation
    accepted: list[AcceptedMail] = field(default_factory=list)
    logins: list[tuple[str, bool]] = field(default_factory=list)  # (mechanism, whether encrypted)
    introductions: list[str] = field(default_factory=list)  # what clients called themselves
    lines: list[bytes] = field(default_factory=list)  # every command line
    connections: int = 0
    port: int = 0  # to listen on; 0 takes a free one
    _listener: socket.socket = field(init=False)
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> RecordingServer:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def keep(self, sock: socket.socket) -> None:
        """Close `sock`, too, when the server ends: encryption puts a new one in the place of the old."""
        self._open.append(sock)

    def recipients(self) -> list[str]:
        """To whom, in the order of acceptance."""
        return [mail.recipient for mail in self.accepted]

    def pick(self) -> type[Conversation]:
        """How the next connection goes."""
        return self.conversation

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(sock)
            threading.Thread(target=self._talk, args=(sock, number), daemon=True).start()

    def _talk(self, sock: socket.socket, number: int) -> None:
        conversation = self.pick()(self, sock, number)
        # The client may vanish at any moment: that is what the tests are about.
        with contextlib.suppress(HangupError, OSError, ValueError):
            conversation.run()
        with contextlib.suppress(OSError):
            conversation.socket.close()
        with contextlib.suppress(ValueError):
            self._open.remove(sock)
