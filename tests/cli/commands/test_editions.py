"""An edition whose first mails are refused, as an admin sees it: held, reported, released, mailed."""

from __future__ import annotations

import json
from pathlib import Path

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.recording import RecordingServer, ServerRules

READERS = 30


def _settings(shell: Shell, port: int) -> None:
    shell.settings(
        f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        "[review]\npause_after = 20\npause_share = 0.25\n"
    )


def test_edition_that_is_refused_is_held_reported_and_sent_after_its_release(
    shell: Shell, tmp_path: Path
) -> None:
    refusal: list[bytes | None] = [b"554 5.7.1 spam, surely"]
    with RecordingServer(ServerRules(refuse_content=lambda _address: refusal[0])) as server:
        _settings(shell, server.port)
        roster = tmp_path / "roster.csv"
        rows = [f"r{n}@d{n}.example,circuits" for n in range(READERS)]
        roster.write_text("\n".join(["email,topics", *rows]), "utf-8")
        shell.ok("subscribers", "import", str(roster), "--confirmed", "--at", "2026-04-12T12:00")
        shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
        answer = shell("send", "--json", "--at", "2026-04-13T07:00")
        assert (answer.code, answer.json["held"], answer.json["sent"]) == (3, [1], 0)
        assert "Warning: edition 1 is held, " in answer.stderr
        assert "`newsletter editions release 1` goes on with the mails that wait." in answer.stderr
        (row,) = shell.ok("editions", "list", "--json").json
        assert row["held"] is True
        assert row["held_because"].endswith("× 554 5.7.1 spam, surely")
        for words in (("list",), ("show", "1")):
            assert row["held_because"] in shell.ok("editions", *words).stdout
        answer = shell("watch", "--quietly", "--json", "--at", "2026-04-13T07:30")
        alarm = next(alarm for alarm in answer.json if alarm["key"] == "edition 1")
        assert alarm["words"] == f"edition 1 was held by itself: {row['held_because']}"
        assert alarm["hint"].endswith("`newsletter editions release 1` goes on with the mails that wait.")
        refusal[0] = None
        assert json.loads(shell.ok("send", "--json", "--at", "2026-04-13T07:45").stdout)["sent"] == 0
        assert (
            shell.ok("editions", "release", "1", "--at", "2026-04-13T08:00", "--json").json["held"] is False
        )
        assert shell.ok("send", "--json", "--at", "2026-04-13T08:00").json["sent"] == READERS
        assert len(set(server.recipients())) == len(server.accepted) == READERS
    assert "edition 1" not in shell("watch", "--quietly", "--at", "2026-04-13T08:01").stdout
    shell.ok("audit", "--at", "2026-04-13T08:01")
