"""Writes papers as Hugging Face's API and pages do, and as browsers and programs save its pages."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tests.sources.shapes.records import MONTHS, Record, folded, one_line

HF = "https://huggingface.co"


def _instant(day: date, hour: int = 0) -> str:
    return datetime.combine(day, time(hour), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def hf_record(record: Record, day: date, era: int) -> dict[str, Any]:
    """A record of `/api/daily_papers` in the shape of a year."""
    authors = [{"_id": f"{n:024x}", "name": name, "hidden": False} for n, name in enumerate(record.authors)]
    if era == 2024 and authors:
        authors[0] |= {"user": {"fullname": "An Other", "user": "other"}, "status": "claimed_verified"}
    paper: dict[str, Any] = {"id": record.id, "authors": authors, "publishedAt": _instant(record.published)}
    if era >= 2025:
        paper["submittedOnDailyAt"] = _instant(day, 2)
    paper |= {"title": record.title, "summary": record.abstract, "upvotes": record.upvotes}
    paper["discussionId"] = "6a87"
    if record.github and era >= 2025:
        paper["githubRepo"] = record.github
    held: dict[str, Any] = {"paper": paper}
    held["publishedAt"] = _instant(day, 2) if era == 2024 else _instant(record.published - timedelta(1), 20)
    held |= {"title": record.title, "numComments": record.comments}
    if era == 2024:
        held["mediaUrl"] = "https://cdn-uploads.huggingface.co/x.png"
    if era >= 2026:
        held["summary"] = record.abstract
        if record.organization:
            paper["organization"] = {"name": record.organization, "fullname": record.organization}
            held["organization"] = paper["organization"]
    return held


def hf_api(era: int) -> Callable[[Sequence[Record], date], bytes]:
    def write(records: Sequence[Record], day: date) -> bytes:
        value = [hf_record(record, day, era) for record in records]
        return json.dumps(value, ensure_ascii=era == 2024, indent=2 if era < 2026 else None).encode()

    return write


def hf_page_html(records: Sequence[Record], day: date) -> bytes:
    """A daily page with its JSON, and cards with the titles."""
    props = {"date": _instant(day), "dailyPapers": [hf_record(record, day, 2024) for record in records]}
    cards = "\n".join(
        f'<article><a href="/papers/{record.id}">Submitted by somebody</a>'
        f'<h3><a href="/papers/{record.id}">{html.escape(one_line(record.title))}</a></h3></article>'
        for record in records
    )
    text = json.dumps(props, ensure_ascii=False)
    return (
        "<!doctype html>\n<html>\n<head><title>Daily Papers - Hugging Face</title></head>\n<body>\n"
        '<div class="SVELTE_HYDRATER" data-target="MainHeader" data-props="{}"></div>\n'
        f'<div class="SVELTE_HYDRATER" data-target="DailyPapers" data-props="{html.escape(text)}">\n'
        f"{cards}\n</div>\n</body>\n</html>\n"
    ).encode()


_BANNER = (
    "new\n\nGet trending papers in your email inbox once a day!\n\n"
    "Get trending papers in your email inbox!\n\nSubscribe\n"
)


def _printed(day: date, seen: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.day}" + ("" if day.year == seen.year else f", {day.year}")


def hf_daily_text(records: Sequence[Record], day: date) -> bytes:
    """The daily page as text: no abstracts, no identifiers."""
    lines = [" Hugging Face", " ", " Models", " Datasets", "Log In", _BANNER, "Daily Papers"]
    lines += ["by AK and the research community", " Search by arxiv id or title", "Submit a paper"]
    lines.append(f" {_printed(day, day)} ")
    for record in records:
        lines += ["Submitted by  somebody", " ", str(record.upvotes), one_line(record.title), "·"]
        lines += [f"{len(record.authors)} authors", f" {record.comments}"]
    return "\n".join(lines).encode()


def hf_search_text(records: Sequence[Record], day: date) -> bytes:
    """A search page copied from a browser as plain text."""
    lines = [_BANNER, "Daily Papers", "", "byAK and the research community", "", _printed(day, day), ""]
    for record in records:
        credit = f"  • {len(record.authors)} authors"
        if record.organization:
            slug = re.sub(r"[^a-z0-9._-]+", "-", record.organization.lower())
            credit = f"{slug} {record.organization}"
        said = f" {record.comments}" if record.comments else ""
        lines += [one_line(record.title), "", one_line(record.abstract), "", credit, "·"]
        lines += [_printed(record.published, day) + said, ""]
    return "\n".join(lines).encode()


def hf_search_text_bare(records: Sequence[Record], day: date) -> bytes:
    """A search page without the blocks of authors."""
    lines = [_BANNER, "Daily Papers", "", "byAK and the research community", "", _printed(day, day), ""]
    for record in records:
        lines += [one_line(record.title), "", one_line(record.abstract), ""]
    return "\n".join(lines).encode()


def _md(text: str) -> str:
    return re.sub(r"([\\`*_\[\]])", r"\\\1", one_line(text))


def hf_markdown(records: Sequence[Record], day: date) -> bytes:
    """A search page as Markdown with inline links, as scrapers write it."""
    lines = [_BANNER.replace("Subscribe", f"[Subscribe]({HF}/login?next=%2Fpapers)"), "# Daily Papers", ""]
    lines += [f"## by [![]({HF}/front/x.png)AK]({HF}/akhaliq) and the research community", ""]
    lines += ["- Daily", "- Weekly", "- Monthly", "", f"[Trending Papers]({HF}/papers/trending)", ""]
    lines += [_printed(day, day), ""]
    for record in records:
        page = f"{HF}/papers/{record.id}"
        credit = f"[- {len(record.authors)} authors]({page})"
        if record.organization:
            credit = f"[![x](https://cdn.example/x.png){record.organization}]({HF}/x)"
        said = f"[{record.comments}]({page}#community)" if record.comments else ""
        lines += [f"[{record.upvotes}]({HF}/login?next=%2Fpapers%2F{record.id})", ""]
        lines += [
            f"### [{_md(record.title)}]({page})",
            "",
            f"[{_md(record.abstract)}]({page})",
            "",
            credit,
            "",
        ]
        lines += ["·", "", _printed(record.published, day) + said, ""]
    return "\n".join(lines).encode()


def hf_lynx(records: Sequence[Record], day: date) -> bytes:
    """A search page as lynx-like programs print it: numbered links, wrapped lines, the links at the end."""
    lines = [_BANNER.replace("Subscribe", "[Subscribe][29]"), "# Daily Papers", ""]
    lines += ["## by[AK][30] and the research community", "* Daily", "* Weekly", "* Monthly", ""]
    lines.append(_printed(day, day))
    links: list[str] = []
    number = 31
    for record in records:
        page = f"{HF}/papers/{record.id}"
        lines += ["[", str(record.upvotes), f"][{number}]", ""]
        lines += folded(f"### [{one_line(record.title)}][{number + 1}]", 120)
        lines += ["", "[", "", *folded(record.abstract, 120), "", f"][{number + 2}]"]
        lines += ["[", f"* {len(record.authors)} authors", f"][{number + 3}]", "·"]
        lines += [_printed(record.published, day), ""]
        links += [f"[{number}]: {HF}/login?next=%2Fpapers%2F{record.id}"]
        links += [f"[{number + n}]: {page}" for n in (1, 2, 3)]
        number += 4
    return "\n".join([*lines, *links]).encode()


def hf_links(records: Sequence[Record], day: date) -> bytes:
    """A search page as note programs export it: each link in a line of its own."""
    lines = [
        "# Daily Papers - Hugging Face",
        "",
        _BANNER,
        f"{HF}/login?next=%2Fpapers",
        "",
        "Daily Papers",
        "",
    ]
    lines += ["by ", "", "AK", "", f"{HF}/akhaliq", "", " and the research community", "", "Daily", ""]
    lines += [_printed(day, day), ""]
    for record in records:
        page = f"{HF}/papers/{record.id}"
        lines += [f" [-] {record.upvotes}", "", f"{HF}/login?next=%2Fpapers%2F{record.id}", ""]
        lines += [one_line(record.title), "", page, "", one_line(record.abstract), "", page, ""]
        lines += ["[", "", f"{len(record.authors)} authors]({page})", "", "·", ""]
        lines += [_printed(record.published, day), ""]
    return "\n".join(lines).encode()
