"""Checks CSL-JSON by the rules of CSL 1.0.2 for the fields that exports write; any other field is an error.

The names and types are those of the specification's input schema,
https://resource.citationstyles.org/schema/v1.0/input/json/csl-data.json. Of its types of items, dates and
names only those are here that a paper can have.
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema_rs import Draft7Validator

_TEXT = {"type": "string", "minLength": 1}
_NAME = {
    "type": "object",
    "oneOf": [
        {"required": ["family"], "not": {"required": ["literal"]}},
        {"required": ["literal"], "maxProperties": 1},
    ],
    "properties": {"family": _TEXT, "given": _TEXT, "literal": _TEXT},
    "additionalProperties": False,
}
_DATE = {
    "type": "object",
    "required": ["date-parts"],
    "properties": {
        "date-parts": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,  # the second is the end of a span
            "items": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "integer"}},
        }
    },
    "additionalProperties": False,
}
_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "id"],
        "properties": {
            "id": _TEXT,
            "type": {"enum": ["article", "article-journal", "paper-conference", "report", "dataset"]},
            "title": _TEXT,
            "author": {"type": "array", "minItems": 1, "items": _NAME},
            "issued": _DATE,
            **dict.fromkeys(("abstract", "DOI", "URL", "number", "publisher", "keyword", "note"), _TEXT),
        },
        "additionalProperties": False,
    },
}
_VALIDATOR = Draft7Validator(_SCHEMA)


def errors(text: str) -> list[str]:
    """`path: what is wrong` for each error; [] for a valid document."""
    return [f"{error.instance_path}: {error.message}" for error in _VALIDATOR.iter_errors(json.loads(text))]
