"""Measures what the lead of a paper costs, beside what its topics cost in the same run.

python benchmarks/leads.py [FILE.jsonl]   (papers as JSON lines; default: the labelled sample of the tests)

It exits 1 when a lead costs more CPU time than LARGEST_SHARE of the topics, whose own bar is in `topics.py`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from newsletter.leads import lead_of
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import LinearModel, load_weights

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "tests" / "topics" / "sample.jsonl"
LENGTH = 1_300  # characters of a usual abstract; the sample's shorter ones are joined up to it
ROUNDS = 9
LARGEST_SHARE = 0.75


def measure(path: Path = SAMPLE) -> dict[str, float]:
    """CPU µs for a paper's lead and topics (the best of ROUNDS), and ms for a lead of 1 MB of sentences."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    papers = []
    for first in range(len(rows)):
        abstract = ""
        while len(abstract) < LENGTH:
            abstract += rows[(first + len(abstract)) % len(rows)]["abstract"] + " "
        papers.append((rows[first]["title"], abstract[:LENGTH]))
    matcher = Matcher(load_topics(), LinearModel(load_weights()))
    topics = lead = float("inf")
    for _ in range(ROUNDS):  # in turns, so that a busy machine slows both
        topics = min(topics, _seconds(matcher.match, papers))
        lead = min(lead, _seconds(lead_of, papers))
    return {
        "us_per_lead": lead / len(papers) * 1e6,
        "us_per_topics": topics / len(papers) * 1e6,
        "share": lead / topics,
        "ms_for_a_megabyte": _seconds(lead_of, [("Lamps", "We propose a lamp, e.g. of glass. " * 30_000)])
        * 1e3,
    }


def _seconds(judge: Callable[[str, str], object], papers: list[tuple[str, str]]) -> float:
    started = time.process_time()
    for title, abstract in papers:
        judge(title, abstract)
    return time.process_time() - started


if __name__ == "__main__":
    figures = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE)
    for name, value in figures.items():
        print(f"{name}: {value:.2f}")
    sys.exit(figures["share"] > LARGEST_SHARE)
