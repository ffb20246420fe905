"""Listens for messages over LMTP (RFC 2033), for a mail server on the same machine that has many bounces.

It answers 250 for a recipient when the message is stored, else 451, and then the mail server keeps it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP

from newsletter.core.errors import NewsletterError
from newsletter.inbound.intakes.intake import Take
from newsletter.inbound.limits import MOST_BYTES

INTERVAL = 5.0  # seconds between two looks whether it still listens
MOST_DATA = 10_240_000  # bytes of a message: Postfix's own bound, unless it is told another
LONGEST_LINE = 500_000  # bytes; reports quote lines beyond the 998 of RFC 5322
MOST_RECIPIENTS = 100  # of a message
MOST_CONNECTIONS = 20  # Postfix opens that many to one destination
SILENCE = 120.0  # seconds after which a silent connection is closed

log = logging.getLogger("newsletter.inbound")


@dataclass(frozen=True, slots=True)
class LmtpAddress:
    """Where to listen: a path of a socket, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def of(cls, text: str) -> LmtpAddress:
        """The address of a text such as `/run/newsletter/lmtp`, `127.0.0.1:8024` or `[::1]:8024`."""
        if text.startswith("/"):
            return cls(path=text)
        host, _, port = text.rpartition(":")
        return cls(host=host.strip("[]"), port=int(port))

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


class LmtpIntake:
    """A listener, which the first step starts."""

    name = "lmtp"
    interval = INTERVAL

    def __init__(self, address: LmtpAddress, *, take: Take) -> None:
        self._address = address
        self._take = take
        self._listener: _Listener | None = None

    def step(self) -> bool:
        """Listen, if it does not yet. Raises NewsletterError when the address cannot be listened on."""
        if self._listener is not None:
            return False
        try:
            self._listener = _Listener(self._address, self._take)
        except OSError as error:
            number = error.errno or 0  # negative when the host name cannot be resolved
            reason = os.strerror(number) if number > 0 else error.strerror
            raise NewsletterError(
                f"cannot listen for LMTP on {self._address}: {reason}",
                hint="Stop what uses it, or choose another: inbound.lmtp.address.",
            ) from error
        log.info("listening for LMTP address=%s", self._address)
        return False

    def close(self) -> None:
        """Stop listening. A message whose end was not answered is sent again by its mail server."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class _Listener:
    """A thread with the event loop of all connections."""

    def __init__(self, address: LmtpAddress, take: Take) -> None:
        """Raises OSError when it cannot listen."""
        self._loop = asyncio.new_event_loop()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="lmtp")
        handler = _Handler(take, self._workers)
        try:
            self._server = self._loop.run_until_complete(_listen(address, handler, self._loop))
        except OSError:
            self._loop.close()
            raise
        self._thread = threading.Thread(target=self._run, name="lmtp", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the connections, and wait for messages that are being stored."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._workers.shutdown(wait=True)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # connections end in the loop's next round


async def _listen(
    address: LmtpAddress, handler: _Handler, loop: asyncio.AbstractEventLoop
) -> asyncio.AbstractServer:
    def protocol() -> _Protocol:
        return _Protocol(
            handler,
            data_size_limit=MOST_DATA,
            enable_SMTPUTF8=True,
            hostname="newsletter",
            ident="newsletter",
            timeout=SILENCE,
            loop=loop,
        )

    if not address.path:
        return await loop.create_server(protocol, address.host, address.port)
    server = await loop.create_unix_server(protocol, address.path)
    Path(address.path).chmod(0o666)  # who may reach it, its folder says
    return server


class _Handler:
    """Answers recipients and messages of all connections."""

    def __init__(self, take: Take, workers: ThreadPoolExecutor) -> None:
        self._take = take
        self._workers = workers
        self.connections = 0

    async def handle_RCPT(  # noqa: N802  (the library's name)
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        data, sender = bytes(envelope.content[:MOST_BYTES]), (envelope.mail_from or "").strip("<>")
        loop = asyncio.get_running_loop()
        answers = []
        for recipient in envelope.rcpt_tos:  # RFC 2033, 4.2: a reply for each
            answers.append(await loop.run_in_executor(self._workers, self._taken, data, recipient, sender))
        return "\r\n".join(answers)

    def _taken(self, data: bytes, recipient: str, sender: str) -> str:
        try:
            self._take(data, recipient=recipient, source=LmtpIntake.name, sender=sender)
        except NewsletterError as error:
            log.warning("a message by LMTP waits with its mail server why=%r", error.message)
            return "451 4.3.0 It cannot be stored now; keep it"
        except Exception:  # one message with an unforeseen fault must not stop the others
            log.exception("message by LMTP could not be taken")
            return "451 4.3.0 It cannot be stored now; keep it"
        return "250 2.0.0 Stored"


class _Protocol(LMTP):
    """The library's LMTP, with long lines, a bound of connections, and a reply for each recipient."""

    line_length_limit = LONGEST_LINE
    _recipients = 0  # of the message whose data is read

    def connection_made(self, transport: Any) -> None:
        self.event_handler.connections += 1
        super().connection_made(transport)
        if self.event_handler.connections > MOST_CONNECTIONS:
            transport.write(b"421 4.3.2 Too many connections\r\n")
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.connections -= 1
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        self._recipients = len(self.envelope.rcpt_tos) if self.envelope is not None else 0
        try:
            await super().smtp_DATA(arg)
        finally:
            self._recipients = 0

    async def push(self, status: AnyStr) -> None:
        # The library refuses data that is too large with one reply, whatever the number of recipients.
        if isinstance(status, str) and status.startswith(("500 Line", "552 ")):
            await super().push("\r\n".join([status] * max(1, self._recipients)))
        else:
            await super().push(status)
