"""The pattern of a subject line: which fields it may hold. Fills none."""

from __future__ import annotations

from string import Formatter

FIELDS = ("name", "number", "date", "topics", "first", "count")
_HINT = "use any of " + ", ".join("{" + name + "}" for name in FIELDS) + ", and {{ for a brace"


def check_subject(pattern: str) -> str:
    """The pattern itself. Raises ValueError when it cannot be filled."""
    try:
        fields = [(name, form, how) for _, name, form, how in Formatter().parse(pattern) if name is not None]
    except ValueError as error:
        raise ValueError(f"cannot be read ({error}); {_HINT}") from error
    for name, form, how in fields:
        if name not in FIELDS:
            raise ValueError(f"there is no field {{{name}}}; {_HINT}")
        if form or how:
            raise ValueError(f"the field {{{name}}} takes nothing behind its name; {_HINT}")
    return pattern
