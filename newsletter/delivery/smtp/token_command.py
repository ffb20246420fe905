"""Runs a program that prints an access token.

It keeps no token. The program gets no input, and its errors are quoted without what looks like a secret.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field

from newsletter.delivery.smtp.access_tokens import AccessToken, AccessTokenError
from newsletter.delivery.smtp.redaction import without_secrets, without_tokens
from newsletter.delivery.smtp.replies import printable

TIME_LIMIT = 30.0  # seconds
GOOD_FOR = 300.0  # seconds until it is run again: it does not say how long its token is good
MAX_OUTPUT = 65_536  # bytes
MAX_QUOTED = 300  # characters of its stderr, from the end
HINT = "Run the command by hand, as the user that sends; it must print the token alone."


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCommand:
    """A program and its arguments, or a line for the shell."""

    command: str | tuple[str, ...] = field(repr=False)  # arguments may be secrets
    time_limit: float = TIME_LIMIT

    def fetch(self) -> AccessToken:
        """Run it once. Raises AccessTokenError that says what went wrong, without the token."""
        try:
            code, out, err = self._run()
        except (OSError, ValueError) as error:  # ValueError: a null character
            words = os.strerror(error.errno or 0) if isinstance(error, OSError) else "an impossible name"
            raise AccessTokenError(f"token_command cannot be run: {words}", hint=HINT) from None
        said = _quoted(err, out)
        if code != 0:
            ended = f"ended with code {code}" if code > 0 else f"was ended by signal {-code}"
            raise AccessTokenError(f"token_command {ended}{said}", hint=HINT)
        try:
            text = out.decode("ascii").strip()
        except UnicodeDecodeError:
            raise AccessTokenError(
                f"token_command prints something that is no text{said}", hint=HINT
            ) from None
        if not text:
            raise AccessTokenError(f"token_command prints nothing{said}", hint=HINT)
        if "\n" in text:
            lines = len(text.splitlines())
            raise AccessTokenError(f"token_command prints {lines} lines instead of one{said}", hint=HINT)
        try:
            return AccessToken(text=text, seconds=GOOD_FOR)
        except AccessTokenError as error:
            raise AccessTokenError(f"token_command: {error.message}", hint=HINT) from None

    def _run(self) -> tuple[int, bytes, bytes]:
        with subprocess.Popen(  # noqa: S603  (the admin's own command)
            self.command,
            shell=isinstance(self.command, str),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that what it starts can be ended with it
        ) as process:
            try:
                out, err = _read(process, deadline=time.monotonic() + self.time_limit)
            except AccessTokenError:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
            return process.wait(), out, err


def _read(process: subprocess.Popen[bytes], *, deadline: float) -> tuple[bytes, bytes]:
    """What it prints until it ends. Raises AccessTokenError when it prints too much, or takes too long.

    What it leaves running behind it may keep its output open, and is not waited for.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        ended = False
        while not ended or selector.get_map():
            if time.monotonic() >= deadline:
                raise AccessTokenError(
                    f"token_command does not end in time{_quoted(bytes(err), out)}", hint=HINT
                )
            ready = selector.select(0.0 if ended else 0.1) if selector.get_map() else []
            for key, _ in ready:
                data = os.read(key.fd, MAX_OUTPUT)
                if not data:
                    selector.unregister(key.fileobj)
                key.data.extend(data)
                del err[:-MAX_OUTPUT]
                if len(out) > MAX_OUTPUT:
                    raise AccessTokenError("token_command prints without end", hint=HINT)
            if ended and not ready:
                break
            if not selector.get_map():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            ended = process.poll() is not None
    return bytes(out), bytes(err)


def _quoted(err: bytes, out: bytes | bytearray) -> str:
    """Its stderr as the end of a sentence: one line, and nothing that it printed as a token."""
    printed = bytes(out).decode("utf-8", "replace").split()
    text = without_tokens(without_secrets(printable(err[-2 * MAX_QUOTED :]), printed))
    return f": {text[-MAX_QUOTED:]}" if text else ""
