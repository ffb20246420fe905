"""Prints all that a person or a program sees: text, JSON, tables, notes, progress bars. Decides nothing.

No other module writes to stdout or stderr: texts come from listings, servers and strangers, and `printable`
takes from them what a terminal would obey.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import typer

from newsletter.cli.options import iso
from newsletter.cli.printable import UNSAFE, one_line, printable
from newsletter.core.errors import NewsletterError

if TYPE_CHECKING:
    from rich.text import Text

FAILED, IN_PART = 1, 3  # exit codes; 0: done, 2: wrong usage, 78: bad configuration
ISO_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?\+00:00$")  # in UTC, at the end
FRACTION = re.compile(r"(?<=\d\dT\d\d:\d\d:\d\d)\.\d+")  # of the seconds of an instant
FALLBACK_COLUMNS = 80  # of a terminal that does not say how wide it is
MIN_STEPS = 3  # with fewer a progress bar would vanish before it is read


class ProgressCallback(Protocol):
    """A function to which long work reports its progress."""

    def __call__(self, done: int, total: int, /) -> None:
        """Report that `done` of `total` steps are finished."""


def say(text: object = "", *, newline: bool = True, as_is: bool = False) -> None:
    """Print text for people on stdout. as_is: keep its lines, which a terminal wraps otherwise."""
    typer.echo(_for_people(str(text), None if as_is else _columns(sys.stdout)), nl=newline)


def note(text: object, *, as_is: bool = False) -> None:
    """Print a remark for people on stderr: stdout is for the result. as_is: as for `say`."""
    typer.echo(_for_people(str(text), None if as_is else _columns(sys.stderr)), err=True)


def _for_people(text: str, room: int | None) -> str:
    """`text` with nothing that a terminal obeys, times without fractions of seconds, wrapped at `room`."""
    safe = printable(FRACTION.sub("", text))
    if room is None or all(len(line) * 2 <= room for line in safe.split("\n")):
        return safe
    from newsletter.cli.tables import wrapped_prose

    return wrapped_prose(safe, room)


def _columns(stream: TextIO) -> int | None:
    """The columns of the terminal that a stream leads to; None when it leads to none."""
    if not stream.isatty():
        return None
    try:
        chosen = os.environ.get("COLUMNS", "")
        columns = int(chosen) if chosen.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or FALLBACK_COLUMNS


def time_of(instant: str | datetime) -> str:
    """An instant for people: 2026-04-17 07:00 UTC."""
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def print_bytes(data: bytes) -> None:
    """Print bytes on stdout as they are; on a terminal as text for people."""
    if sys.stdout.isatty():
        text = data.decode("utf-8", "replace")
        say(text, newline=not text.endswith("\n"), as_is=True)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def write_bytes(data: bytes, file: Path | None) -> None:
    """Write bytes into a file; without one, print them. Raises NewsletterError."""
    if file is None:
        print_bytes(data)
        return
    try:
        file.write_bytes(data)
    except OSError as error:
        raise NewsletterError(
            f"cannot write {file}: {error.strerror}", hint="Name a file in a folder that you may write to."
        ) from None
    note(f"Written to {file}")


@contextmanager
def text_stream() -> Iterator[TextIO]:
    """A stream for a long text on stdout, which is written as it is; on a terminal as text for people."""
    if not sys.stdout.isatty():
        yield sys.stdout
        return
    with io.StringIO(newline="") as buffer:
        yield buffer
        say(buffer.getvalue(), newline=False, as_is=True)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    typer.echo(as_json(plain(value), indent=2))


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that stdout can encode, and that no terminal obeys: what is not `printable` is escaped."""
    text = json.dumps(value, ensure_ascii=not is_utf8(), indent=indent)
    return UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def program() -> str:
    """The command to type: `newsletter` when that is on the path, else the path of this program."""
    on_path = shutil.which("newsletter") or not sys.argv[0].endswith("/newsletter")
    return "newsletter" if on_path else sys.argv[0]


def is_utf8() -> bool:
    """Whether stdout is UTF-8."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"


def plain(value: Any) -> Any:
    """`value` in the types of JSON: dates as ISO 8601, dataclasses as objects."""
    if isinstance(value, (datetime, date)):
        return iso(value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    important: Sequence[str] = (),
    below: str | None = None,
    empty: str = "nothing",
) -> None:
    """Print rows as a table that fits the terminal, or as wide as it is into a pipe; `empty` without rows.

    important: names of columns, those first that a narrow terminal shows longest; then the others in order.
    below: the name of a column of long texts that a narrow terminal shows below the row.
    """
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        note(f"({empty})")
        return
    from rich.text import Text

    from newsletter.cli.tables import lay_out

    on_terminal = sys.stdout.isatty()
    room = shutil.get_terminal_size().columns if on_terminal else None
    table = lay_out(columns, cells, room=room, important=important, below=below)
    if room is not None:
        say()
        for line in table.head:
            print_styled(Text(line, style="bold"), width=max(room, len(line)))
        say(table.rule if is_utf8() else "-" * len(table.rule), as_is=True)
    for line in table.rows if on_terminal else (*table.head, *table.rows):
        say(line, as_is=True)
    if room is not None:
        say()
    if table.left_out:
        number = len(table.left_out)
        which = "1 column is" if number == 1 else f"{number} columns are"
        remedy = "use --json or a wider terminal."
        named = f"{which} not shown ({', '.join(table.left_out)}); {remedy}"
        note(named if room is None or len(named) <= room else f"{which} not shown; {remedy}")


def terminal_width(*, at_most: int) -> int:
    """The columns of the terminal; `at_most` when it has more, or when stdout is none."""
    return min(at_most, shutil.get_terminal_size().columns) if sys.stdout.isatty() else at_most


def print_styled(text: Text, *, width: int) -> None:
    """Print text with colours where stdout shows them, wrapped at `width` columns."""
    from rich.console import Console

    safe = text.copy()
    safe.plain = UNSAFE.sub(" ", text.plain)  # as long as before, so that the styles fit
    Console(highlight=False, width=width).print(safe)


def print_rows(
    rows: Sequence[Mapping[str, Any]], *, important: Sequence[str] = (), empty: str = "nothing"
) -> None:
    """Print objects with the same keys as a table; the keys are the columns. important: of `print_table`."""
    columns = [name.replace("_", " ") for name in rows[0]] if rows else []
    print_table(columns, [list(row.values()) for row in rows], important=important, empty=empty)


def topics_of(paper: Mapping[str, Any]) -> list[str]:
    """The topics of a paper for people; doubtful ones with a question mark."""
    return [match["topic"] for match in paper["topics"]] + [f"{match['topic']}?" for match in paper["maybe"]]


def corrections_of(paper: Mapping[str, Any]) -> dict[str, bool]:
    """The corrections of an admin: topic to whether the paper belongs to it. The latest one counts."""
    return {each["topic"]: each["belongs"] for each in paper["corrections"]}


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print fields, one a line, but empty ones; on a terminal, long ones wrapped below their beginning."""
    shown = {name: value for name, value in fields.items() if not is_empty(value)}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        say_hanging(f"{name.ljust(width)}  ", cell(value))


def say_hanging(head: str, text: str) -> None:
    """Print `head` and `text` on stdout; on a terminal, further lines start below the text."""
    if not sys.stdout.isatty():
        say(f"{head}{text}".rstrip())
        return
    from newsletter.cli.tables import wrapped

    room = shutil.get_terminal_size().columns - len(head)
    first, *others = wrapped(text, room)
    say(f"{head}{first}".rstrip(), as_is=True)
    for line in others:
        say(" " * len(head) + line, as_is=True)


@contextmanager
def progress(label: str) -> Iterator[ProgressCallback]:
    """Show a progress bar on stderr when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total, /: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(escape(printable(label)), total=None, visible=False)

        def tick(done: int, total: int, /) -> None:
            bar.update(task, completed=done, total=total, visible=total >= MIN_STEPS)

        yield tick


def is_empty(value: Any) -> bool:
    """Whether a value says nothing. Zero and False say something."""
    return value is None or value in ("", [], (), {})


def cell(value: Any) -> str:
    """A value for people on one line, as tables and fields show it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {cell(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    return one_line(ISO_INSTANT.sub(r"\1 \2", str(value)))
