"""Describes imports, and changes of subscribers, in lines for people. Reads and stores nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from newsletter.cli import output

MAX_TITLES = 30  # columns that a sentence names
_NOT_MAILED = {
    "pending": "pending: --confirmed says that they agreed, `newsletter subscribers ask` asks them",
    "unsubscribed": "unsubscribed, since they left",
    "suppressed": "suppressed, since they bounced or must not be mailed",
}
SHORT_HASH = 12  # digits that tell one from another
_HASH = re.compile(r"[0-9a-f]{40,}")


def print_change(change: dict[str, Any]) -> None:
    """Print one line about the change of one subscriber."""
    before, after = change["before"], change["after"]
    where = f"row {change['row']}  {change['address']}: "
    if change["change"] == "added":
        name = f"{after['name']}, " if after["name"] else ""
        paused = f", paused until {after['paused_until']}" if after["paused_until"] else ""
        output.say(f"+ {where}{name}{subscription(after)}{paused}")
        return
    arrow = "→" if output.is_utf8() else "->"
    changes = (
        f"{name.replace('_', ' ')} {_value(before[name])} {arrow} {_value(value)}"
        for name, value in after.items()
    )
    output.say(f"~ {where}{'; '.join(changes)}")


def print_update(change: dict[str, Any]) -> None:
    """Print the change of a subscriber who was there before; a real import says only how many are new."""
    if change["change"] != "added":
        print_change(change)


def _value(value: Any) -> str:
    shown = ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return shown or "none"


def remarks(done: dict[str, Any]) -> Iterator[str]:
    """Sentences about what the import made of the file, and which parts it did not read."""
    if not any((done["added"], done["updated"], done["unchanged"], done["refused"])):
        yield "There is nobody in that file."
    if done["format"]:
        yield f"Read as a {done['format']}."
    if done["at_most"]:
        yield f"Nobody in that file was taken for more than {done['at_most']}."
    if states := done["not_mailed"]:
        number = sum(states.values())
        they = "1 of them gets" if number == 1 else f"{number} of them get"
        why = "; ".join(f"{count} {_NOT_MAILED[state]}" for state, count in states.items())
        yield f"{they} no mail: {why}."
    if everything := done["without_topics"]:
        rows = "row names" if everything == 1 else "rows name"
        yield (
            f"{everything} {rows} no topic: these readers get everything. --topic SLUG gives them a topic."
        )
    if done["ignored_columns"]:
        titles = done["ignored_columns"]
        more = f" and {len(titles) - MAX_TITLES} more" if len(titles) > MAX_TITLES else ""
        yield f"Columns that are not read: {', '.join(titles[:MAX_TITLES])}{more}"
    for field, words in (
        ("topic", "Lists and tags that are no topics here"),
        ("timezone", "Unknown time zones"),
        ("name", "Names left out, since they hold a link or an address"),
    ):
        values = [f"{v['value']} ({v['rows']})" for v in done["ignored_values"] if v["field"] == field]
        if values:
            yield f"{words}, with their rows: {', '.join(values)}"


def cadence(row: dict[str, Any]) -> str:
    """The cadence, with the weekday of a weekly one."""
    return f"{row['cadence']} ({row['weekday']})" if row["weekday"] else str(row["cadence"])


def subscription(row: dict[str, Any]) -> str:
    """State, topics and preferences of a subscriber in one line."""
    topics = ", ".join(row["topics"]) or "no topic"
    return f"{row['state']}, {topics}, {cadence(row)} at {row['hour']}:00 {row['timezone']}"


def change_words(detail: Mapping[str, Any]) -> str:
    """The detail of a consent event: "hour 8 (was 7), no maximum (was 5)". What is empty is left out."""
    was = detail.get("was") or {}
    said = []
    for key, value in detail.items():
        name, before = key.replace("_", " "), was.get(key)
        if key == "was" or (output.is_empty(value) and output.is_empty(before)):
            continue
        earlier = "" if output.is_empty(before) else f" (was {output.cell(before)})"
        absent = "all cards" if key == "cards" else f"no {name}"
        words = absent if output.is_empty(value) else f"{name} {output.cell(value)}"
        said.append(words + earlier)
    return _HASH.sub(lambda found: found[0][:SHORT_HASH], ", ".join(said))
