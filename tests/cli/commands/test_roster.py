"""Rosters from a shell: dry runs, messages about odd files, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import CommandResult, Shell

ADA = "ada@readers.example"


def roster(tmp_path: Path, content: str | bytes, name: str = "roster.csv") -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def report(answer: CommandResult) -> tuple[int, list[str], list[str]]:
    return answer.code, answer.stdout.splitlines(), answer.stderr.splitlines()


def test_dry_run_shows_what_would_change_and_stores_nothing(shell: Shell, tmp_path: Path) -> None:
    shell.ok("subscribers", "add", ADA, "--topic", "quantum", "--confirmed", "--at", "2026-04-10")
    path = roster(
        tmp_path,
        "email,name,topics,hour,state,paused_until,Phone\n"
        f"{ADA},Ada,circuits,9,,2026-06-01,1\n"
        "bob@readers.example,Bob,quantum,,,2026-06-01,\n"
        "cyd@readers.example,,,,unsubscribed,,\n"
        "nobody,,,,,,\n",
    )
    before = shell.ok("subscribers", "list", "--json").json
    answer = shell("subscribers", "import", path, "--confirmed", "--dry-run", "--at", "2026-04-11")
    assert report(answer) == (
        3,
        [
            f"~ row 2  {ADA}: topics quantum → circuits, quantum; name none → Ada; hour 7 → 9; "
            "paused until none → 2026-06-01T00:00:00+00:00",
            "+ row 3  bob@readers.example: Bob, confirmed, quantum, daily at 7:00 UTC, "
            "paused until 2026-06-01T00:00:00+00:00",
            "+ row 4  cyd@readers.example: unsubscribed, no topic, daily at 7:00 UTC",
            "2 added, 1 updated, 0 unchanged, 1 refused (nothing stored)",
        ],
        [
            "  row 5: 'nobody' is not an email address: It has no @-sign. "
            "Write it as ada@example.org or Ada Lovelace <ada@example.org>.",
            "1 of them gets no mail: 1 unsubscribed, since they left.",
            "Columns that are not read: Phone",
        ],
    )
    assert shell.ok("subscribers", "list", "--json").json == before


def test_import_of_a_list_for_one_topic(shell: Shell, tmp_path: Path) -> None:
    path = roster(tmp_path, f"Ada <{ADA}>\nbob@readers.example\n", "members.txt")
    assert report(shell("subscribers", "import", path, "--topic", "quantum", "--confirmed")) == (
        0,
        ["2 added, 0 updated, 0 unchanged, 0 refused"],
        ["Read as a list of addresses."],
    )
    assert [row["topics"] for row in shell.ok("subscribers", "list", "--json").json] == [["quantum"]] * 2
    assert report(shell("subscribers", "import", path, "--state", "unsubscribed")) == (
        0,
        [
            f"~ row 1  {ADA}: state confirmed → unsubscribed; topics quantum → none",
            "~ row 2  bob@readers.example: state confirmed → unsubscribed; topics quantum → none",
            "0 added, 2 updated, 0 unchanged, 0 refused",
        ],
        [
            "Read as a list of addresses.",
            "Nobody in that file was taken for more than unsubscribed.",
            "2 of them get no mail: 2 unsubscribed, since they left.",
        ],
    )
    assert shell("subscribers", "import", path, "--topic", "quantm").code == 1


def test_import_cannot_both_confirm_and_hold_back(shell: Shell, tmp_path: Path) -> None:
    answer = shell("subscribers", "import", roster(tmp_path, "email\n"), "--confirmed", "--state", "pending")
    assert answer.code == 2
    assert "--confirmed and --state pending contradict each other" in answer.stderr


def test_import_of_a_header_says_that_nobody_is_there(shell: Shell, tmp_path: Path) -> None:
    assert report(shell("subscribers", "import", roster(tmp_path, "email,name\n"))) == (
        0,
        ["0 added, 0 updated, 0 unchanged, 0 refused"],
        ["There is nobody in that file."],
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "roster.csv is empty"),
        (b"name\nAda\n", "roster.csv has no column email"),
        (b"email,email\n", "row 1: there are two columns 'email'"),
        (b"\x00\x01\x02\x03", "roster.csv is no text"),
        (b"PK\x03\x04", "roster.csv is a ZIP archive or an Excel workbook"),
    ],
)
def test_import_refuses_a_file_that_is_no_roster(
    shell: Shell, tmp_path: Path, content: bytes, message: str
) -> None:
    answer = shell("subscribers", "import", roster(tmp_path, content), "--json")
    assert answer.code == 1
    assert message in answer.stderr
    assert shell("subscribers", "import", str(tmp_path)).code == 1


def test_roster_moves_everybody_to_another_machine(shell: Shell, tmp_path: Path) -> None:
    add = ("subscribers", "add", "--confirmed", "--at", "2026-04-10")
    shell.ok(*add, ADA, "--topic", "quantum", "--text-only", "--minimum", "3", "--maximum", "9")
    shell.ok(*add, "=cmd <bob@readers.example>", "--cadence", "weekly", "--weekday", "friday")
    shell.ok(*add, "cyd@readers.example")
    shell.ok("subscribers", "pause", ADA, "--until", "2026-06-01", "--at", "2026-04-11")
    shell.ok("subscribers", "suppress", "cyd@readers.example", "--at", "2026-04-11")
    out, again = tmp_path / "out.csv", tmp_path / "again.csv"
    shell.ok("subscribers", "export", str(out))
    other = Shell(tmp_path / "other")
    other.ok("init")
    answer = other.ok("subscribers", "import", str(out), "--confirmed", "--at", "2026-07-01", "--json").json
    assert (answer["added"], answer["refused"]) == (3, [])
    other.ok("subscribers", "export", str(again))
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("extra", [(), ("--dry-run",), ("--confirmed",), ("--json",)])
def test_file_with_a_column_that_may_be_consent_is_refused_until_it_is_named(
    shell: Shell, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    path = roster(tmp_path, f"email,Zustimmung,Newsletter\n{ADA},nein,0\nbob@readers.example,ja,1\n")
    answer = shell("subscribers", "import", path, *extra)
    assert (answer.code, bool(answer.stdout)) == (1, extra == ("--json",))
    for part in ("'Zustimmung'", "'nein' and 'ja'", "'Newsletter'", "--ignore-column Zustimmung"):
        assert part in answer.stderr + answer.stdout
    assert shell("subscribers", "import", path, "--ignore-column", "zustimmung", *extra).code == 1
    named = ("--ignore-column", "Zustimmung", "--ignore-column", "NEWSLETTER")
    assert shell("subscribers", "import", path, *named, *extra).code == 0
    answer = shell("subscribers", "import", path, *named, "--ignore-column", "Phone", *extra)
    assert (answer.code, "there is no column 'Phone' to ignore" in answer.stderr + answer.stdout) == (1, True)


def test_import_says_how_many_rows_name_no_topic(shell: Shell, tmp_path: Path) -> None:
    path = roster(tmp_path, f"email,topics\n{ADA},\nbob@readers.example,quantum\ncyd@readers.example,\n")
    answer = shell("subscribers", "import", path, "--dry-run")
    assert "2 rows name no topic: these readers get everything." in answer.stderr
    assert shell("subscribers", "import", path, "--json").json["without_topics"] == 2
    assert shell.ok("subscribers", "import", path, "--json").json["without_topics"] == 0


def test_people_who_left_another_tool_are_not_confirmed_here(shell: Shell, tmp_path: Path) -> None:
    path = roster(
        tmp_path,
        "EMAIL;VORNAME;EMAIL_BLACKLISTED;ADDED_TIME;MODIFIED_TIME\n"
        f"{ADA};Ada;No;12-04-2022 09:30;\nbob@readers.example;Bob;Yes;12-04-2022 09:30;\n",
    )
    answer = shell("subscribers", "import", path, "--confirmed")
    assert (answer.code, "Read as a Brevo export." in answer.stderr) == (0, True)
    rows = shell.ok("subscribers", "list", "--json").json
    assert [(row["address"], row["state"]) for row in rows] == [
        (ADA, "confirmed"),
        ("bob@readers.example", "suppressed"),
    ]


def test_import_says_which_names_it_left_out(shell: Shell, tmp_path: Path) -> None:
    path = roster(tmp_path, f"email,name\n{ADA},Verify at http://x.example\n")
    answer = shell("subscribers", "import", path, "--topic", "quantum")
    assert "Names left out, since they hold a link or an address, with their rows: Verify at" in answer.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--confirmed",),
            "2 of them get no mail: 1 suppressed, since they bounced or "
            "must not be mailed; "
            "1 unsubscribed, since they left.",
        ),
        (
            (),
            "4 of them get no mail: 2 pending: --confirmed says that they agreed, `newsletter "
            "subscribers ask` asks them; 1 suppressed, since they bounced or must not be "
            "mailed; 1 unsubscribed, since they left.",
        ),
        (
            ("--state", "unsubscribed"),
            "4 of them get no mail: 1 suppressed, since they bounced or "
            "must not be mailed; "
            "3 unsubscribed, since they left.",
        ),
    ],
)
def test_import_says_who_gets_no_mail(
    shell: Shell, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    path = roster(
        tmp_path,
        "email,state\nada@readers.example,\nbob@readers.example,confirmed\n"
        "cyd@readers.example,unsubscribed\ndan@readers.example,suppressed\n",
    )
    for dry in (("--dry-run",), ()):
        assert said in shell.ok("subscribers", "import", path, *options, *dry).stderr.splitlines()
    assert "no mail" not in shell.ok("subscribers", "import", path, *options).stderr


def test_real_import_shows_what_it_changes_in_the_lines_of_a_dry_run(shell: Shell, tmp_path: Path) -> None:
    for address in (ADA, "bob@readers.example"):
        shell.ok("subscribers", "add", address, "--topic", "quantum", "--confirmed", "--at", "2026-04-10")
    path = roster(tmp_path, f"email,hour\n{ADA},9\nbob@readers.example,7\ncyd@readers.example,7\n")
    dry = shell.ok("subscribers", "import", path, "--confirmed", "--dry-run").stdout.splitlines()
    real = shell.ok("subscribers", "import", path, "--confirmed").stdout.splitlines()
    assert real[0].startswith(f"~ row 2  {ADA}: ")
    assert [line for line in dry if line.startswith("~")] == real[:-1]
    assert real[-1] == "1 added, 1 updated, 1 unchanged, 0 refused"
