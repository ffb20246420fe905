# ruff: noqa: E501
"""Pages and files that hold no paper: what people save by mistake. All of it is written for these tests."""

from __future__ import annotations

import json
import re

_NEWS = (
    (
        "Ferry service returns to the northern islands after winter storms",
        "The first boat left the harbour at six on Monday morning with forty passengers, two vans and a crate of "
        "letters that had waited since January. The captain said that the sea was calm and the crew was glad to be "
        "back. Shops on the islands had run short of flour and paper. A second boat follows on Thursday, the "
        "company said, if the weather holds.",
    ),
    (
        "Council votes to keep the old swimming hall open for two more years",
        "After four hours of debate the council decided by nine votes to seven that the hall in Mill Street stays "
        "open. Parents had collected three thousand signatures. The roof needs repairs that cost more than the town "
        "has, and the mayor warned that the question comes back. Swimmers cheered outside the town hall until late "
        "in the evening.",
    ),
    (
        "Baker wins a prize for bread made from forgotten grains",
        "When Ingrid Solberg inherited the bakery from her uncle, it sold rolls and little else. Now people drive "
        "from the coast for a loaf of emmer and barley. The jury praised the crust and the patience behind it. She "
        "plans to open a school for apprentices next spring, she told this newspaper, and to write down what her "
        "uncle never did.",
    ),
    (
        "Night trains to the south are booked out until the end of August",
        "Travellers who want to wake up by the sea have to be quick. The railway added four carriages to each train "
        "and sold them within a day. Flights are dearer than last year, and many families say that the journey is "
        "the better half of the holiday. A spokesman promised more beds for the autumn and asked for patience at "
        "the counters.",
    ),
    (
        "Storks breed on the roof of the fire station for the first time",
        "The firefighters noticed the nest in April when a branch fell on the engine. Since then the doors open "
        "slowly and the siren is tested elsewhere. Two young birds have hatched, and a camera shows them to half the "
        "country. In September the family leaves for the south, and the roof will be cleaned, said the officer in "
        "charge.",
    ),
)
_BLOG = tuple(
    (title, text * 3)
    for title, text in (
        (
            "Why I went back to paper notebooks",
            "I tried every app and kept losing the thought on the way to it. ",
        ),
        (
            "A weekend of fixing the old boiler",
            "It leaked, I sighed, my neighbour laughed and brought a wrench. ",
        ),
        (
            "How we moved our shop to another host",
            "We copied everything twice, and it still broke on a Sunday. ",
        ),
        (
            "What our models of running shoes have in common",
            "They are light, we like them, and they last a year. ",
        ),
    )
)


def _dated(day: str, items: tuple[tuple[str, str], ...], more: str = "") -> str:
    return f"{day}\n\n" + "\n\n".join(f"{title}\n\n{text}{more}" for title, text in items) + "\n"


def _html(title: str, body: str) -> str:
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body>\n{body}\n</body></html>\n"


def _rss(title: str, link: str) -> str:
    items = "".join(
        f"<item><title>{name}</title><link>{link}/{n}</link><description>{text}</description></item>\n"
        for n, (name, text) in enumerate(_NEWS)
    )
    return f'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>{title}</title>\n{items}</channel></rss>\n'


def _atom(title: str) -> str:
    entries = "".join(
        f"<entry><id>tag:{n}</id><title>{name}</title><summary>{text}</summary>"
        "<author><name>A. Writer</name></author></entry>\n"
        for n, (name, text) in enumerate(_NEWS)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>{title}</title>\n{entries}</feed>\n'


_NAV = " Hugging Face\n Models\n Datasets\n Spaces\n Docs\nPricing\nLog In\nSign Up\n"
_BANNER = f"{_NAV}new\n\nGet trending papers in your email inbox!\n\nSubscribe\n\nDaily Papers\n\n"
_BY = "byAK and the research community\n\n"
_CARDS = "".join(f"<article><h2>{title}</h2><p>{text}</p></article>\n" for title, text in _NEWS)

FOREIGN: dict[str, str] = {
    "newspaper": _dated("Dec 12", _NEWS),
    "newspaper with authors": _dated("Dec 12", _NEWS, "\n\n  • 2 authors\n·\nDec 11 3"),
    "newspaper under a banner": _BANNER + _BY + _dated("Dec 12", _NEWS),
    "newspaper under a banner, with authors": _BANNER + _BY + _dated("Dec 12", _NEWS, "\n\n  • 2 authors\n·\nDec 11"),
    "newspaper as HTML": _html("The Daily Papers", _CARDS),
    "newspaper as Markdown": "# Daily Papers\n\n" + "\n\n".join(f"### {t}\n\n{x}" for t, x in _NEWS),
    "newspaper as linked Markdown": "# Daily Papers\n\nDec 12\n\n"
    + "\n\n".join(f"### [{t}](https://news.example/{n})\n\n[{x}](https://news.example/{n})" for n, (t, x) in enumerate(_NEWS)),
    "newspaper as RSS": _rss("The Daily Papers", "https://news.example"),
    "blog": _dated("November 30", _BLOG),
    "blog under a banner": _BANNER + _dated("Nov 30", _BLOG),
    "blog as RSS": _rss("Updates on my garden", "https://blog.example"),
    "blog about arXiv as RSS": _rss("My favourites on arxiv.org", "https://blog.example/arxiv"),
    "blog as Atom": _atom("Notes of a gardener"),
    "release notes as Atom": _atom("Release notes from arxiv-tools"),
    "query of a shop as Atom": _atom("Search results for arxiv mugs"),
    "shop": "\n".join(f"Kettle model {n}\n4.{n} stars\n{n}9,90 €\nAdd to basket\n" for n in range(1, 15)),
    "shop as a table": "title,price,authors,url\n" + "\n".join(f"Kettle {n},{n}9.90,,https://shop.example/{n}" for n in range(9)),
    "films as a table": "id,title,summary,year\n" + "\n".join(f'{n},"{t}","{x}",1999' for n, (t, x) in enumerate(_NEWS)),
    "forum": "\n".join(f"Submitted by user{n}\n{n}2\nHow do I clean filter {n}?\n{n} comments\n" for n in range(1, 12)),
    "forum with credits": "\n".join(f"Submitted by user{n}\n\n{n}\nMy filter {n} is broken\n·\n{n} replies\n" for n in range(12)),
    "README": "# fastgrep\n\nA small tool that searches.\n\n## Install\n\n    pip install fastgrep\n\n## Use\n\nRun `fastgrep x`.\n",
    "README with papers": "# Awesome papers\n\n" + "\n".join(f"- [Paper {n}](https://arxiv.org/abs/2401.0{n:04})" for n in range(9)),
    "minutes": "Minutes, 12 March\n\nPresent: Anna, Bo, Cy\n\n1. Roof\nBo asks two firms.\n\n2. Party\nMoved to May.\n",
    "recipe": "Lentil soup\n\nServes four\n\n2 onions\n300 g lentils\n1 l stock\n\nFry the onions until soft. Add the rest.\n",
    "log": "\n".join(f"2026-11-{d:02} 09:00:00 INFO worker[{d}]: job {d} done in {d}.2 s" for d in range(1, 29)),
    "people": "email,name,topics\nada@readers.example,Ada,circuits\nbo@readers.example,Bo,quantum;circuits\n",
    "people with titles": "title,name,email\nDr,Ada Example,ada@readers.example\nProf,Bo Sample,bo@readers.example\n",
    "people as JSON": json.dumps([{"name": "Ada", "title": "Engineer", "summary": "Likes tea", "id": n} for n in range(5)]),
    "shop as JSON": json.dumps([{"title": t, "summary": x, "id": n} for n, (t, x) in enumerate(_NEWS)]),
    "shop as JSON lines": "\n".join(json.dumps({"title": t, "abstract": x, "url": "https://news.example"}) for t, x in _NEWS),
    "settings as JSON": json.dumps({"paper": {"size": "A4"}, "printer": [{"paper": {"id": "x"}}]}),
    "books as BibTeX": "@comment{none}\n@string{acm = {ACM}}\n",
    "code": "import os\n\n\ndef main(argv):\n    '''Run.'''\n    for name in argv:\n        print(name)\n" * 6,
    "HTML documentation": _html("API reference", "<h1>Reference</h1>" + "".join(f"<h3>open{n}()</h3><p>Opens {n}.</p>" for n in range(9))),
    "arXiv listing without papers": _html("cs.AI", "<h3>New submissions</h3><dl><dt>/abs/</dt><dd class='list-title'></dd></dl>"),
    "arXiv abstract page": _html(
        "[2401.00001] A title", "<h1 class='title'>Title: A title</h1><blockquote class='abstract'>We do.</blockquote>"
    ),
    "HF paper page as text": _NAV + "Papers\narxiv:2401.00001\nA Title of One Paper\nPublished on Jan 1, 2024\n· Submitted by\nAK\nUpvote\n3\n",
    "HF model page": _NAV + "meta-llama/Llama-9\nlike 3\nText Generation\nModel card\nFiles\nThis model does things.\n",
    "login wall": _BANNER.replace("Daily Papers", "") + "Log In\n\nEmail\nPassword\nForgot your password?\nDon't have an account? Sign Up\n",
    "login wall as HTML": _html("Log in", "<form><input name=email><button>Log in</button></form>"),
    "cookie banner": "We use cookies\nWe and our 812 partners store information on a device.\nAccept all\nReject all\nManage preferences\n",
    "banner alone": _BANNER + _BY + "Dec 12\n",
    "not found": "404\n\nSorry, we can't find the page you are looking for.\n\nGo home\n",
    "not found as HTML": _html("404 Not Found", "<center><h1>404 Not Found</h1></center><hr>nginx"),
    "not found under a banner": _BANNER + _BY + "Dec 12\n\n404\n\nSorry, we can't find the page you are looking for.\n",
    "captcha": "Just a moment...\n\nChecking your browser before accessing huggingface.co.\n\nVerify you are human\n\nRay ID: 8a\n",
    "captcha as HTML": _html("Just a moment...", "<h1>arxiv.org</h1><p>Verify you are human by completing the action below.</p>"),
    "captcha under a banner": _BANNER + _BY + "Dec 12\n\nVerify you are human\n\nChecking your browser before you go on.\n\nRay ID: 8a\n",
    "server error as JSON": '{"error": "Internal Error - We are working hard to fix this as soon as possible!"}\n',
    "rate limit": "Rate exceeded.\n",
    "mail": "From: a@b.example\nTo: c@d.example\nSubject: Lunch\nDate: Mon, 2 Feb 2026 09:00:00 +0000\n\nShall we eat at noon?\n",
    "mail about a paper": "From: a@b.example\nTo: c@d.example\nSubject: Read this\nDate: Mon, 2 Feb 2026 09:00:00 +0000\n\n"
    "Have you seen\narXiv:2401.00001\n? I liked it.\n\n> arXiv:2402.00002\n> Title: something\n",
    "subscription notice": "From: no-reply@arXiv.org\nTo: c@d.example\nSubject: subscribe cs\nDate: Mon, 2 Feb 2026 09:00:00 +0000\n\n"
    "You are subscribed to:\nArtificial Intelligence\n" + "-" * 78 + "\nTo stop, send cancel.\n",
    "calendar": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Talk\nDTSTART:20260202T090000Z\nEND:VEVENT\nEND:VCALENDAR\n",
    "novel": "\n\n".join(f"Chapter {n}\n\n{text}" for n, (_, text) in enumerate(_NEWS, 1)),
    "timetable": "\n".join(f"{h:02}:15 Harbour\n{h:02}:40 Island\n" for h in range(6, 22)),
    "numbers": "\n".join(str(n * n) for n in range(200)),
}  # fmt: skip
_PHRASES = """\
Log In|Sign Up|Accept all cookies|We use cookies to improve your visit|Subscribe|Load more|Previous|Next|12|1.4k|Skip to main content|Submitted by|Upvote|View PDF|Share|Cite as|Search...|Loading...|Privacy Policy|© 2026 Example|Menu|Home|-|·|Page 2 of 9|Report an issue|Follow us|Sponsored|Read more|5 min read
"""
FURNITURE = tuple(re.split(r"[|\n]", _PHRASES.strip()))
