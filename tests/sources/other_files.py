# ruff: noqa: E501
"""Writes files that people have beside listings, about real papers and about other things. Seeded.

A page about papers names their titles, so a paper that is taken from it is no invention; everything else is.
"""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from newsletter.sources.registry import formats
from tests.sources.foreign_pages import FOREIGN
from tests.sources.mutations import DAMAGE, DAY, Case, Lines
from tests.sources.shapes import SHAPES
from tests.sources.shapes.records import Record, one_line

Page = Callable[[random.Random, Sequence[Record]], str]

_WORDS = [
    "the",
    "harbour",
    "ferry",
    "carries",
    "flour",
    "paper",
    "lamps",
    "and",
    "letters",
    "to",
    "islands",
    "where",
    "people",
    "repair",
    "roofs",
    "bake",
    "bread",
    "sell",
    "kettles",
    "plant",
    "beans",
    "argue",
    "about",
    "trains",
    "measure",
    "rain",
    "and",
    "wait",
    "for",
    "spring",
    "while",
    "storks",
    "nest",
    "on",
    "towers",
]
_NAMES = ("Ada Reader", "Bo Writer", "Cy Maker", "Dee Gardener", "Ed Baker")
_HOSTS = ("news.example", "blog.example", "shop.example", "github.com/x/y", "video.example")


def _sentence(rng: random.Random, words: int = 12) -> str:
    return " ".join(rng.choices(_WORDS, k=words)).capitalize() + "."


def _text(rng: random.Random) -> str:
    return " ".join(_sentence(rng, rng.randint(6, 18)) for _ in range(rng.randint(1, 9)))


def _heading(rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(3, 9))).title()


def _headings(rng: random.Random) -> list[str]:
    return [_heading(rng) for _ in range(rng.randint(3, 14))]


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
    for heading in _headings(rng):
        slug = heading.lower().replace(" ", "-")
        parts += [
            f"{rng.choice(('x', 'lab', 'ai'))} / {slug}",
            "",
            _sentence(rng),
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
    for heading in _headings(rng):
        parts += [f"{heading.split()[0].lower()} 3 hours ago | next [–]", "", _text(rng), "", "reply", ""]
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
    for n, heading in enumerate(_headings(rng), 9):
        parts += [
            f"{n}:00–{n}:45  {heading}",
            f"{rng.choice(_NAMES)} (University of {heading.split()[0]})",
            "Room 3.14, chair: " + rng.choice(_NAMES),
            "",
        ]
    return "\n".join([*parts, "12:30 Lunch", "18:00 Reception in the foyer"])


def contents(rng: random.Random, records: Sequence[Record]) -> str:
    """Of a book."""
    return "\n".join(
        ["Contents", ""]
        + [f"{n} {heading} {'. ' * 12}{n * 17}" for n, heading in enumerate(_headings(rng), 1)]
        + ["Index . . . . 411"]
    )


def curriculum(rng: random.Random, records: Sequence[Record]) -> str:
    """A person's life, with grants and talks."""
    parts = [
        rng.choice(_NAMES),
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
            f"[{n}] {rng.choice(_NAMES)}. “{heading}.” Invited talk, 20{n:02}."
            for n, heading in enumerate(_headings(rng), 10)
        ]
    )


def newsletter(rng: random.Random, records: Sequence[Record]) -> str:
    """Another one, as mail."""
    parts = [
        "From: Weekly Letter <hello@letter.example>",
        "To: me@readers.example",
        f"Subject: {_heading(rng)}",
        "Date: Mon, 2 Feb 2026 09:00:00 +0000",
        "Content-Type: text/plain; charset=utf-8",
        "",
    ]
    for heading in _headings(rng):
        parts += [
            f"** {heading}",
            "-" * 60,
            textwrap.fill(_text(rng), 72),
            f"(https://{rng.choice(_HOSTS)}/{rng.randint(1, 99)})",
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
            f"{rng.choice(_NAMES)} - arXiv preprint arXiv:{record.id}, 2026",
            textwrap.fill(one_line(record.abstract)[20:200], 72) + " …",
            "Save Twitter LinkedIn Facebook",
            "",
        ]
    return "\n".join(parts)


def rss(rng: random.Random, records: Sequence[Record]) -> str:
    """Of a podcast or a blog; some link to arXiv."""
    items = "".join(
        f"<item><title>{heading}</title><link>https://{rng.choice((*_HOSTS, 'arxiv.org/blog'))}/{n}</link><guid>{n}</guid><description>{rng.choice(('', 'Episode about arXiv:2401.00001. ', 'Abstract: '))}{_text(rng)}</description><enclosure url='x.mp3'/></item>\n"
        for n, heading in enumerate(_headings(rng))
    )
    name = rng.choice(
        ("The arXiv podcast", "Updates on gardens", "cs.AI updates on my desk", "Talks about arXiv.org")
    )
    return (
        f'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>{name}</title>\n{items}</channel></rss>\n'
    )


def atom(rng: random.Random, records: Sequence[Record]) -> str:
    entries = "".join(
        f"<entry><id>tag:{rng.choice(_HOSTS)},2026:{n}</id><title>{heading}</title><updated>2026-02-02T00:00:00Z</updated><summary>{_text(rng)}</summary><author><name>{rng.choice(_NAMES)}</name></author></entry>\n"
        for n, heading in enumerate(_headings(rng))
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>{rng.choice(("Releases of arxiv.py", "arXiv watchers", "Notes"))}</title>\n{entries}</feed>\n'


def reader_text(rng: random.Random, records: Sequence[Record]) -> str:
    """What a program for feeds shows: a source, a heading, an hour, some words."""
    parts = ["All articles", "Unread", "Starred", ""]
    for heading in _headings(rng):
        parts += [rng.choice(_HOSTS), heading, f"{rng.randint(1, 23)}h", _sentence(rng), ""]
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
                    "description": _sentence(rng),
                    "html_url": f"https://github.com/x/{n}",
                    "owner": {"login": "x"},
                    "stargazers_count": n,
                }
                for n, h in enumerate(_headings(rng))
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
                "body": _text(rng),
                "url": f"https://api.github.com/{n}",
                "user": {"login": "x"},
                "comments": n,
                "created_at": "2026-02-02T09:00:00Z",
            }
            for n, h in enumerate(_headings(rng))
        ]
    )


def news_json(rng: random.Random, records: Sequence[Record]) -> str:
    return json.dumps(
        {
            "status": "ok",
            "articles": [
                {
                    "source": {"id": None, "name": "News"},
                    "author": rng.choice(_NAMES),
                    "title": h,
                    "description": _text(rng),
                    "url": f"https://news.example/{n}",
                    "publishedAt": "2026-02-02T09:00:00Z",
                }
                for n, h in enumerate(_headings(rng))
            ],
        }
    )


def articles_lines(rng: random.Random, records: Sequence[Record]) -> str:
    return "\n".join(
        json.dumps(
            {"title": h, "authors": [rng.choice(_NAMES)], "summary": _text(rng), "published": "2026-02-02"}
        )
        for h in _headings(rng)
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
            for n, h in enumerate(_headings(rng))
        ]
    )


def books(rng: random.Random, records: Sequence[Record]) -> str:
    return "title,author,year,isbn,summary\n" + "\n".join(
        f'"{h}",{rng.choice(_NAMES)},19{n:02},978{n},"{_text(rng)}"' for n, h in enumerate(_headings(rng))
    )


def tasks(rng: random.Random, records: Sequence[Record]) -> str:
    return "id;title;assignee;abstract;date\n" + "\n".join(
        f"{n};{h};{rng.choice(_NAMES)};{_sentence(rng)};2026-02-02" for n, h in enumerate(_headings(rng))
    )


def bank(rng: random.Random, records: Sequence[Record]) -> str:
    return "date\ttitle\tamount\n" + "\n".join(
        f"2026-02-{n + 1:02}\t{h}\t{n}.50" for n, h in enumerate(_headings(rng))
    )


def note(rng: random.Random, records: Sequence[Record]) -> str:
    """Markdown with headings, links, code."""
    parts = [f"# {_heading(rng)}", ""]
    for heading in _headings(rng):
        parts += [
            f"### [{heading}](https://{rng.choice(_HOSTS)}/{rng.randint(1, 99)})",
            "",
            _text(rng),
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
    for heading in _headings(rng):
        parts += [heading, "", _text(rng), ""] + (["  • 3 authors", "·", "Feb 1", ""] if credit else [])
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
            + _sentence(rng)
            + "\n",
            json.dumps({"message": ask, "documentation_url": "https://docs.example"}),
        )
    )


PAGES: tuple[Page, ...] = (
    search_results, trending, thread, links, programme, contents, curriculum, newsletter, digest_mail, rss, atom, reader_text,
    repositories, issues, news_json, articles_lines, models_json, books, tasks, bank, note, under_banner, wall,
)  # fmt: skip


def interleave(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Two files line by line, as two programs write to one."""
    step = rng.choice((1, 1, 2, 5))
    found: Lines = []
    for start in range(0, max(len(lines), len(other)), step):
        found += lines[start : start + step] + other[start : start + step]
    return found


def columns(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Two columns of a page that were copied as one."""
    width = rng.choice((60, 80))
    left = [part for line in lines for part in (textwrap.wrap(line, width) or [""])]
    right = [part for line in other for part in (textwrap.wrap(line, width) or [""])]
    count = max(len(left), len(right))
    left, right = left + [""] * (count - len(left)), right + [""] * (count - len(right))
    return [f"{a:<{width}}  {b}".rstrip() for a, b in zip(left, right, strict=True)]


def terminal(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Cut at the window's edge, in the middle of words."""
    width = rng.choice((80, 100, 132))
    return [line[start : start + width] for line in lines for start in range(0, max(len(line), 1), width)]


def clipped(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Each line ends at the window's edge."""
    width = rng.choice((40, 80, 132))
    return [line[:width] for line in lines]


def _misread(rng: random.Random, text: str, share: float) -> str:
    alike = {"l": "1", "O": "0", "m": "rn", "e": "c", "S": "5", " ": ""}
    return "".join(alike.get(sign, sign) if rng.random() < share else sign for sign in text)


def scanned(rng: random.Random, records: Sequence[Record]) -> tuple[Record, ...]:
    """Papers as a scanner reads them: letters that look alike, lost blanks. The file itself says so."""
    share = rng.choice((0.01, 0.05))
    return tuple(
        replace(r, title=_misread(rng, r.title, share), abstract=_misread(rng, r.abstract, share))
        for r in records
    )


def answered(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """A mail that was answered twice, with words above."""
    head = ["Thanks, see below.", "", "On Mon, 2 Feb 2026, Ada wrote:"]
    wrapped = [part for line in lines for part in (textwrap.wrap(line, 72) or [""])]
    return head + [f"{rng.choice(('>', '> >', '>'))} {line}" for line in wrapped]


def printed(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """As a browser prints: a head and a foot on each page."""
    found: Lines = []
    for n, start in enumerate(range(0, len(lines), 45), 1):
        found += [
            "2/2/26, 9:41 AM",
            "Daily Papers - Hugging Face",
            *lines[start : start + 45],
            f"https://huggingface.co/papers {n}/9",
        ]
    return found


def numbered(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """As `cat -n` and code viewers show it."""
    return [f"{n:6}\t{line}" for n, line in enumerate(lines, 1)]


def compared(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """As a comparison of two versions shows it."""
    return ["--- a/page.txt", "+++ b/page.txt", "@@ -1,9 +1,9 @@"] + [
        rng.choice((" ", " ", "+", "-")) + line for line in lines
    ]


def fenced(rng: random.Random, lines: Lines, other: Lines) -> Lines:
    """Inside a note in Markdown."""
    return ["# Notes of Monday", "", "Copied:", "", "```", *lines, "```", "", "To do: read these."]


CHANGES = (interleave, columns, terminal, clipped, answered, printed, numbered, compared, fenced)  # fmt: skip


def other_cases(records: Sequence[Record], number: int, *, start: int = 0) -> Iterator[Case]:
    """`number` files; each depends on its own number and the records alone."""
    for place in range(start, start + number):
        rng = random.Random(f"other {place}")
        some = tuple(rng.sample(records, rng.randint(3, min(12, len(records)))))
        named = rng.choice((None, None, rng.choice(list(formats()))))
        if rng.random() < 0.5:
            page = rng.choice(PAGES)
            lines, done = page(rng, some).split("\n"), [page.__name__]
            if rng.random() < 0.3:
                change = rng.choice(DAMAGE)
                lines, done = change(rng, lines), [*done, change.__name__]
        else:
            some = scanned(rng, some) if rng.random() < 0.1 else some
            shape = rng.choice(list(SHAPES))
            half = len(some) // 2
            lines = _lines(SHAPES[shape].write(some[: half + 1], DAY))
            beside = rng.choice(
                (
                    _lines(SHAPES[rng.choice(list(SHAPES))].write(some[half:], DAY)),
                    rng.choice(list(FOREIGN.values())).split("\n"),
                    rng.choice(PAGES)(rng, some).split("\n"),
                )
            )
            step = rng.choice(CHANGES)
            lines, done = step(rng, lines, beside), [shape, step.__name__]
        what = ", ".join(done) + (f", as {named}" if named else "")
        yield Case(
            number=place, what=what, data="\n".join(lines).encode(), format=named, records=some, whole=False
        )


def _lines(data: bytes) -> Lines:
    return data.decode().replace("\r\n", "\n").split("\n")
