"""The shapes of listings in which tests write papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from tests.sources.shapes import arxiv, hf, tables
from tests.sources.shapes.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How papers are written, and what of them a file of that shape holds."""

    write: Callable[[Sequence[Record], date], bytes]
    format: str  # the name of the format that reads it
    suffix: str
    id: bool = True
    abstract: bool = True
    authors: bool = True


_HF, _MAIL = "hf-api-json", "arxiv-mail"
SHAPES: dict[str, Shape] = {
    "HF API 2024": Shape(write=hf.hf_api(2024), format=_HF, suffix=".json"),
    "HF API 2025": Shape(write=hf.hf_api(2025), format=_HF, suffix=".json"),
    "HF API 2026": Shape(write=hf.hf_api(2026), format=_HF, suffix=".json"),
    "HF page HTML": Shape(write=hf.hf_page_html, format="hf-page-html", suffix=".html"),
    "HF daily text": Shape(
        write=hf.hf_daily_text, format="hf-daily-text", suffix=".txt", id=False, abstract=False, authors=False
    ),
    "HF search text": Shape(
        write=hf.hf_search_text, format="daily-papers", suffix=".txt", id=False, authors=False
    ),
    "HF search text, no blocks": Shape(
        write=hf.hf_search_text_bare, format="daily-papers", suffix=".txt", id=False, authors=False
    ),
    "HF Markdown": Shape(write=hf.hf_markdown, format="hf-search-markdown", suffix=".md", authors=False),
    "HF lynx": Shape(write=hf.hf_lynx, format="hf-search-markdown", suffix=".txt", authors=False),
    "HF links": Shape(write=hf.hf_links, format="hf-search-links", suffix=".txt", authors=False),
    "arXiv mail": Shape(write=arxiv.arxiv_mail("8bit", "\n"), format=_MAIL, suffix=".eml"),
    "arXiv mail, CRLF": Shape(write=arxiv.arxiv_mail("8bit", "\r\n"), format=_MAIL, suffix=".eml"),
    "arXiv mail, quoted-printable": Shape(
        write=arxiv.arxiv_mail("quoted-printable", "\n"), format=_MAIL, suffix=".eml"
    ),
    "arXiv mail, base64": Shape(write=arxiv.arxiv_mail("base64", "\r\n"), format=_MAIL, suffix=".eml"),
    "arXiv mail, pasted": Shape(write=arxiv.arxiv_pasted, format=_MAIL, suffix=".txt"),
    "arXiv mbox": Shape(write=arxiv.arxiv_mbox, format=_MAIL, suffix=".mbox"),
    "arXiv mail, replaced": Shape(write=arxiv.arxiv_replaced, format=_MAIL, suffix=".eml", abstract=False),
    "arXiv RSS": Shape(write=arxiv.arxiv_rss, format="arxiv-feed", suffix=".xml"),
    "arXiv Atom": Shape(write=arxiv.arxiv_atom, format="arxiv-feed", suffix=".xml"),
    "arXiv API": Shape(write=arxiv.arxiv_api(2024), format="arxiv-api-atom", suffix=".xml"),
    "arXiv API 2026": Shape(write=arxiv.arxiv_api(2026), format="arxiv-api-atom", suffix=".xml"),
    "arXiv listing": Shape(write=arxiv.arxiv_listing, format="arxiv-listing-html", suffix=".html"),
    "BibTeX": Shape(write=tables.bibtex, format="bibtex", suffix=".bib"),
    "RIS": Shape(write=tables.ris, format="ris", suffix=".ris"),
    "JSON lines": Shape(write=tables.json_lines, format="json-papers", suffix=".jsonl"),
    "JSON array": Shape(write=tables.json_array, format="json-papers", suffix=".json"),
    "CSV": Shape(write=tables.csv_rows, format="csv-papers", suffix=".csv"),
}
