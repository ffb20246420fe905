"""Renders statistics as one HTML page with charts in SVG and their tables. Gathers no figure.

The template draws; this module decides the rows of each chart, their order, colours and scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from newsletter.core.chart_periods import Unit
from newsletter.ops.stats.figures import Series, Stats, refusal_in_words
from newsletter.render.environment import MailEnvironment
from newsletter.render.topic_colors import shades_of
from newsletter.render.view_models import Brand, TopicView, in_words, nameless

TEMPLATE = "web/stats.html.j2"
GOOD = "#2f8e6c"  # green, of wanted outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRow:
    """One row of a chart: a bar for each period."""

    title: str
    values: Series
    most: int  # the value of a bar of full height
    total: int  # printed next to the row
    style: str  # CSS class of its colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with several rows; its table has a column for each."""

    slug: str  # of HTML ids
    title: str
    about: str  # the unit of the numbers
    rows: tuple[BarRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTable:
    """A table of names and numbers with horizontal bars."""

    title: str
    column: str  # heading of the names
    rows: tuple[tuple[str, int, str], ...]  # name, number, CSS class
    nothing: str  # printed when there are no rows


def charts(stats: Stats, *, topics: Mapping[str, TopicView]) -> tuple[Chart, ...]:
    """The charts over time."""
    most = max((max(values) for values in stats.by_topic.values()), default=0)
    papers = [_row("All papers", stats.papers)]
    papers += [
        _row(view_of(slug, topics).title, values, most=most, style=f"topic-{slug}")
        for slug, values in stats.by_topic.items()
    ]
    papers.append(_row("In no topic", stats.unmatched, most=max(stats.papers), style="still"))
    moved = max(*stats.joined, *stats.left, *stats.asked)
    return (
        Chart(
            slug="papers",
            title="Papers by topic",
            about="Papers by the day on which they were first listed. A paper may be in several topics; "
            "the bars of all topics have one scale, those of all papers and of the rest another.",
            rows=tuple(papers),
        ),
        Chart(
            slug="readers",
            title="Readers",
            about=f"People who get digests, at the end of each {stats.periods.unit}; below, on one scale, "
            "those who asked for mail and had yet to agree, those who joined, and those who left or may no "
            "longer be mailed.",
            rows=(
                _row("Readers", stats.readers, total=stats.readers[-1]),
                _row("Asked", stats.asked, most=moved, style="still"),
                _row("Joined", stats.joined, most=moved, style="good"),
                _row("Left", stats.left, most=moved, style="bad"),
            ),
        ),
        Chart(
            slug="mails",
            title="Mails",
            about="All messages by the day on which their fate was known; what waits, or waits for "
            "another attempt, by the day on which it was written. Each row has a scale of its own.",
            rows=tuple(
                _row(end.capitalize(), values, style=_MAIL_STYLES.get(end, "still"))
                for end, values in stats.mails.items()
            ),
        ),
    )


_MAIL_STYLES = {"sent": "good", "failed": "bad", "uncertain": "bad"}


def tallies(stats: Stats, *, topics: Mapping[str, TopicView]) -> tuple[CountTable, ...]:
    """The tables of counts by name."""
    return (
        CountTable(
            title="Readers by topic, now",
            column="Topic",
            rows=tuple(
                (view_of(slug, topics).title, number, f"topic-{slug}")
                for slug, number in stats.followers.items()
            ),
            nothing="There is no topic.",
        ),
        _tally("People by state, now", "State", stats.states, nothing="Nobody has signed up yet."),
        _tally("Joined by", "Way", stats.ways, nothing="Nobody joined in this time."),
        _tally("Sent, by kind", "Kind", stats.kinds, nothing="Nothing was sent in this time."),
        _tally(
            "Refused, by status",
            "Status",
            {refusal_in_words(code): number for code, number in stats.refused.items()},
            style="bad",
            nothing="Nothing was refused in this time.",
        ),
        _tally(
            "Came back, by reason",
            "Reason",
            stats.bounce_reasons,
            style="bad",
            nothing="No mail came back in this time.",
        ),
        _tally(
            "Came back, by domain",
            "Domain",
            stats.bounce_domains,
            style="bad",
            nothing="No mail came back in this time.",
        ),
        _tally("Messages to us", "Class", stats.came_back, nothing="Nothing came in this time."),
        _tally("Not to be sent", "Reason", stats.skipped, nothing="Nothing was skipped in this time."),
        _tally(
            "Suppressed in this time",
            "Reason",
            stats.suppressions,
            style="bad",
            nothing="No address was suppressed in this time.",
        ),
        _tally("Suppressions in force", "Reason", stats.in_force, style="bad", nothing="There is none."),
    )


def page(stats: Stats, *, environment: MailEnvironment, brand: Brand, topics: Mapping[str, TopicView]) -> str:
    """The page. Raises ConfigurationError with the name of a template of the operator that cannot be used."""
    views = {slug: view_of(slug, topics) for slug in (*stats.by_topic, *stats.followers)}
    return environment.part(
        TEMPLATE,
        {
            "brand": brand,
            "accent": shades_of(brand.accent),
            "topics": views,
            "stats": stats,
            "charts": charts(stats, topics=topics),
            "tallies": tallies(stats, topics=topics),
            "labels": [label(first, stats.periods.unit) for first in stats.periods.firsts],
            "span": span(stats),
            "good": shades_of(GOOD),
        },
    )


def span(stats: Stats) -> str:
    """The days in words, such as 21 March 2026 to 17 April 2026, by day."""
    periods = stats.periods
    return f"{in_words(periods.since)} to {in_words(periods.until)}, by {periods.unit}"


def label(first: date, unit: Unit) -> str:
    """A period in words, by its first day."""
    if unit is Unit.DAY:
        return f"{first:%a} {first.day} {first:%B}"
    return f"{first:%B %Y}" if unit is Unit.MONTH else f"week of {in_words(first)}"


def view_of(slug: str, topics: Mapping[str, TopicView]) -> TopicView:
    """The view of a topic, also of one without a definition."""
    return topics.get(slug) or nameless(slug)


def _row(
    title: str,
    values: Series,
    *,
    most: int | None = None,
    total: int | None = None,
    style: str = "plain-bars",
) -> BarRow:
    return BarRow(
        title=title,
        values=values,
        most=max(values) if most is None else most,
        total=sum(values) if total is None else total,
        style=style,
    )


def _tally(
    title: str, column: str, counts: Mapping[str, int], *, nothing: str, style: str = "still"
) -> CountTable:
    rows = tuple((name.capitalize(), number, style) for name, number in counts.items() if number)
    return CountTable(title=title, column=column, rows=rows, nothing=nothing)
