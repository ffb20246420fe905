"""Writes papers as lists of references: BibTeX, RIS, CSL-JSON and Markdown. Looks nothing up.

A format is one module with `write` and one line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from newsletter.core.papers.reference import Reference
from newsletter.render.exports import bibtex, csl_json, markdown, ris


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """One way to write references."""

    suffix: str  # of a file and of an address, without the first dot
    media_type: str
    title: str
    write: Callable[[Sequence[Reference]], str]


FORMATS = {
    "bibtex": ExportFormat(
        suffix="bib", media_type="application/x-bibtex", title="BibTeX", write=bibtex.write
    ),
    "ris": ExportFormat(
        suffix="ris", media_type="application/x-research-info-systems", title="RIS", write=ris.write
    ),
    "csl-json": ExportFormat(
        suffix="csl.json",
        media_type="application/vnd.citationstyles.csl+json",
        title="CSL-JSON",
        write=csl_json.write,
    ),
    "markdown": ExportFormat(suffix="md", media_type="text/markdown", title="Markdown", write=markdown.write),
}
BY_SUFFIX = {format.suffix: format for format in FORMATS.values()}
