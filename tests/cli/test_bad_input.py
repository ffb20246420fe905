"""Bad input: a clear message, the documented exit code, no traceback, nothing changed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from newsletter.sources.registry import formats
from tests.cli.shell import Shell
from tests.cli.test_lazy_group import leaves
from tests.pipeline.intake.scenario import PrintedPaper, abstract_of, page

ARGUMENTS = {  # of the commands that need some
    "ingest": ("nowhere.txt",),
    "restore": ("nowhere.backup",),
    "sources fetch": ("x",),
    "sources test": ("x",),
    "dumps try": ("nowhere.txt",),
    "dumps show": ("x",),
    "dumps redate": ("x", "2026-01-01"),
    "dumps withdraw": ("x",),
    "dumps release": ("x",),
    "dumps replay": ("x",),
    "papers show": ("1",),
    "papers merge": ("1", "2"),
    "papers split": ("1",),
    "papers topic": ("1", "--add", "circuits"),
    "topics explain": ("1",),
    "topics show": ("astrology",),
    "topics test": ("nowhere.toml",),
    "topics check": ("nowhere.txt",),
    "editions show": ("1",),
    "editions hold": ("1",),
    "editions release": ("1",),
    "editions drop": ("1",),
    "editions restore": ("1",),
    "editions give": ("1", "--newcomers"),
    "editions note": ("1", "words"),
    "subscribers add": ("a@readers.example", "--topic", "circuits"),
    "subscribers show": ("a@readers.example",),
    "subscribers import": ("nowhere.csv",),
    "subscribers pause": ("a@readers.example", "--end"),
    "subscribers unsubscribe": ("a@readers.example",),
    "subscribers suppress": ("a@readers.example",),
    "subscribers unsuppress": ("a@readers.example",),
    "subscribers forget": ("a@readers.example",),
    "subscribers history": ("a@readers.example",),
    "subscribers link": ("a@readers.example",),
    "preview": ("a@readers.example",),
    "why": ("a@readers.example",),
    "deliveries show": ("1",),
    "deliveries retry": ("1",),
    "deliveries resend": ("1",),
    "archive build": ("/dev/null/archive",),
    "samples": ("/dev/null/samples",),
    "keys retire": ("x",),
    "bounces parse": ("nowhere.eml",),
    "bounces ingest": ("nowhere.eml",),
    "bounces show": ("1",),
    "bounces release": ("1",),
    "bounces drop": ("1",),
    "smtp explain": ("550 5.1.1 no",),
}
UNKNOWN = sorted(  # each names something that an empty newsletter does not have
    set(ARGUMENTS)
    - {
        "subscribers add",
        "subscribers suppress",
        "subscribers import",
        "topics check",
        "topics test",
        "ingest",
        "smtp explain",
        "bounces parse",
        "samples",
        "dumps try",
    }
)
EVERY = sorted(path for path, _ in leaves())


def _call(shell: Shell, path: str) -> tuple[int, str, str]:
    answer = shell(*path.split(), *ARGUMENTS.get(path, ()), stdin="")
    return answer.code, answer.stdout, answer.stderr


@pytest.mark.parametrize("path", EVERY)
def test_typo_in_the_settings_file_stops_every_command(bare: Shell, path: str) -> None:
    bare.settings('[smtp]\nhots = "mx.example"\n')
    code, stdout, stderr = _call(bare, path)
    assert (code, stdout) == (78, "")
    assert f"{bare.state_dir}/newsletter.toml: unknown setting smtp.hots" in stderr
    assert "Did you mean smtp.host?" in stderr
    assert [file.name for file in bare.state_dir.iterdir()] == ["newsletter.toml"]


@pytest.mark.parametrize("path", EVERY)
def test_typo_in_the_environment_stops_every_command(
    bare: Shell, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SENDR", "x")
    code, stdout, stderr = _call(bare, path)
    assert (code, stdout) == (78, "")
    assert "NEWSLETTER_SENDR" in stderr
    assert not bare.state_dir.exists()


@pytest.mark.parametrize("path", ["audit", "topics list", "send"])
def test_typo_in_a_topics_table_stops_a_command(bare: Shell, path: str) -> None:
    bare.settings('[topics.circuits]\ntitel = "x"\n')
    code, _, stderr = _call(bare, path)
    assert code == 78
    assert "titel" in stderr


@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_name_is_an_error_and_no_empty_answer(shell: Shell, path: str) -> None:
    code, stdout, stderr = _call(shell, path)
    assert (code, stdout) == (1, "")
    assert stderr.startswith("Error: ")
    assert len(stderr.strip().splitlines()) == 2, "a message, and what to do next"


@pytest.mark.parametrize(
    "arguments",
    [
        ("papers", "list", "--topic", "robots"),
        ("papers", "list", "--dump", "nowhere.txt"),
        ("papers", "list", "--edition", "7"),
        ("subscribers", "list", "--topic", "robots"),
        ("subscribers", "list", "--state", "asleep"),
        ("subscribers", "add", "a@readers.example", "--topic", "robots"),
        ("subscribers", "add", "not an address"),
        ("deliveries", "list", "--address", "nobody@readers.example"),
        ("send", "--only", "nobody@readers.example"),
    ],
)
def test_filter_with_an_unknown_name_is_an_error(shell: Shell, arguments: tuple[str, ...]) -> None:
    answer = shell(*arguments, "--json")
    assert answer.code == 1
    assert set(answer.json) == {"error", "hint"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("subscribers", "add", "a@readers.example", "--hour", "24"),
        ("subscribers", "add", "a@readers.example", "--cadence", "hourly"),
        ("subscribers", "add", "a@readers.example", "--timezone", "Mars"),
        ("subscribers", "pause", "a@readers.example"),
        ("papers", "topic", "1"),
        ("editions", "show", "latest"),
        ("deliveries", "list", "--state", "lost"),
        ("send", "--test", "a@readers.example", "--now"),
        ("ingest",),
    ],
)
def test_contradicting_options_are_wrong_usage(shell: Shell, arguments: tuple[str, ...]) -> None:
    answer = shell(*arguments)
    assert (answer.code, answer.stdout) == (2, "")


def test_refused_dumps_are_reported_one_by_one(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 20)
    names = [str(tmp_path / name) for name in ("empty.txt", "binary.txt", "missing.txt", ".")]
    answer = shell("ingest", *names, "--json")
    assert answer.code == 1
    assert [(dump["file"], dump["status"], bool(dump["error"])) for dump in answer.json["dumps"]] == [
        (str(Path(name)), "refused", True) for name in names
    ]


def test_at_most_five_possibly_equal_pairs_are_printed(shell: Shell, tmp_path: Path) -> None:
    for name, day, word in (("a.txt", "Mar 3", "Old"), ("b.txt", "Mar 4", "New")):
        papers = [
            PrintedPaper(
                title=f"{word} Title {n}",
                abstract=abstract_of(f"text {n}"),
                authors="3 authors" if word == "Old" else "4 authors",  # so it is not surely one work
            )
            for n in range(7)
        ]
        (tmp_path / name).write_bytes(page(day, *papers))
    printed = shell.ok("ingest", str(tmp_path / "a.txt"), str(tmp_path / "b.txt")).stderr
    assert printed.count("Possibly the same") == 5
    assert "And 2 more pairs: `newsletter papers possibly-same` lists them." in printed
    assert len(shell.ok("papers", "possibly-same", "--json").json) == 7


def test_file_that_is_no_database_is_a_clear_error(shell: Shell) -> None:
    (shell.state_dir / "newsletter.sqlite3").write_text("a letter, not a database\n" * 100)
    answer = shell("audit")
    assert answer.code == 1
    assert "not a database" in answer.stderr
    assert "SELECT" not in answer.stderr


RAW_WORDS = (
    "Input should",
    "unable to",
    "Value error",
    "isoformat",
    "[topic=",
    "There must be",
    "valid integer",
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("papers", "show", "abc"), "must be a whole number, not 'abc'"),
        (("editions", "note", "next", "words"), "must be a whole number, not 'next'"),
        (("editions", "release", "1.5"), "must be a whole number, not '1.5'"),
        (("editions", "hold", "abc"), "not an edition: 'abc'"),
        (("editions", "release", "0"), "must be at least 1, not"),
        (("stats", "--days", "few"), "must be a whole number, not 'few'"),
        (("subscribers", "add", "a@readers.example", "--hour", "99"), "must be at most 23, not"),
        (
            ("subscribers", "add", "a@readers.example", "--cadence", "monthly"),
            "'monthly' is not one of 'daily'",
        ),
        (("subscribers", "add", "a@readers.example", "--weekday", "someday"), "'someday' is not one of"),
        (("preview", "a@readers.example", "--format", "pdf"), "'pdf' is not one of 'html', 'text', 'eml'"),
        (("dumps", "redate", "abc", "2026-13-45"), "not a date: '2026-13-45'\nWrite it as 2026-04-17."),
        (("ingest", "x.txt", "--listed-on", "yesterday"), "not a date: 'yesterday'\nWrite it as"),
        (("send", "--at", "noon"), "not a timestamp: 'noon'\nWrite it as"),
        (("subscribers", "add", ""), "no email address is given\nWrite it as"),
        (("subscribers", "show", " "), "no email address is given"),
        (("subscribers", "add", "ada"), "'ada' is not an email address: It has no @-sign."),
        (("send", "--test", ""), "no email address is given"),
        (("subscribers", "remove", "a@readers.example"), "to erase the reader: `subscribers forget`"),
        (("subscribers", "delete", "a@readers.example"), "To end the mails: `subscribers unsubscribe`"),
    ],
)
def test_bad_value_is_told_in_plain_words(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    answer = shell(*arguments)
    told = (
        answer.stderr
        if answer.stderr.startswith("Error")
        else " ".join(answer.stderr.replace("│", " ").split())
    )
    assert answer.code in (1, 2)
    assert words in told
    assert not [raw for raw in RAW_WORDS if raw in told]


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[topics.robotics]\ntitle = "R"', "topics.robotics.description is missing or empty\n"),
        (
            '[topics.robotics]\ntitle = "R"\ndescription = "D"',
            "topics.robotics.phrases is missing or empty\n",
        ),
        ("[topics.Robots]\nphrases = ['robot']", "topics.Robots is no good name\n"),
        ("[topics.circuits]\nposition = 'first'", "topics.circuits.position must be a whole number"),
    ],
)
def test_bad_topic_names_its_file(shell: Shell, toml: str, words: str) -> None:
    shell.settings(toml)
    answer = shell("topics", "list")
    assert answer.code == 78
    assert f"{shell.state_dir}/newsletter.toml: {words}" in answer.stderr
    assert not [raw for raw in RAW_WORDS if raw in answer.stderr]


@pytest.mark.parametrize("names", [["README.md"], ["README.md", "a b.md", "letter.txt"]])
def test_files_of_another_kind_are_one_line_each(shell: Shell, tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("# A heading\n\nSome words about a program.\n", "utf-8")
    told = shell("ingest", *(str(tmp_path / name) for name in names)).stderr.splitlines()
    assert len(told) == len(names)
    for name, line in zip(names, told, strict=True):
        assert line.startswith(
            f"Refused: {tmp_path / name}: this is no listing of a known format but Markdown"
        )


def test_help_of_ingest_lists_every_format(shell: Shell) -> None:
    page = shell.ok("ingest", "--help").stdout
    assert not [name for name in formats() if f"\n {name}: " not in page]


@pytest.mark.parametrize(("file", "pattern"), [("a.txt", "*.txt"), ("a.json", "*.json"), ("", "*")])
def test_folder_is_refused_with_a_pattern_to_copy(
    shell: Shell, tmp_path: Path, file: str, pattern: str
) -> None:
    folder = tmp_path / "my listings"
    folder.mkdir()
    if file:
        (folder / file).touch()
    told = shell("ingest", str(folder)).stderr
    assert told.strip().endswith(f"this is a folder. Name the files in it: '{folder}'/{pattern}")


@pytest.mark.parametrize("name", ["letter.txt", "my letter.txt", "it's.txt"])
def test_refused_file_comes_with_a_command_to_copy(shell: Shell, name: str) -> None:
    refused = shell.state_dir / "inbox" / "refused"
    refused.mkdir(parents=True)
    (refused / name).write_text("Dear editor, hello.", "utf-8")
    command = f"`newsletter ingest {shlex.quote(str(refused / name))}` says why."
    (alarm,) = (each for each in shell("watch", "--quietly", "--json").json if "refused" in each["key"])
    assert command in alarm["hint"]
    assert command in shell("doctor", "--offline").stdout
