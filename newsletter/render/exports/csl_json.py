"""Writes CSL-JSON, which citation processors such as Pandoc and Zotero read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from newsletter.core.papers.reference import PersonName, Reference, citation_keys


def write(references: Sequence[Reference]) -> str:
    """The references as a JSON array, an object each."""
    keys = citation_keys(references)
    items = [_item(reference, keys[reference.id]) for reference in references]
    return json.dumps(items, ensure_ascii=False, indent=1) + "\n"


def _item(reference: Reference, key: str) -> dict[str, Any]:
    dated = reference.published_on
    known: dict[str, Any] = {
        "id": key,
        "type": "article",  # CSL 1.0.2: of preprints too
        "title": reference.title,
        "author": [_author(name) for name in reference.names],
        "issued": {"date-parts": [[dated.year, dated.month, dated.day] if dated else [reference.year]]},
        "abstract": reference.abstract,
        "DOI": reference.doi,
        "URL": reference.url,
        "number": f"arXiv:{reference.arxiv_id}" if reference.arxiv_id else None,
        "publisher": "arXiv" if reference.arxiv_id else None,
        "keyword": ", ".join(reference.topics),
        "note": f"Code: {reference.code_url}" if reference.code_url else None,
    }
    return {name: value for name, value in known.items() if value}


def _author(name: PersonName) -> dict[str, str]:
    return {"family": name.family, "given": name.given} if name.given else {"literal": name.family}
