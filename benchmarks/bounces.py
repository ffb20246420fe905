"""Measures how many messages a second are parsed on one core, beside `email.message_from_bytes`.

python benchmarks/bounces.py [FOLDER]   (messages; default: those that the tests make)

It exits 1 when fewer than FEWEST a second are parsed.
"""

from __future__ import annotations

import email
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from newsletter.core.mail.reply_judge import judge
from newsletter.inbound.parse import parse
from tests.inbound.test_robustness import MADE

ROUNDS = 5
FEWEST = 500  # messages a second


def measure(folder: Path | None = None) -> dict[str, float]:
    """Messages a second, with every verdict computed anew and as they come, and the cost beside `email`'s."""
    messages = [path.read_bytes() for path in sorted(folder.iterdir())] if folder else MADE
    new = known = plain = float("inf")
    for _ in range(ROUNDS):  # in turns, so that a busy machine slows all
        judge.cache_clear()
        new = min(new, _seconds(parse, messages))
        known = min(known, _seconds(parse, messages))
        plain = min(plain, _seconds(email.message_from_bytes, messages))
    return {
        "messages": len(messages),
        "a_second": len(messages) / new,
        "a_second_with_known_replies": len(messages) / known,
        "times_the_cost_of_email": new / plain,
    }


def _seconds(read: Callable[[bytes], object], messages: list[bytes]) -> float:
    started = time.process_time()
    for data in messages:
        read(data)
    return time.process_time() - started


if __name__ == "__main__":
    figures = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    for name, value in figures.items():
        print(f"{name}: {value:,.1f}")
    sys.exit(figures["a_second"] < FEWEST)
