"""An IMAP server that holds messages and misbehaves as told, for faults that a real one does not show."""

from __future__ import annotations

import base64
import re
import socketserver
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Script:
    """What the server holds and says. Faults: by command, the bytes that it answers instead."""

    messages: dict[int, bytes] = field(default_factory=dict)
    validity: int = 1
    capabilities: str = "IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS"
    faults: dict[str, bytes] = field(default_factory=dict)
    token: str = ""  # that is taken; empty: logins are by password, and all are taken
    moved: dict[str, list[int]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # commands that came


class _Conversation(socketserver.StreamRequestHandler):
    server: ScriptedImapServer

    def handle(self) -> None:
        script = self.server.script
        self._say(f"* OK [CAPABILITY {script.capabilities}] ready")
        while line := self.rfile.readline():
            tag, _, rest = line.decode("utf-8", "replace").rstrip("\r\n").partition(" ")
            name = " ".join(rest.split()[: 2 if rest.upper().startswith("UID") else 1]).upper()
            script.said.append(rest)
            if name in script.faults:
                self.wfile.write(script.faults[name].replace(b"TAG", tag.encode()))
                if script.faults[name] == b"":
                    return
                continue
            if self._answer(tag, name, rest, script):
                return

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _answer(self, tag: str, name: str, rest: str, script: Script) -> bool:
        uid = int(found[1]) if (found := re.match(r"UID \w+ (\d+)", rest, re.IGNORECASE)) else 0
        if name == "CAPABILITY":
            self._say(f"* CAPABILITY {script.capabilities}")
        elif name == "AUTHENTICATE":
            return self._authenticate(tag, script)
        elif name == "SELECT":
            self._say(f"* {len(script.messages)} EXISTS")
            self._say(f"* OK [UIDVALIDITY {script.validity}] valid")
        elif name == "UID SEARCH":
            first = int(re.search(r"UID (\d+):", rest[4:])[1])  # type: ignore[index]
            found_uids = [each for each in script.messages if each >= first]
            last = max(script.messages, default=None)  # RFC 9051, 6.4.9: * is the last message
            uids = sorted({*found_uids, *([last] if last is not None else [])})
            self._say("* SEARCH " + " ".join(map(str, uids)))
        elif name == "UID FETCH" and uid in script.messages:
            data = script.messages[uid]
            self.wfile.write(b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n" % (uid, len(data)) + data + b")\r\n")
        elif name == "UID MOVE":
            script.moved.setdefault(rest.split(None, 3)[3], []).append(uid)
            script.messages.pop(uid, None)
        elif name == "UID EXPUNGE":
            script.messages.pop(uid, None)
        elif name == "LOGOUT":
            self._say("* BYE")
            self._say(f"{tag} OK done")
            return True
        self._say(f"{tag} OK done")
        return False

    def _authenticate(self, tag: str, script: Script) -> bool:
        self._say("+ ")
        given = base64.b64decode(self.rfile.readline()).decode()
        if script.token and f"auth=Bearer {script.token}\x01" not in given:
            self._say("+ " + base64.b64encode(b'{"status":"400"}').decode())
            self.rfile.readline()
            self._say(f"{tag} NO AUTHENTICATE failed.")
        else:
            self._say(f"{tag} OK logged in")
        return False


class ScriptedImapServer(socketserver.ThreadingTCPServer):
    """A server on a free port of this machine, without encryption."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.script = script
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> ScriptedImapServer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
