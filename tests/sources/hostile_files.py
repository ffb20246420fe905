"""Makes files that could cost a parser much time or memory, of any size, and measures what they cost.

python -m tests.sources.hostile_files SIZE [NAME ...]  prints a line of JSON for each: name, seconds of CPU,
peak memory beyond what the process had before in bytes, and what came of the file.
"""

# ruff: noqa: E501
from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from newsletter.core.errors import DumpRefusedError
from newsletter.sources.registry import formats, read_listing

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query: x</title>'
ENTRY = "<entry><id>http://arxiv.org/abs/2401.00001v1</id><title>A paper</title></entry>"
ARXIV_HTML = "<html><body><h3>list-title</h3><dl><dt><a href='/abs/2401.00001'>arXiv:2401.00001</a></dt>"
MAIL = b"From: no-reply@arxiv.org\nTo: cs daily\nSubject: cs daily Subj-class mailing\n"
LETTER = "\\\\\narXiv:2401.{n:05}\nDate: Mon, 1 Jan 2024 00:00:00 GMT\nTitle: A paper {n}\nAuthors: A B\n\\\\\n  We\n"
DAILY = "Daily Papers\nby AK and the research community\nApr 10, 2024\n\n"
RECORD = '{"paper":{"id":"2401.%05d","title":"T %d","summary":"We show."}}'
ROW = '{"title":"T %d","arxiv_id":"2401.%05d"}'
CSV = "title,arxiv_id\n"
MARKDOWN = "# Daily Papers\n### [a](https://huggingface.co/papers/2401.00001)\n"
BIB = "@misc{a,\n title={A paper},\n eprint={2401.00001}\n}\n"
RIS = "TY  - JOUR\nTI  - A paper\nDO  - 10.1000/1\n"
MARKS = "\u0301\u0327"  # in an order that normalising changes
PROPS = "<html><body><div data-props='{\"dailyPapers\":[%s]}'></div>"


def _fill(unit: str, *, head: str = "", tail: str = "") -> Callable[[int], bytes]:
    """The unit as often as fits, between head and tail."""
    return lambda size: (head + unit * max(size // len(unit.encode()), 1) + tail).encode()


def _count(
    make: Callable[[int], str], *, head: str = "", tail: str = "", by: str = ""
) -> Callable[[int], bytes]:
    """Numbered units as often as fits."""

    def whole(size: int) -> bytes:
        number = max(size // len(make(10_000) + by), 1)
        return (head + by.join(map(make, range(number))) + tail).encode()

    return whole


def _nested(
    open_: str, close: str, *, head: str = "", tail: str = "", inside: str = ""
) -> Callable[[int], bytes]:
    def whole(size: int) -> bytes:
        number = max(size // len(open_ + close), 1)
        return (head + open_ * number + inside + close * number + tail).encode()

    return whole


def _mail(body: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda size: MAIL + body(size)


def _parts(size: int) -> bytes:
    part = b"--x\nContent-Type: text/plain\n\narXiv\n"
    return b'Content-Type: multipart/mixed; boundary="x"\n\n' + part * (size // len(part)) + b"--x--\n"


def _mime_depth(size: int) -> bytes:
    level = 'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n'
    number = max(size // 60, 1)
    return "".join(level % (n, n) for n in range(number)).encode() + b"Content-Type: text/plain\n\narXiv\n"


def _messages(size: int) -> bytes:
    level = b"Content-Type: message/rfc822\n\n"
    return level * (size // len(level)) + b"Subject: arXiv\n\narXiv\n"


def _encoded(size: int) -> bytes:
    body = base64.encodebytes(_fill(LETTER.format(n=1))(size * 3 // 4))
    return b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + body


def _laughs(size: int) -> bytes:
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    return ("<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(lines) + "]>" + ATOM + "&a11;" + " " * size).encode()


def _quadratic(size: int) -> bytes:
    return (f'<!DOCTYPE x [<!ENTITY a "{"b" * (size // 2)}">]>{ATOM}' + "&a;" * (size // 6)).encode()


def _late_doctype(before: Callable[[int], str]) -> Callable[[int], bytes]:
    laughs = _laughs(0).decode()
    return lambda size: ('<?xml version="1.0"?>' + before(size) + laughs + ENTRY + "</feed>").encode()


def _attributes(size: int) -> str:
    return " ".join(f'a{n}="b"' for n in range(size // 12))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    # JSON
    "json: nested arrays": _fill("["),
    "json: nested objects": _fill('{"paper":', head='[{"title":1},'),
    "json: nested and closed": _nested("[", "]", head='[{"paper":{"id":"2401.00001","title":"A"}},', tail="]"),
    "json: nested in a record": _nested('{"a":', "}", head='[{"paper":{"id":"2401.00001","title":"A"},"x":', inside="1", tail="}]"),
    "json: records of the API": _count(lambda n: RECORD % (n % 100_000, n), head="[", tail="]", by=","),
    "json: rows": _count(lambda n: ROW % (n, n % 100_000), head="[", tail="]", by=","),
    "json: lines": _count(lambda n: ROW % (n, n % 100_000) + "\n"),
    "json: broken lines": _fill('{"title": \n'),
    "json: lines of brackets": _fill('{"title":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n'),
    "json: tiny values": _fill("1,", head='["title",', tail="1]"),
    "json: empty objects": _fill("{},", head='[{"paper":{"id":"2401.00001","title":"A"}},', tail="{}]"),
    "json: keys": _count(lambda n: f'"k{n}":1', head='[{"title":"A","arxiv_id":"2401.00001",', tail="}]", by=","),
    "json: authors": _fill('"A B",', head='[{"title":"A","arxiv_id":"2401.00001","authors":[', tail='"A"]}]'),
    "json: authors as text": _fill("A B, ", head='[{"title":"A","arxiv_id":"2401.00001","authors":"', tail='"}]'),
    "json: a long title": _fill("word ", head='[{"arxiv_id":"2401.00001","title":"', tail='"}]'),
    "json: a long abstract": _fill("word. ", head='[{"arxiv_id":"2401.00001","title":"A","abstract":"', tail='"}]'),
    "json: categories": _fill("cs.AI ", head='[{"title":"A","arxiv_id":"2401.00001","categories":"', tail='"}]'),
    "json: a number": _fill("9", head='[{"title":"A","arxiv_id":', tail="}]"),
    "json: escapes": _fill("\\u00e9", head='[{"arxiv_id":"2401.00001","title":"A","abstract":"', tail='"}]'),
    "json: backslashes in a title": _fill("\\\\", head='[{"arxiv_id":"2401.00001","title":"', tail='"}]'),
    "json: blanks between authors": _fill(" ", head='[{"title":"A","arxiv_id":"2401.00001","authors":"A', tail='B"}]'),
    "json: combining marks": _fill(MARKS * 4_000, head='[{"title":"A","arxiv_id":"2401.00001","abstract":"a', tail='"}]'),
    "json: abstracts of combining marks": _count(lambda n: f'{{"title":"T {n}","arxiv_id":"2401.{n % 100_000:05}","abstract":"a{MARKS * 5_000}"}}', head="[", tail="]", by=","),
    "json: cut": lambda size: _count(lambda n: RECORD % (n % 100_000, n), head="[", by=",")(size)[:-5],
    # XML
    "xml: nested": _fill("<a>", head=ATOM),
    "xml: nested and closed": _nested("<a>", "</a>", head=ATOM, tail="</feed>"),
    "xml: billion laughs": _laughs,
    "xml: quadratic entities": _quadratic,
    "xml: a document type after blanks": _late_doctype(lambda size: " " * size),
    "xml: a document type after comments": _late_doctype(lambda size: "<!-- x -->" * (size // 10)),
    "xml: a document type after instructions": _late_doctype(lambda size: "<?x y?>" * (size // 7)),
    "xml: a document type in UTF-16": lambda size: ("\ufeff" + _late_doctype(lambda s: " " * s)(size // 2).decode()).encode("utf-16-le"),
    "xml: UTF-7": lambda size: b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE' + b" " * size + ATOM.encode(),
    "xml: an external entity": lambda size: ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + ATOM + "&a;</feed>" + " " * size).encode(),
    "xml: includes": _fill('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>', head=ATOM, tail="</feed>"),
    "xml: attributes": lambda size: f"{ATOM}<entry {_attributes(size)}/></feed>".encode(),
    "xml: a long attribute": _fill("x", head=ATOM + '<entry a="', tail='"/></feed>'),
    "xml: namespaces": _count(lambda n: f'<a xmlns:n{n}="u{n}"/>', head=ATOM, tail="</feed>"),
    "xml: entries": _fill(ENTRY, head=ATOM, tail="</feed>"),
    "xml: empty elements": _fill("<a/>", head=ATOM, tail="</feed>"),
    "xml: items of a feed": _fill("<item><title>A</title></item>", head="<rss><channel><title>cs updates on arXiv.org</title>", tail="</channel></rss>"),
    "xml: OAI records": _fill("<arXiv><id>2401.00001</id><title>A</title></arXiv>", head="<OAI-PMH>", tail="</OAI-PMH>"),
    # HTML
    "html: nested": _fill("<div>", head="<html>list-title <dt>/abs/"),
    "html: nested tables": _fill("<table><tr><td>", head="<html>list-title <dt>/abs/"),
    "html: unclosed tags": _fill("<a", head="<html>list-title <dt>/abs/"),
    "html: unclosed tags alone": _fill("<a"),
    "html: attributes": lambda size: f"<html>list-title <dt>/abs/<div {_attributes(size)}>".encode(),
    "html: entries": _fill("<dt>arXiv:2401.00001</dt><dd><div class=list-title>A</div></dd>", head=ARXIV_HTML),
    "html: nested entries": _fill("<dd><div class=list-title>", head=ARXIV_HTML),
    "html: definitions": _fill("<dd>", head=ARXIV_HTML),
    "html: data-props of blanks": lambda size: (PROPS % ('{"paper":{"id":"2401.00001","title":"A"}}' + " " * size)).encode(),
    "html: data-props of records": lambda size: (PROPS % ",".join(RECORD % (n % 100_000, n) for n in range(size // 62))).encode(),
    "html: data-props of brackets": _fill("[", head="<html><div data-props='{\"paper\":", tail="'></div>"),
    "html: many data-props": _fill("<i data-props='{\"paper\":[1]}'></i>", head="<html>"),
    "html: no data-props": _fill("<i></i>", head="<html>data-props"),
    "html: comments": _fill("<!--", head="<html>list-title <dt>/abs/"),
    # mail
    "mail: nested parts": _mail(_mime_depth),
    "mail: messages in messages": _mail(_messages),
    "mail: parts": _mail(_parts),
    "mail: headers": _mail(_count(lambda n: f"X-A{n}: arXiv\n", tail="\narXiv\n")),
    "mail: a long header": _mail(_fill("x", head="X-A: arXiv", tail="\n\narXiv\n")),
    "mail: a long subject": _mail(_fill("=?utf-8?q?a?= ", head="X-A: arXiv\nSubject: ", tail="\n\narXiv\n")),
    "mail: a folded header": _mail(_fill(" x\n", head="X-A: arXiv\n", tail="\narXiv\n")),
    "mail: a long date": _mail(_fill("(", head="Date: ", tail="\n\narXiv\n")),
    "mail: dates": _mail(_fill("Date: Mon, 1 Jan 2024 00:00:00 GMT\n", tail="\narXiv\n")),
    "mail: a long content type": _mail(_fill("; a=b", head="Content-Type: text/plain", tail="\n\narXiv\n")),
    "mail: a long charset": _mail(_fill("x", head='Content-Type: text/plain; charset="', tail='"\n\narXiv\n')),
    "mail: base64": _mail(_encoded),
    "mail: quoted-printable": _mail(_fill("=41", head="Content-Transfer-Encoding: quoted-printable\n\narXiv\n")),
    "mail: papers": _mail(_count(lambda n: LETTER.format(n=n % 100_000), head="\n")),
    "mail: starts of papers": _mail(_fill("arXiv:2401.00001\nDate: x\n", head="\n")),
    "mail: affiliations": _mail(_fill("(", head="\n" + LETTER.format(n=1).partition("A B")[0], tail="\n\\\\\n  We\n")),
    "mail: an mbox": _fill("From a@b Mon Jan 1 00:00:00 2024\nFrom: a@b\nTo: a@b\nSubject: arXiv\n\narXiv\n\n"),
    "mail: blanks at line ends": _mail(_fill(" ", head="Content-Transfer-Encoding: quoted-printable\n\narXiv", tail="x\n")),
    "mail: headers of a part": _mail(_count(lambda n: f"X-A{n}: arXiv\n", head='Content-Type: multipart/mixed; boundary="x"\n\n--x\n')),
    "mail: hops": _mail(_fill("received from ", head="\n" + LETTER.format(n=1), tail="\n")),
    "mail: blanks between authors": _mail(_fill(" ", head="\n" + LETTER.format(n=1).partition("A B")[0] + "A", tail="B\n\\\\\n  We\n")),
    # BibTeX, RIS, CSV
    "bibtex: nested braces": _nested("{", "}", head="@misc{a,\n title=", inside="A", tail="\n}\n"),
    "bibtex: spaced braces": _nested("{a ", "}", head="@misc{a,\n title={", inside="A", tail="}\n}\n"),
    "bibtex: strings": lambda size: ("".join(f"@string{{a{n} = a{n - 1} # a{n - 1}}}\n" for n in range(1, size // 30)) + BIB).encode(),
    "bibtex: a long field": _fill("word ", head="@misc{a,\n eprint={2401.00001},\n title={", tail="}\n}\n"),
    "bibtex: authors": _fill("A and ", head="@misc{a,\n title={A},\n eprint={2401.00001},\n author={", tail="B}\n}\n"),
    "bibtex: entries": _count(lambda n: BIB.replace("{a", f"{{a{n}")),
    "bibtex: the same key": _fill(BIB),
    "bibtex: fields": _count(lambda n: f" k{n} = {{1}},\n", head="@misc{a,\n title={A},\n", tail="}\n"),
    "bibtex: at signs": _fill("@a", head=BIB),
    "bibtex: blanks": _fill("\n \n", head="@misc{a,\n title={A},\n", tail="}\n"),
    "ris: one tag": _fill("AU  - A, B\n", head=RIS, tail="ER  - \n"),
    "ris: a long abstract": _fill("word\n", head=RIS + "AB  - ", tail="ER  - \n"),
    "ris: records": _fill(RIS + "ER  - \n"),
    "ris: types": _fill("TY  - JOUR\n", head=RIS),
    "ris: stray lines": _fill("word\n", head=RIS, tail="ER  - \n"),
    "csv: a long cell": _fill("a", head=CSV + "A,2401.00001\n", tail=",2401.00002\n"),
    "csv: a quoted cell": _fill("a", head=CSV + '"', tail='",2401.00002\n'),
    "csv: a quotation without end": _fill("a", head=CSV + '"'),
    "csv: columns": _fill("title,", tail="arxiv_id\nA,2401.00001\n"),
    "csv: cells": _fill(",", head=CSV + "A,2401.00001", tail="\n"),
    "csv: rows": _count(lambda n: f"T {n},2401.{n % 100_000:05}\n", head=CSV),
    "csv: empty rows": _fill(",\n", head=CSV + "A,2401.00001\n"),
    "csv: NULs": _fill("\x00", head=CSV + "a" * 5000),
    # Markdown and text
    "markdown: brackets": _fill("[", head=MARKDOWN),
    "markdown: open links": _fill("[aaaaaaaaaaaaaaaaaaaaaaaaaaa\n", head=MARKDOWN),
    "markdown: closing": _fill("](", head=MARKDOWN),
    "markdown: headings": _count(lambda n: f"### [a](https://huggingface.co/papers/2401.{n % 100_000:05})\n", head=MARKDOWN),
    "markdown: open headings": _fill("### [", head=MARKDOWN),
    "markdown: open headings in lines": _fill("### [a\n", head=MARKDOWN),
    "markdown: authors": _fill("- 1 authors\n", head=MARKDOWN),
    "markdown: dots": _fill("·\n\n", head=MARKDOWN),
    "markdown: references": _count(lambda n: f" {n % 90_000}. https://huggingface.co/papers/2401.{n % 100_000:05}\n", head=MARKDOWN),
    "links: votes": _fill("https://huggingface.co/login?next=%2Fpapers%2F2401.00001\nA\nB\nhttps://huggingface.co/papers/2401.00001\n"),
    "cards: submitted": _fill("Submitted by\nA\n3\nA title of a paper\n· 3 authors\n", head="Daily Papers\n"),
    "text: a long line of words": _fill("word ", head=DAILY),
    "text: a long line of letters": _fill("x", head=DAILY),
    "text: a long line of dots": _fill(". ", head=DAILY),
    "text: a line of words alone": _fill("word "),
    "text: a line of dots alone": _fill("."),
    "text: backslashes": _fill("\\", head=DAILY),
    "text: backslashes alone": _fill("\\"),
    "text: dollars": _fill("$", head=DAILY),
    "text: dollars and letters": _fill("$a ", head=DAILY),
    "text: braces": _fill("\\a{", head=DAILY),
    "text: formulas": _count(lambda n: f"$x_{{{n}}}$ ", head=DAILY),
    "text: a mathematical alphabet": _fill("mathcal{", head=DAILY),
    "text: mojibake": _fill("Ã©", head=DAILY),
    "text: mojibake in lines": _fill("Ã© word" * 8 + "\n", head=DAILY),
    "text: lines of backslashes": _fill("\\alpha $x$ word\n", head=DAILY),
    "text: entities": _fill("&amp;", head=DAILY),
    "text: tags": _fill("<p ", head=DAILY),
    "text: quotes": _fill("``", head=DAILY),
    "text: links": _fill("github.com/a/", head=DAILY),
    "text: links to code": _fill("github.com/", head='[{"arxiv_id":"2401.00001","title":"A","abstract":"', tail='"}]'),
    "text: short lines": _fill("word word\n", head=DAILY),
    "text: titles": _fill("A title of a paper\n\n", head=DAILY),
    "text: digits": _fill("1\n", head=DAILY),
    "text: authors": _fill("3 authors\n·\nApr 10, 2024\n", head=DAILY),
    "text: banners": _fill("Daily Papers\nby AK and the research community\n", head=DAILY),
    "text: blank lines": _fill("\n", head=DAILY),
    "text: carriage returns": _fill("\r", head=DAILY),
    "text: blanks": _fill(" ", head=DAILY, tail="x"),
    "text: a long line of carriage returns": _fill("\r", head=DAILY + "x", tail="x\n"),
    "text: combining marks": _fill("a\u0301\u0327", head=DAILY),
    "text: no-break spaces": _fill("\u00a0", head=DAILY),
    "bytes: Windows-1252": lambda size: b"\xe9 " * (size // 2),
    "bytes: mixed encodings": lambda size: "éé".encode() * (size // 5) + b"\xe9" * (size // 5),
    "bytes: NULs": lambda size: b"\x00" * size,
    "bytes: NULs at the end": lambda size: b"word " * (size // 5) + b"\x00",
    "bytes: gzip": lambda size: b"\x1f\x8b" + b"\x00" * size,
    "bytes: controls": lambda size: b"\x01word" * (size // 5),
}  # fmt: skip


def outcome(data: bytes) -> str:
    """What came of a file: the message of the refusal, or the number of papers."""
    try:
        listing = read_listing(data, name="x")
    except DumpRefusedError as error:
        return error.message
    return f"{len(listing.entries)} papers, {listing.format}"


def warm_up() -> None:
    """Load what the formats import when they first read a file."""
    formats()
    for data in (BIB, RIS + "ER  - \n", CSV + "A $x$ \\alpha Ã©,2401.00001\n"):
        outcome(data.encode())


LONGEST = 10  # seconds of CPU; then the process ends


def costs(name: str, size: int) -> tuple[float, int, str]:
    """(seconds of CPU, bytes of memory at the peak beyond those before, outcome), in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            data = HOSTILE[name](size)
            resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
            _forget_peak()
            before, begin = _peak(), time.process_time()
            said = outcome(data)
            spent = time.process_time() - begin
            os.write(writing, json.dumps([spent, _peak() - before, said[:300]]).encode())
        except RecursionError:
            os.write(writing, b'[0, 0, "RecursionError"]')
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    spent, peak, said = json.loads(text) if text else (LONGEST, 0, "no end, or an error")
    return spent, peak, said


def _forget_peak() -> None:
    """Let the peak begin at what is held now, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(arguments: list[str]) -> Iterator[str]:
    """A line of JSON for each name, or for all of them."""
    warm_up()
    for name in arguments[1:] or HOSTILE:
        spent, peak, said = costs(name, int(arguments[0]))
        yield json.dumps({"name": name, "seconds": round(spent, 3), "peak": peak, "outcome": said})


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)  # noqa: T201
