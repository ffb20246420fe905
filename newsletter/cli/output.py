"""Prints JSON, tables, notes and progress bars. Fetches nothing and decides nothing."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any, Protocol

import typer

from newsletter.cli.options import iso

FAILED, IN_PART = 1, 3  # exit codes; 0: done, 2: wrong usage, 78: bad configuration
ISO_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$")  # in UTC
_SURROGATE = re.compile("[\ud800-\udfff]")
MIN_STEPS = 3  # with fewer a progress bar would vanish before it is read


class ProgressCallback(Protocol):
    """A function to which long work reports its progress."""

    def __call__(self, done: int, total: int, /) -> None:
        """Report that `done` of `total` steps are finished."""


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    typer.echo(as_json(plain(value), indent=2))


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that stdout can encode. Lone surrogates, which no encoding has, are escaped."""
    text = json.dumps(value, ensure_ascii=not is_utf8(), indent=indent)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


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


def note(text: str) -> None:
    """Print a remark for people on stderr: stdout is for the result."""
    typer.echo(text, err=True)


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
        typer.echo(title)
    for line in [list(columns), *cells]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


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
        typer.echo(f"{name.ljust(width)}  {_cell(value)}".rstrip())


@contextmanager
def progress(label: str) -> Iterator[ProgressCallback]:
    """Show a progress bar on stderr when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total, /: None
        return
    from rich.console import Console
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
        task = bar.add_task(label, total=None, visible=False)

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
    # A control character in a title must not reach the terminal.
    return "".join(character if character.isprintable() else " " for character in str(value))
