"""Names in readers' words where the papers of a format or of a kind of source come from. Reads no file."""

from __future__ import annotations

_HUGGING_FACE = "Hugging Face Daily Papers"
# By the first word of the name; a format that anybody may write, such as CSV, has no origin of its own.
_ORIGINS = {"hf": _HUGGING_FACE, "daily": _HUGGING_FACE, "arxiv": "arXiv"}


def origin_of(name: str) -> str | None:
    """The origin of a format (`arxiv-mail`) or a kind of source (`hf-daily`); None when anybody's."""
    return _ORIGINS.get(name.partition("-")[0])
