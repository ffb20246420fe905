"""Writes a small archive of made-up papers, in the form that benchmarks read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

_THINGS = ("circuits", "qubits", "memristors", "language models", "robots", "graphs")
_DEEDS = ("routing", "pruning", "sensing", "decoding", "planning")


def _rows(days: int) -> Iterator[dict[str, object]]:
    for day in range(1, days + 1):
        for number, (deed, thing) in enumerate(product(_DEEDS, _THINGS)):
            yield {
                "day": f"2026-04-{day:02}",
                "id": f"26{day:02}.{number + 10_000:05}",
                "title": f"{deed.capitalize()} of {thing}, part {day}",
                "summary": f"Much is known of {thing}. We present a method of {deed} {thing} in {day} steps. "
                f"It halves the cost of {deed} and keeps what {thing} are good for.",
                "authors": [f"Ada Number{number}", "Grace Hopper"],
                "organization": None,
                "published": f"2026-04-{day:02}T09:00:00.000Z",
                "upvotes": number,
                "comments": 0,
                "github": None,
            }


def small_archive(file: Path, *, days: int = 4) -> Path:
    """Write 30 papers a day to `file`, and return it."""
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in _rows(days))
    return file
