"""Writes RIS, the form in which reference managers exchange references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from newsletter.core.papers.reference import PersonName, Reference, citation_keys


def write(references: Sequence[Reference]) -> str:
    """The references as a RIS file; empty for none."""
    import rispy  # 40 ms

    keys = citation_keys(references)
    entries = [_entry(reference, keys[reference.id]) for reference in references]
    if not entries:
        return ""

    class UnnumberedRis(rispy.RisWriter):  # type: ignore[misc]
        """Puts no number before each entry: a RIS entry begins with its type."""

        def set_header(self, count: int) -> None:
            """Writes nothing."""

    return str(rispy.dumps(entries, implementation=UnnumberedRis))


def _entry(reference: Reference, key: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type_of_reference": "UNPB" if reference.arxiv_id else "GEN",
        "id": key,
        "title": _line(reference.title),
        "authors": [_author(name) for name in reference.names],
        "year": str(reference.year),
    }
    if reference.published_on is not None:
        entry["date"] = f"{reference.published_on:%Y/%m/%d}"
    if reference.abstract:
        entry["abstract"] = _line(reference.abstract)
    if reference.doi:
        entry["doi"] = reference.doi
    if reference.arxiv_id:
        entry["number"] = f"arXiv:{reference.arxiv_id}"
        entry["publisher"] = "arXiv"
    entry["urls"] = [url for url in (reference.url, reference.code_url) if url]
    entry["keywords"] = [*map(_line, reference.topics), *reference.categories]
    return entry


def _author(name: PersonName) -> str:
    return _line(f"{name.family}, {name.given}" if name.given else name.family)


def _line(text: str) -> str:
    """The text on one line: a line of its own would be a field."""
    return " ".join(text.split())
