"""Real bounces: who failed, and how hard. They lie beside the checkout and are not committed."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

from newsletter.inbound.parse import parse
from tests.shared_data import SHARED, needs_shared

EXACT = 0.97  # of the messages: exactly the recipients that failed
HARDNESS = 0.95  # of these recipients: hard, or not hard
NOT_BOUNCES = {"feedback": "complaint", "delivered": "delivery-report", "vacation": "auto-reply"}

pytestmark = needs_shared


@cache
def _counted() -> Counter[str]:
    """How many messages and recipients, and how many of them are right.

    A message that its own fields or words call a delay is right as such: nobody failed yet.
    """
    counted: Counter[str] = Counter()
    folder = SHARED / "bounces"
    for line in (folder / "expected.jsonl").read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        report = parse((folder / "mail" / row["file"]).read_bytes())
        expected = {one["address"].lower(): one for one in row["recipients"]}
        kinds = {NOT_BOUNCES.get(one["reason"]) for one in row["recipients"]}
        if None not in kinds:
            counted["no bounces"] += 1
            counted["right class"] += {report.kind.value} == kinds
            counted["wrongly bounces"] += report.kind == "bounce"
            continue
        if (report.kind, report.action) == ("delivery-report", "delayed"):
            counted["delays"] += 1
            continue
        found = {one.address.lower(): one for one in report.recipients}
        counted["bounces"] += 1
        counted["exact"] += set(found) == set(expected)
        for address in set(found) & set(expected):
            counted["recipients"] += 1
            counted["right hardness"] += (found[address].kind == "hard") == expected[address]["hard"]
    return counted


def test_recipients_are_exact() -> None:
    counted = _counted()
    assert counted["exact"] >= EXACT * counted["bounces"], counted
    assert counted["delays"] <= 0.03 * counted["bounces"], counted


def test_hardness_is_right() -> None:
    counted = _counted()
    assert counted["right hardness"] >= HARDNESS * counted["recipients"], counted


def test_what_is_no_bounce_is_none() -> None:
    counted = _counted()
    assert counted["wrongly bounces"] == 0
    assert counted["right class"] == counted["no bounces"] > 0
