"""Prints all that a person or a program sees: text, JSON, tables, notes, progress bars. Decides nothing.

No other module writes to stdout or stderr: texts come from listings, servers and strangers, and `printable`
takes from them what a terminal would obey.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import typer

from newsletter.cli.options import iso
from newsletter.cli.printable import UNSAFE, one_line, printable

if TYPE_CHECKING:
    from rich.text import Text

FAILED, IN_PART = 1, 3  # exit codes; 0: done, 2: wrong usage, 78: bad configuration
ISO_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$")  # in UTC
MIN_STEPS = 3  # with fewer a progress bar would vanish before it is read


class ProgressCallback(Protocol):
    """A function to which long work reports its progress."""

    def __call__(self, done: int, total: int, /) -> None:
        """Report that `done` of `total` steps are finished."""


def say(text: object = "", *, newline: bool = True) -> None:
    """Print text for people on stdout."""
    typer.echo(printable(str(text)), nl=newline)


def note(text: object) -> None:
    """Print a remark for people on stderr: stdout is for the result."""
    typer.echo(printable(str(text)), err=True)


def print_bytes(data: bytes) -> None:
    """Print bytes on stdout as they are; on a terminal as text for people."""
    if sys.stdout.isatty():
        say(data.decode("utf-8", "replace"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


@contextmanager
def text_stream() -> Iterator[TextIO]:
    """A stream for a long text on stdout, which is written as it is; on a terminal as text for people."""
    if not sys.stdout.isatty():
        yield sys.stdout
        return
    with io.StringIO(newline="") as buffer:
        yield buffer
        say(buffer.getvalue().replace("\r\n", "\n"), newline=False)


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
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", empty: str = "nothing"
) -> None:
    """Print rows: as a table on a terminal, as aligned columns into a pipe; `empty` when there are none."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        note(f"({empty})")
        return
    if sys.stdout.isatty():
        from rich.box import SIMPLE
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE, title=title or None, title_justify="left", pad_edge=False)
        for number, column in enumerate(columns):
            numeric = all(
                row[number].lstrip("-").replace(".", "", 1).isdigit() for row in cells if row[number]
            )
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(line[n]) for line in [list(columns), *cells]) for n in range(len(columns))]
    if title:
        say(title)
    for line in [list(columns), *cells]:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def terminal_width(*, at_most: int) -> int:
    """The columns of the terminal; `at_most` when it has more, or when stdout is none."""
    return min(at_most, shutil.get_terminal_size().columns) if sys.stdout.isatty() else at_most


def print_styled(text: Text, *, width: int) -> None:
    """Print text with colours where stdout shows them, wrapped at `width` columns."""
    from rich.console import Console

    safe = text.copy()
    safe.plain = UNSAFE.sub(" ", text.plain)  # as long as before, so that the styles fit
    Console(highlight=False, width=width).print(safe)


def print_rows(rows: Sequence[Mapping[str, Any]], *, empty: str = "nothing") -> None:
    """Print objects with the same keys as a table; the keys are the columns."""
    columns = list(rows[0]) if rows else []
    print_table(
        [name.replace("_", " ") for name in columns], [list(row.values()) for row in rows], empty=empty
    )


def topics_of(paper: Mapping[str, Any]) -> list[str]:
    """The topics of a paper for people; doubtful ones with a question mark."""
    return [match["topic"] for match in paper["topics"]] + [f"{match['topic']}?" for match in paper["maybe"]]


def corrections_of(paper: Mapping[str, Any]) -> dict[str, bool]:
    """The corrections of an admin: topic to whether the paper belongs to it. The latest one counts."""
    return {each["topic"]: each["belongs"] for each in paper["corrections"]}


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print fields, one a line."""
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        say(f"{name.ljust(width)}  {_cell(value)}".rstrip())


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


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    if isinstance(value, str) and ISO_INSTANT.match(value):
        return value[:16].replace("T", " ")
    return one_line(str(value))
