"""Decides which web address leads to a paper: arXiv's, else the DOI's, else the page that listed it."""

from __future__ import annotations

import re
from urllib.parse import quote

_OLD_ID = re.compile(r"[a-z-]+(?:\.[a-z]{2})?/\d{7}")
_NEW_ID = re.compile(r"\d{4}\.\d{4,5}")


def paper_link(*, arxiv_id: str | None, doi: str | None, url: str | None) -> str | None:
    """The address of the paper itself; None when nothing leads to it.

    arxiv_id, doi: as `identifier_key` gives them. An identifier that is none is passed over.
    """
    if arxiv_id and (_NEW_ID.fullmatch(arxiv_id) or _OLD_ID.fullmatch(arxiv_id)):
        return f"https://arxiv.org/abs/{arxiv_id}"
    if doi and doi.startswith("10."):
        return f"https://doi.org/{quote(doi, safe='/:;()._-')}"
    return url
