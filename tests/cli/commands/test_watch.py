"""`newsletter watch --json` is a list; each alarm says what, since when, and which command mends it."""

from __future__ import annotations

from newsletter import samples
from tests.cli.shell import Shell


def test_json_is_a_list_of_alarms(shell: Shell) -> None:
    assert shell("watch", "--json").json == []
    shell.settings("hold = 60\n")
    shell.ok("ingest", str(samples.dumps()[0]), "--at", "2026-04-13T06:00")
    shell.ok("editions", "publish", "--at", "2026-04-13T06:01")
    shell.ok("editions", "hold", "1")
    answer = shell("watch", "--json", "--at", "2026-04-13T06:30")
    [alarm] = [row for row in answer.json if row["alarm"]]
    assert answer.code == 1
    assert alarm["what"].startswith("edition 1 is held")
    assert alarm["since"].startswith("2026-04-13T06:30")
    assert alarm["command"] == "newsletter editions release 1"
