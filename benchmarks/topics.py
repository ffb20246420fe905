"""Measures the bar "a paper's topics cost at most 300 µs", and the cost of compiling and of a 1 MB abstract.

python benchmarks/topics.py [FILE.jsonl]   (papers as JSON lines; default: the labelled sample of the tests)
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import LinearModel, load_weights

ROOT = Path(__file__).resolve().parents[1]
BAR = 300  # µs per paper, four topics
SAMPLE = ROOT / "tests" / "topics" / "sample.jsonl"
LENGTH = 1_300  # characters of a usual abstract; the sample's shorter ones are repeated up to it
ROUNDS = 7


def measure(path: Path = SAMPLE) -> dict[str, float]:
    """µs for a paper (the best of ROUNDS), ms to compile, ms for an abstract of 1 MB full of phrases."""
    papers = []
    for line in path.read_text("utf-8").splitlines():
        paper = json.loads(line)
        abstract = paper["abstract"] + " "
        papers.append((paper["title"], (abstract * (LENGTH // len(abstract) + 1))))
    started = time.perf_counter()
    matcher = Matcher(load_topics(), LinearModel(load_weights()))
    compiled = time.perf_counter() - started
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for title, abstract in papers:
            matcher.match(title, abstract)
        best = min(best, time.process_time() - started)
    started = time.process_time()
    matcher.match("Spiking", "quantum circuit " * 62_500)
    return {
        "us_per_paper": best / len(papers) * 1e6,
        "ms_to_compile": compiled * 1e3,
        "ms_for_a_megabyte": (time.process_time() - started) * 1e3,
    }


if __name__ == "__main__":
    figures = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE)
    for name, value in figures.items():
        print(f"{name}: {value:.1f}")
    sys.exit(figures["us_per_paper"] > BAR)
