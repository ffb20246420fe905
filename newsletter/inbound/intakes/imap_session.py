"""Speaks IMAP (RFC 9051, RFC 3501) for one look into one folder, by the standard library's client.

It keeps nothing between two looks, and decides nothing.
"""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from newsletter.core.errors import NewsletterError
from newsletter.inbound.limits import MOST_BYTES

TIME_LIMIT = 30.0  # seconds that the server may be silent
MOST_WORDS = 200  # characters of the server's words that are quoted


class LoginTokens(Protocol):
    """The access tokens of a login, as those of a mail server."""

    newest: str

    def wait(self) -> None:
        """Return when a token is at hand. Raises NewsletterError."""

    def renew(self, refused: str) -> bool:
        """A server refused this token: whether a new one is worth a try."""

    def accepted(self) -> None:
        """A server took the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapMailbox:
    """A mailbox, and how to get in."""

    host: str
    port: int
    security: str  # tls, starttls or none
    username: str
    password: str = field(default="", repr=False)
    tokens: LoginTokens | None = field(default=None, repr=False)
    folder: str = "INBOX"
    ca_file: str | None = None


class ImapError(NewsletterError):
    """The mailbox cannot be read now. Neither message nor hint holds a secret."""


class ImapSession:
    """A folder that is open, until the end of `opened`."""

    def __init__(self, client: imaplib.IMAP4, validity: int) -> None:
        self.validity = validity  # UIDVALIDITY: another one makes all UIDs new (RFC 9051, 2.3.1.1)
        self._client = client

    def uids_after(self, last: int) -> list[int]:
        """The UIDs of all messages above `last`, ascending."""
        data = self._call("SEARCH", f"UID {last + 1}:*")
        found = {int(each) for line in data if line for each in line.split() if each.isdigit()}
        return sorted(uid for uid in found if uid > last)  # the last message is always in such a range

    def read(self, uid: int) -> bytes | None:
        """The beginning of a message, without marking it as seen; None when it is gone."""
        data = self._call("FETCH", str(uid), f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
        return next((bytes(each[1])[:MOST_BYTES] for each in data if isinstance(each, tuple)), None)

    def mark_seen(self, uid: int) -> None:
        """Mark a message as seen."""
        self._call("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")

    def delete(self, uid: int) -> None:
        r"""Delete a message. Where the server cannot expunge one alone, it stays marked as \Deleted."""
        self._call("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen \Deleted)")
        if "UIDPLUS" in self._client.capabilities:
            self._call("EXPUNGE", str(uid))

    def move(self, uid: int, folder: str) -> None:
        """Move a message to another folder, which must exist."""
        if "MOVE" in self._client.capabilities:
            self._call("MOVE", str(uid), quoted(folder))
        else:
            self._call("COPY", str(uid), quoted(folder))
            self.delete(uid)

    def _call(self, command: str, *arguments: str) -> list[Any]:
        answer, data = self._client.uid(command, *arguments)
        if answer != "OK":
            raise imaplib.IMAP4.error(f"{command}: {_words(data)}")
        return data


@contextmanager
def opened(mailbox: ImapMailbox) -> Iterator[ImapSession]:
    """Log in and open the folder. Raises ImapError, also for what goes wrong inside."""
    at = f"{mailbox.host}:{mailbox.port}"
    client: imaplib.IMAP4 | None = None
    try:
        client = _connect(mailbox)
        _log_in(client, mailbox)
        answer, data = client.select(quoted(mailbox.folder))
        if answer != "OK":
            raise ImapError(
                f"the folder {mailbox.folder!r} of {mailbox.username} at {at} cannot be opened: "
                f"{_words(data)}",
                hint="Check inbound.imap.folder.",
            )
        validity = client.response("UIDVALIDITY")[1][0]
        yield ImapSession(client, int(validity) if validity else 0)
    except imaplib.IMAP4.error as error:
        raise ImapError(
            f"the mailbox at {at} cannot be read: {_words(error.args)}",
            hint="It is tried again; `newsletter doctor` tries it at once.",
        ) from error
    except (OSError, ValueError, EOFError) as error:
        words = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise ImapError(
            f"the IMAP server {at} cannot be used: {words[:MOST_WORDS]}",
            hint="Check inbound.imap.host, port and security; it is tried again.",
        ) from error
    finally:
        if client is not None:
            with suppress(Exception):  # also a server that answers oddly or not at all
                client.logout()
            with suppress(Exception):
                client.shutdown()


def _connect(mailbox: ImapMailbox) -> imaplib.IMAP4:
    if mailbox.security == "none":
        return imaplib.IMAP4(mailbox.host, mailbox.port, timeout=TIME_LIMIT)
    try:
        context = ssl.create_default_context(cafile=mailbox.ca_file)
    except OSError as error:
        raise ImapError(
            f"inbound.imap.ca_file cannot be read: {mailbox.ca_file}", hint="Name a file of PEM certificates."
        ) from error
    if mailbox.security == "tls":
        return imaplib.IMAP4_SSL(mailbox.host, mailbox.port, ssl_context=context, timeout=TIME_LIMIT)
    client = imaplib.IMAP4(mailbox.host, mailbox.port, timeout=TIME_LIMIT)
    try:
        client.starttls(context)
    except BaseException:
        client.shutdown()
        raise
    return client


def _log_in(client: imaplib.IMAP4, mailbox: ImapMailbox) -> None:
    """Raises ImapError when the login is refused."""
    try:
        if mailbox.tokens is not None:
            _log_in_by_token(client, mailbox.username, mailbox.tokens)
        elif "AUTH=PLAIN" in client.capabilities:
            said = f"\0{mailbox.username}\0{mailbox.password}".encode()  # RFC 4616
            client.authenticate("PLAIN", lambda _: said)
        else:
            client.login(mailbox.username, mailbox.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        what = "access token" if mailbox.tokens is not None else "password"
        raise ImapError(
            f"{mailbox.host} refuses the login of {mailbox.username}: {_words(error.args, mailbox.password)}",
            hint=f"Check inbound.imap.username and its {what}.",
        ) from None
    # What the server can do may be more now (RFC 9051, 6.2.2).
    answer, data = client.capability()
    if answer == "OK" and data and data[0]:
        client.capabilities = tuple(data[0].decode("ascii", "replace").upper().split())


def _log_in_by_token(client: imaplib.IMAP4, username: str, tokens: LoginTokens) -> None:
    tokens.wait()
    token = tokens.newest
    if "AUTH=OAUTHBEARER" in client.capabilities and "AUTH=XOAUTH2" not in client.capabilities:
        name, said = "OAUTHBEARER", f"n,a={username},\x01auth=Bearer {token}\x01\x01"  # RFC 7628, 3.1
    else:
        name, said = "XOAUTH2", f"user={username}\x01auth=Bearer {token}\x01\x01"
    answers = [said.encode()]
    try:
        # A server that refuses says why as a challenge, which wants an answer.
        client.authenticate(name, lambda _: answers.pop() if answers else b"\x01")
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        tokens.renew(token)  # the next look has a new one
        raise
    tokens.accepted()


def quoted(folder: str) -> str:
    """The name of a folder as a quoted string in modified UTF-7 (RFC 3501, 5.1.3)."""
    parts = [
        part.replace("&", "&-") if part.isascii() else f"&{_base64(part)}-"
        for part in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", folder)
    ]
    escaped = "".join(parts).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _base64(part: str) -> str:
    return base64.b64encode(part.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")


def _words(data: Any, secret: str = "") -> str:
    """What a server said, on one line, printable."""
    given = data if isinstance(data, list | tuple) else [data]
    text = " ".join(
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in given
    )
    text = "".join(c if c.isprintable() else " " for c in text)
    if secret:
        text = text.replace(secret, "…")
    return " ".join(text.split())[:MOST_WORDS]
