"""Prints statistics as bars, JSON or a page: `newsletter stats`. Gathers no figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.printable import one_line
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace
from newsletter.core.chart_periods import MAX_DAYS
from newsletter.core.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.ops.stats.figures import Stats
    from newsletter.render.view_models import TopicView

app = typer.Typer(add_completion=False)

FOUR_WEEKS = 28  # days
WIDTH = 80  # columns; no line is longer, however wide the terminal
NAME_WIDTH = 16  # columns of a name; what is longer is cut
NUMBER_WIDTH = 7  # columns of a number; longer ones take from the bars
INK = "#8a8378"  # of rows that are no topic; visible on light and dark
LEVELS, NO_LEVEL = "▁▂▃▄▅▆▇█", "·"  # of a sparkline
PLAIN_LEVELS, PLAIN_NO_LEVEL = "123456789", "."  # for a terminal without block characters: ninths


@app.command()
def stats(
    ctx: typer.Context,
    *,
    days: Annotated[
        int,
        typer.Option(
            "--days", min=1, max=MAX_DAYS, metavar="N", help="How many days to look back, today included."
        ),
    ] = FOUR_WEEKS,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a page there instead: one file, charts and tables."
        ),
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Look at the numbers: papers, readers, mails; also as a page.

    Papers by topic, readers and who joined or left, mails by what became of them, refusals and suppressions
    by reason. By day up to six weeks, by week up to a year, by month beyond. Nobody is named in it.
    """
    work = workspace(ctx)
    wiring = Wiring(work)
    from newsletter.db.engine import reading
    from newsletter.ops.stats.figures import gather

    views = wiring.topic_views
    with reading(work.engine) as connection:
        found = gather(connection, now=now(at), days=days, topics=tuple(work.topics))
    if html is not None:
        from newsletter.ops.stats.page import page

        _write(html, page(found, environment=wiring.mail_templates, brand=wiring.brand, topics=views))
    if json:
        output.print_json(found.as_json())
    elif html is None:
        _show(found, views)
        if found.last_listed is not None and found.last_listed < found.periods.since:
            back = (found.as_of.date() - found.last_listed).days + 1
            latest = f"none in these days; the latest is of {found.last_listed}"
            output.note(f"Papers count on the day they were listed: {latest} (--days {back}).")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise NewsletterError(
            f"cannot write {file}: {error.strerror}", hint="Name a file in a folder that you may write to."
        ) from None
    output.note(f"Written to {file}")


def _show(found: Stats, views: Mapping[str, TopicView]) -> None:
    from rich.text import Text

    from newsletter.ops.stats.page import charts, span, tallies

    width = output.terminal_width(at_most=WIDTH)
    colours = {f"topic-{slug}": view.shades.bar for slug, view in views.items()}
    blocks = output.is_utf8()
    longest = max(len(found.periods.firsts), width // 2)

    def line(name: str, bar: str, number: int, style: str) -> Text:
        digits = f"{number:,}".rjust(NUMBER_WIDTH)
        room = max(0, min(width - NAME_WIDTH - len(digits) - 2, longest))
        return Text.assemble(
            _cut(name, blocks).ljust(NAME_WIDTH + 1),
            (bar[-room:].ljust(room) if room else "", style),
            " ",
            digits,
        )

    output.print_styled(Text(f"{span(found)} (as of {found.as_of:%Y-%m-%d %H:%M %Z})"), width=width)
    for chart in charts(found, topics=views):
        output.print_styled(Text(f"\n{chart.title}", style="bold"), width=width)
        for row in chart.rows:
            bar = sparkline(row.values, most=row.most, blocks=blocks)
            output.print_styled(line(row.title, bar, row.total, colours.get(row.style, INK)), width=width)
    by_topic, *others = tallies(found, topics=views)
    output.print_styled(Text(f"\n{by_topic.title}", style="bold"), width=width)
    most = max((number for _, number, _ in by_topic.rows), default=0)
    for name, number, style in by_topic.rows:
        bar = horizontal_bar(number, most=most, width=width // 2, blocks=blocks)
        output.print_styled(line(name, bar, number, colours.get(style, INK)), width=width)
    output.say()
    for tally in others:
        counts = ", ".join(f"{name.lower()} {number:,}" for name, number, _ in tally.rows)
        output.print_styled(Text(f"{tally.title}: {counts or 'none'}"), width=width)


def _cut(name: str, blocks: bool) -> str:
    shown = one_line(name)
    if len(shown) <= NAME_WIDTH:
        return shown
    return shown[: NAME_WIDTH - 1] + ("…" if blocks else ".")


def sparkline(values: Sequence[int], *, most: int | None = None, blocks: bool = True) -> str:
    """One character for each value. most: the value of the highest level; None: the largest value."""
    levels, none = (LEVELS, NO_LEVEL) if blocks else (PLAIN_LEVELS, PLAIN_NO_LEVEL)
    top = max(values, default=0) if most is None else most
    return "".join(
        none if value <= 0 else levels[min(-(-value * len(levels) // top), len(levels)) - 1]
        for value in values
    )


def horizontal_bar(value: int, *, most: int, width: int, blocks: bool = True) -> str:
    """A bar of at most `width` characters, and of at least one when `value` is more than 0."""
    if value <= 0:
        return ""
    return ("█" if blocks else "#") * max(1, round(value * width / most))
