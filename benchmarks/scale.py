"""Says what a newsletter of any size costs a day, and checks that arithmetic against measurements.

python benchmarks/scale.py [--sizes 2000 8000 32000] [--days 5] [--papers 30] [--ask 1000000 100000000]

The model is linear: a fixed part, and a part for each reader, who gets a mail a day. Its constants come from
the smallest size alone and from a newsletter of 15 readers, one for each set of topics, which gives the fixed
part. At each size such a newsletter is made and measured by the product's own path (benchmarks/year.py: a
transport that opens no connection), and the prediction is divided by what was measured. Then it computes the
sizes of --ask. CPU seconds are those of this process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from sqlalchemy import Engine, event

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.year import SETS, Newsletter, cpu
from newsletter.pipeline.explain.audit import audit

SMALLEST = len(SETS)  # readers: one for each digest of a day
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one newsletter costs: CPU seconds, statements and bytes."""

    compose: float  # of one day
    compose_statements: float
    deliver: float  # of one day, without SMTP
    deliver_statements: float
    readers_bytes: float  # of the database before the first day
    day_bytes: float  # that one more day adds
    audit: float  # of all days so far

    def scaled(self, times: float) -> Cost:
        """This cost so many times."""
        return Cost(**{name: value * times for name, value in asdict(self).items()})

    def plus(self, other: Cost) -> Cost:
        """Both costs together."""
        mine, others = asdict(self), asdict(other)
        return Cost(**{name: mine[name] + others[name] for name in mine})


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A fixed part, and a part for each reader who gets a mail a day."""

    fixed: Cost
    each: Cost

    @classmethod
    def of(cls, tiny: Cost, small: Cost, *, readers: int) -> Model:
        """The model that goes through a tiny newsletter (of SMALLEST readers) and a small one."""
        each = small.plus(tiny.scaled(-1)).scaled(1 / (readers - SMALLEST))
        return cls(fixed=tiny.plus(each.scaled(-SMALLEST)), each=each)

    def cost(self, readers: int) -> Cost:
        """The cost of a newsletter with so many readers."""
        return self.fixed.plus(self.each.scaled(readers))


def measure(readers: int, *, days: int, papers: int) -> Cost:
    """Make a newsletter, let days pass, and measure the last one (and the audit of all)."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        newsletter = Newsletter(Path(name), readers=readers, papers=papers)
        before = size_of(newsletter.engine)
        newsletter.pass_days(days - 3)
        passed = [newsletter.pass_day(day) for day in (days - 2, days - 1)]
        yesterday = size_of(newsletter.engine)
        newsletter.publish_day(days)
        now = newsletter.slot(days)
        with counted(newsletter.engine) as composing:
            compose = cpu(lambda: newsletter.compose(now))
        with counted(newsletter.engine) as delivering:
            deliver = cpu(lambda: newsletter.deliver(now))
        audited = cpu(lambda: audit(newsletter.engine, now=now))
        return Cost(
            compose=median([compose, *(cost.compose for cost in passed)]),
            compose_statements=len(composing),
            deliver=median([deliver, *(cost.deliver for cost in passed)]),
            deliver_statements=len(delivering),
            readers_bytes=before,
            day_bytes=size_of(newsletter.engine) - yesterday,
            audit=audited,
        )


def size_of(engine: Engine) -> int:
    """Bytes of the pages in use of a SQLite database."""
    with engine.connect() as connection:
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


@contextmanager
def counted(engine: Engine) -> Iterator[list[None]]:
    """A list that gets an entry for each statement."""
    seen: list[None] = []

    def note(*_anything: object) -> None:
        seen.append(None)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


CHECKED: Sequence[tuple[str, Callable[[Cost], float]]] = (
    ("compose", lambda cost: cost.compose),
    ("deliver", lambda cost: cost.deliver),
    ("audit", lambda cost: cost.audit),
    ("bytes of readers", lambda cost: cost.readers_bytes),
    ("bytes of a day", lambda cost: cost.day_bytes),
    ("statements", lambda cost: cost.compose_statements + cost.deliver_statements),
)


def described(cost: Cost, readers: int) -> str:
    """One line on a cost."""
    return (
        f"{readers:>11,} readers: compose {cost.compose:,.2f} s, deliver {cost.deliver:,.2f} s, "
        f"audit {cost.audit:,.2f} s of CPU; {cost.compose_statements:,.0f} + {cost.deliver_statements:,.0f} "
        f"statements; {cost.readers_bytes / 1e6:,.1f} MB, {cost.day_bytes / 1e6:,.1f} MB more each day"
    )


def main() -> int:
    """Run it as a script; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 8_000, 32_000], help="readers")
    parser.add_argument("--days", type=int, default=5, help="the last three are measured")
    parser.add_argument("--papers", type=int, default=30, help="papers a day")
    parser.add_argument("--ask", type=int, nargs="*", default=[1_000_000, 100_000_000], help="readers")
    asked = parser.parse_args()
    sizes = sorted(asked.sizes)
    if sizes[0] <= SMALLEST or asked.days < 4:
        parser.error(f"the smallest size is above {SMALLEST} readers, and there are four days or more")
    measure(SMALLEST, days=asked.days, papers=asked.papers)  # what only a process's first run costs
    tiny = measure(SMALLEST, days=asked.days, papers=asked.papers)
    found = {readers: measure(readers, days=asked.days, papers=asked.papers) for readers in sizes}
    model = Model.of(tiny, found[sizes[0]], readers=sizes[0])
    each = model.each
    print(
        f"constants from {SMALLEST} and {sizes[0]:,} readers, {asked.days} days, {asked.papers} papers a day"
    )
    print(
        f"  each mail: compose {each.compose * 1e6:.1f} µs, deliver {each.deliver * 1e6:.1f} µs (no SMTP), "
        f"audit {each.audit * 1e6 / asked.days:.1f} µs, {each.day_bytes:.0f} bytes, "
        f"{each.deliver_statements + each.compose_statements:.3f} statements"
    )
    print(f"  each reader: {each.readers_bytes:.0f} bytes")
    fixed = model.fixed
    print(f"  each day, whoever reads: compose {fixed.compose:.2f} s, {fixed.day_bytes / 1e3:,.0f} kB")
    print("measured:")
    for readers in sizes:
        print(f"  {described(found[readers], readers)}")
        predicted = model.cost(readers)
        ratios = (f"{name} {part(predicted) / part(found[readers]):.2f}" for name, part in CHECKED)
        print(f"  {'predicted/measured':>19}: {', '.join(ratios)}")
    if asked.ask:
        print("computed:")
    for readers in asked.ask:
        cost = model.cost(readers)
        work = cost.compose + cost.deliver
        print(f"  {described(cost, readers)}; one core is busy {work / DAY:.1%} of a day")
    return 0


if __name__ == "__main__":
    sys.exit(main())
