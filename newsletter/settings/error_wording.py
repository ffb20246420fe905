"""Describes a wrong value of a setting in the words of newsletter.toml. Checks no value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from newsletter.settings.model import Settings

_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {  # by pydantic's name of the error
    "missing": lambda _: "is missing",
    "literal_error": lambda given: f"must be {given['expected']}",
    "greater_than_equal": lambda given: f"must be at least {given['ge']}",
    "greater_than": lambda given: f"must be more than {given['gt']}",
    "less_than_equal": lambda given: f"must be at most {given['le']}",
    "less_than": lambda given: f"must be less than {given['lt']:g}",
    "string_too_short": lambda given: _too_short(given["min_length"]),
    "too_short": lambda given: _too_short(given["min_length"]),
    "string_too_long": lambda given: f"must have at most {given['max_length']} characters",
    "string_type": lambda _: "must be text, in quotes",
    "tuple_type": lambda _: "must be a list, in [ ]",
    "dict_type": lambda _: "must be a table",
    "model_type": lambda _: "must be a table",
}
_KINDS = {"int": "must be a whole number", "float": "must be a number", "bool": "must be true or false"}


def _too_short(least: int) -> str:
    return "must not be empty" if least == 1 else f"must have at least {least} characters"


def in_words(error: ErrorDetails) -> str:
    """The fault of a value, to follow the name of the setting."""
    describe = _WORDS.get(error["type"])
    if describe is not None:
        return describe(error.get("ctx", {}))
    return _KINDS.get(error["type"].partition("_")[0]) or str(error["msg"]).removeprefix("Value error, ")


def meaning(path: Sequence[str]) -> str:
    """The description of the setting at `path`; empty when it has none."""
    model: type[BaseModel] = Settings
    description = ""
    for step in path:
        field = model.model_fields.get(step)
        if field is not None:
            description = field.description or ""
            candidates = (field.annotation, *get_args(field.annotation))
            model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return description
