# ruff: noqa: E501
"""Writes pages that people have beside listings, about real papers and about other things. Seeded."""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Callable, Sequence

from tests.sources.other_words import HOSTS, NAMES, a_heading, headings, sentence, words_of_text
from tests.sources.shapes.records import Record, one_line

Page = Callable[[random.Random, Sequence[Record]], str]


def search_results(rng: random.Random, records: Sequence[Record]) -> str:
    """A page of a search engine: each title with its end cut away."""
    parts = ["papers - Search", f"About {rng.randint(2, 900)},000 results (0.41 seconds)", ""]
    for record in records:
        parts += [
            f"{one_line(record.title)[:40]} ...",
            f"https://arxiv.org › abs › {record.id}",
            one_line(record.abstract)[:150] + " ...",
            "",
        ]
    return "\n".join([*parts, "Related searches", "1 2 3 4 Next"])


def trending(rng: random.Random, records: Sequence[Record]) -> str:
    """Repositories with their stars."""
    parts = ["Trending", "See what the GitHub community is most excited about today.", ""]
    for heading in headings(rng):
        slug = heading.lower().replace(" ", "-")
        parts += [
            f"{rng.choice(('x', 'lab', 'ai'))} / {slug}",
            "",
            sentence(rng),
            "",
            f"Python  {rng.randint(1, 99)}k  {rng.randint(1, 900)}  Built by",
            f"{rng.randint(1, 900)} stars today",
            "",
        ]
    return "\n".join(parts)


def thread(rng: random.Random, records: Sequence[Record]) -> str:
    """Talk about one paper."""
    record = rng.choice(records)
    parts = [
        "Hacker News new | past | comments | ask | show | jobs | submit",
        f"{record.title[:60]} [pdf] (arxiv.org)",
        f"{rng.randint(2, 900)} points by user{rng.randint(1, 9)} 5 hours ago | hide | 48 comments",
        "",
    ]
    for heading in headings(rng):
        parts += [
            f"{heading.split()[0].lower()} 3 hours ago | next [–]",
            "",
            words_of_text(rng),
            "",
            "reply",
            "",
        ]
    return "\n".join(parts)


def links(rng: random.Random, records: Sequence[Record]) -> str:
    """A forum's front page, most of it links to papers."""
    parts = ["r/MachineLearning", "Hot New Top Rising", ""]
    for record in records:
        parts += [
            "Posted by u/reader 4 hours ago",
            "",
            f"[R] {one_line(record.title)[:50]}",
            "arxiv.org",
            str(rng.randint(1, 900)),
            f"{rng.randint(1, 99)} comments",
            "Share",
            "Save",
            "",
        ]
    return "\n".join(parts)


def programme(rng: random.Random, records: Sequence[Record]) -> str:
    """Of a day at a conference."""
    parts = ["Programme", "", "Monday, 2 February", ""]
    for n, heading in enumerate(headings(rng), 9):
        parts += [
            f"{n}:00–{n}:45  {heading}",
            f"{rng.choice(NAMES)} (University of {heading.split()[0]})",
            "Room 3.14, chair: " + rng.choice(NAMES),
            "",
        ]
    return "\n".join([*parts, "12:30 Lunch", "18:00 Reception in the foyer"])


def contents(rng: random.Random, records: Sequence[Record]) -> str:
    """Of a book."""
    return "\n".join(
        ["Contents", ""]
        + [f"{n} {heading} {'. ' * 12}{n * 17}" for n, heading in enumerate(headings(rng), 1)]
        + ["Index . . . . 411"]
    )


def curriculum(rng: random.Random, records: Sequence[Record]) -> str:
    """A person's life, with grants and talks."""
    parts = [
        rng.choice(NAMES),
        "Curriculum vitae",
        "",
        "Education",
        "2011–2015 PhD, University of Somewhere",
        "",
        "Talks",
        "",
    ]
    return "\n".join(
        parts
        + [
            f"[{n}] {rng.choice(NAMES)}. “{heading}.” Invited talk, 20{n:02}."
            for n, heading in enumerate(headings(rng), 10)
        ]
    )


def newsletter(rng: random.Random, records: Sequence[Record]) -> str:
    """Another one, as mail."""
    parts = [
        "From: Weekly Letter <hello@letter.example>",
        "To: me@readers.example",
        f"Subject: {a_heading(rng)}",
        "Date: Mon, 2 Feb 2026 09:00:00 +0000",
        "Content-Type: text/plain; charset=utf-8",
        "",
    ]
    for heading in headings(rng):
        parts += [
            f"** {heading}",
            "-" * 60,
            textwrap.fill(words_of_text(rng), 72),
            f"(https://{rng.choice(HOSTS)}/{rng.randint(1, 99)})",
            "",
        ]
    return "\n".join(
        [*parts, "You receive this because you signed up. Unsubscribe: https://letter.example/u"]
    )


def digest_mail(rng: random.Random, records: Sequence[Record]) -> str:
    """A mail of alerts: the titles are real, the lines below are parts of abstracts."""
    parts = [
        "From: Scholar Alerts <alerts@scholar.example>",
        "To: me@readers.example",
        "Subject: new articles",
        "Date: Mon, 2 Feb 2026 09:00:00 +0000",
        "",
    ]
    for record in records:
        parts += [
            f"[PDF] {one_line(record.title)}",
            f"{rng.choice(NAMES)} - arXiv preprint arXiv:{record.id}, 2026",
            textwrap.fill(one_line(record.abstract)[20:200], 72) + " …",
            "Save Twitter LinkedIn Facebook",
            "",
        ]
    return "\n".join(parts)


def rss(rng: random.Random, records: Sequence[Record]) -> str:
    """Of a podcast or a blog; some link to arXiv."""
    items = "".join(
        f"<item><title>{heading}</title><link>https://{rng.choice((*HOSTS, 'arxiv.org/blog'))}/{n}</link><guid>{n}</guid><description>{rng.choice(('', 'Episode about arXiv:2401.00001. ', 'Abstract: '))}{words_of_text(rng)}</description><enclosure url='x.mp3'/></item>\n"
        for n, heading in enumerate(headings(rng))
    )
    name = rng.choice(
        ("The arXiv podcast", "Updates on gardens", "cs.AI updates on my desk", "Talks about arXiv.org")
    )
    return (
        f'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>{name}</title>\n{items}</channel></rss>\n'
    )


def atom(rng: random.Random, records: Sequence[Record]) -> str:
    entries = "".join(
        f"<entry><id>tag:{rng.choice(HOSTS)},2026:{n}</id><title>{heading}</title><updated>2026-02-02T00:00:00Z</updated><summary>{words_of_text(rng)}</summary><author><name>{rng.choice(NAMES)}</name></author></entry>\n"
        for n, heading in enumerate(headings(rng))
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>{rng.choice(("Releases of arxiv.py", "arXiv watchers", "Notes"))}</title>\n{entries}</feed>\n'


def reader_text(rng: random.Random, records: Sequence[Record]) -> str:
    """What a program for feeds shows: a source, a heading, an hour, some words."""
    parts = ["All articles", "Unread", "Starred", ""]
    for heading in headings(rng):
        parts += [rng.choice(HOSTS), heading, f"{rng.randint(1, 23)}h", sentence(rng), ""]
    return "\n".join(parts)


def repositories(rng: random.Random, records: Sequence[Record]) -> str:
    return json.dumps(
        {
            "total_count": 3,
            "items": [
                {
                    "id": n,
                    "name": h.replace(" ", "-"),
                    "full_name": f"x/{n}",
                    "description": sentence(rng),
                    "html_url": f"https://github.com/x/{n}",
                    "owner": {"login": "x"},
                    "stargazers_count": n,
                }
                for n, h in enumerate(headings(rng))
            ],
        }
    )


def issues(rng: random.Random, records: Sequence[Record]) -> str:
    return json.dumps(
        [
            {
                "id": n,
                "number": n,
                "title": h,
                "body": words_of_text(rng),
                "url": f"https://api.github.com/{n}",
                "user": {"login": "x"},
                "comments": n,
                "created_at": "2026-02-02T09:00:00Z",
            }
            for n, h in enumerate(headings(rng))
        ]
    )


def news_json(rng: random.Random, records: Sequence[Record]) -> str:
    return json.dumps(
        {
            "status": "ok",
            "articles": [
                {
                    "source": {"id": None, "name": "News"},
                    "author": rng.choice(NAMES),
                    "title": h,
                    "description": words_of_text(rng),
                    "url": f"https://news.example/{n}",
                    "publishedAt": "2026-02-02T09:00:00Z",
                }
                for n, h in enumerate(headings(rng))
            ],
        }
    )


def articles_lines(rng: random.Random, records: Sequence[Record]) -> str:
    return "\n".join(
        json.dumps(
            {
                "title": h,
                "authors": [rng.choice(NAMES)],
                "summary": words_of_text(rng),
                "published": "2026-02-02",
            }
        )
        for h in headings(rng)
    )


def models_json(rng: random.Random, records: Sequence[Record]) -> str:
    return json.dumps(
        [
            {
                "_id": str(n),
                "id": f"x/{h.replace(' ', '-')}",
                "title": h,
                "likes": n,
                "tags": ["arxiv:2401.00001"],
                "paper": None,
            }
            for n, h in enumerate(headings(rng))
        ]
    )


def books(rng: random.Random, records: Sequence[Record]) -> str:
    return "title,author,year,isbn,summary\n" + "\n".join(
        f'"{h}",{rng.choice(NAMES)},19{n:02},978{n},"{words_of_text(rng)}"'
        for n, h in enumerate(headings(rng))
    )


def tasks(rng: random.Random, records: Sequence[Record]) -> str:
    return "id;title;assignee;abstract;date\n" + "\n".join(
        f"{n};{h};{rng.choice(NAMES)};{sentence(rng)};2026-02-02" for n, h in enumerate(headings(rng))
    )


def bank(rng: random.Random, records: Sequence[Record]) -> str:
    return "date\ttitle\tamount\n" + "\n".join(
        f"2026-02-{n + 1:02}\t{h}\t{n}.50" for n, h in enumerate(headings(rng))
    )


def note(rng: random.Random, records: Sequence[Record]) -> str:
    """Markdown with headings, links, code."""
    parts = [f"# {a_heading(rng)}", ""]
    for heading in headings(rng):
        parts += [
            f"### [{heading}](https://{rng.choice(HOSTS)}/{rng.randint(1, 99)})",
            "",
            words_of_text(rng),
            "",
            "```python",
            "print(1)",
            "```",
            "",
        ]
    return "\n".join(parts)


def under_banner(rng: random.Random, records: Sequence[Record]) -> str:
    """Any text where a page's papers should stand."""
    parts = ["Daily Papers", "", "byAK and the research community", "", "Feb 2", ""]
    credit = rng.random() < 0.5
    for heading in headings(rng):
        parts += [heading, "", words_of_text(rng), ""] + (
            ["  • 3 authors", "·", "Feb 1", ""] if credit else []
        )
    return "\n".join(parts)


def wall(rng: random.Random, records: Sequence[Record]) -> str:
    """A page that asks for something first."""
    ask = rng.choice(
        (
            "Log in to continue",
            "Accept cookies to continue",
            "Verify you are human",
            "Enable JavaScript and cookies to continue",
            "This page could not be found",
            "Session expired",
            "Too many requests, try again later",
            "Choose a plan to read more",
        )
    )
    return rng.choice(
        (
            f"{ask}\n\nEmail\nPassword\n",
            f"<html><head><title>{ask}</title></head><body><h1>{ask}</h1></body></html>",
            "Daily Papers\n\nbyAK and the research community\n\nFeb 2\n\n"
            + ask
            + "\n\n"
            + sentence(rng)
            + "\n",
            json.dumps({"message": ask, "documentation_url": "https://docs.example"}),
        )
    )


PAGES: tuple[Page, ...] = (
    search_results, trending, thread, links, programme, contents, curriculum, newsletter, digest_mail, rss, atom, reader_text,
    repositories, issues, news_json, articles_lines, models_json, books, tasks, bank, note, under_banner, wall,
)  # fmt: skip
