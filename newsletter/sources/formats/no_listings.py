"""Knows files that are no listings but are often saved instead of one, and names the right door.

It is no format. docs/how-to/bring-listings-in.md lists the doors.
"""

# ruff: noqa: E501
from __future__ import annotations

import re

from newsletter.sources.dump_file import DumpFile

HF = "Save https://huggingface.co/papers or a search page of it (HTML, or all of it copied as text)."
ARXIV = "Save https://arxiv.org/list/CATEGORY/new as HTML, its feed https://rss.arxiv.org/rss/CATEGORY, or the mail."
API = "Save the answer of https://huggingface.co/api/daily_papers as .json, whole."
COLUMNS = (
    "A table needs the column title, and arxiv_id, doi, or abstract and authors; see bring-listings-in.md."
)
LATER = "Open the page in a browser, wait until the papers are shown, and save it then."

_KINDS: tuple[tuple[str, str, str], ...] = (  # (in the first lines, what the file is, what to do)
    (r"just a moment|verify(?:ing)? (?:that )?you are (?:a )?human|checking your browser|captcha|\bcf-chl", "a page that asks whether you are human, not the listing", LATER),
    (r"<h1>\s*(?:40[0-9]|50[0-9])\b|^[ \t]*(?:40[34]|50[0234])\b|page not found|sorry, we can'?t find the page|\b(?:bad gateway|service unavailable)\b", "an error page", LATER),
    (r"rate exceeded|too many requests|\"error\"\s*:", "an error message of a server", LATER),
    (r"forgot (?:your )?password|<title>\s*(?:log|sign) in|don't have an account", "a login page", HF),
    (r"<blockquote class=.abstract|citation_arxiv_id|class=.title mathjax.>\s*<span class=.descriptor.>title:", "the page of one arXiv paper, not a listing", ARXIV),
    (r"\bpapers\s+arxiv:\d{4}\.\d{4,5}|property=.og:url. content=.https://huggingface\.co/papers/\d|upvote\s+\d+.*published on", "the page of one Hugging Face paper, not a listing", HF),
    (r"model card\s+files|<title>[^<]* · hugging face", "a page of a model or data set at Hugging Face", HF),
    (r"<rss|<feed|<rdf:rdf", "a feed of another site, or one without announcements of arXiv", ARXIV),
    (r"begin:vcalendar|begin:vcard", "a calendar or an address card", HF),
    (r"<!doctype html|<html", "a web page that is no listing of a known kind", f"{HF} {ARXIV}"),
    (r"^(?:from|to|subject|date|return-path|received|delivered-to|mime-version):.*\n(?:.*\n){0,30}(?:from|to|subject|date):", "mail that is not a daily mailing of arXiv", ARXIV),
    (r"^(?:#|- |\* )", "Markdown that is no search page of Hugging Face", f"{HF} {ARXIV}"),
)  # fmt: skip
_HEAD = 20_000  # characters


def known_kind(dump: DumpFile) -> tuple[str, str] | None:
    """(what the file is, what to do instead); None when it is of no kind that is known here."""
    head = dump.head[:_HEAD].lstrip("\ufeff \n\t").lower()
    if head[:1] in ("[", "{") and dump.json is None and not _whole_lines(head):
        return "JSON that is cut, or damaged", f"Save it again, whole. {API}"
    for pattern, what, door in _KINDS:
        if re.search(pattern, head, re.MULTILINE):
            return what, door
    if head[:1] in ("[", "{"):
        return "JSON without papers", f"{API} {COLUMNS}"
    first = head.partition("\n")[0]
    if any(first.count(mark) > 1 for mark in ",;\t") and first.count(" ") < 2 * len(
        re.findall("[,;\t]", first)
    ):
        return "a table of something else than papers", COLUMNS
    return None


def _whole_lines(head: str) -> bool:
    """Whether each line seems to be an object: JSON lines."""
    lines = [line for line in head.split("\n") if line.strip()][:-1]
    return len(lines) > 1 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines)
