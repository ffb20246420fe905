"""An SMTP server that accepts every message, and answers each command after a while. Stores nothing.

python benchmarks/slow_sink.py 20        20 ms; prints its port
"""

from __future__ import annotations

import asyncio
import sys

END = b"\r\n.\r\n"


class SlowSession(asyncio.Protocol):
    """One connection: commands may come pipelined; each answer waits."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._rest = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._answer(b"220 slow ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        answers = b""
        while True:
            if self._in_data:
                _, found, after = self._rest.partition(END)
                if not found:
                    self._rest = self._rest[-len(END) :] if len(self._rest) > len(END) else self._rest
                    break
                self._rest, self._in_data = after, False
                answers += b"250 2.0.0 taken\r\n"
                continue
            line, found, after = self._rest.partition(b"\r\n")
            if not found:
                break
            self._rest = after
            verb = line[:4].upper()
            if verb == b"DATA":
                self._in_data = True
                self._rest = b"\r\n" + self._rest  # so that an empty message ends, too
            answers += {
                b"EHLO": b"250-slow\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
                b"DATA": b"354 go on\r\n",
                b"QUIT": b"221 2.0.0 bye\r\n",
            }.get(verb, b"250 2.0.0 good\r\n")
        if answers:
            self._answer(answers)

    def _answer(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._delay, self._write, data)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def main(delay: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: SlowSession(delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000))
