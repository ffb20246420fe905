"""Writes papers as arXiv's mails, feeds, API and pages do."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable, Sequence
from datetime import date
from xml.sax.saxutils import escape

from tests.sources.shapes.records import MONTHS, Record, folded, one_line

DASHES = "-" * 78


def arxiv_mailing(records: Sequence[Record], day: date) -> str:
    """The text of a daily mailing: two thirds are new, the others cross-listed."""
    spaced = " ".join([day.strftime("%a"), str(day.day), MONTHS[day.month - 1], day.strftime("%y")])
    lines = [DASHES, DASHES, "Send any comments regarding submissions directly to submitter.", DASHES]
    lines += [
        "Archives at http://arxiv.org/",
        "To unsubscribe, e-mail To: cs@arXiv.org, Subject: cancel",
        DASHES,
    ]
    lines += [
        " Submissions to:",
        "Machine Learning",
        f" received from  {spaced} 19:00:00 GMT  to  {spaced} 19:00:00 GMT",
    ]
    lines += [DASHES, DASHES]
    for number, record in enumerate(records):
        cross = " (*cross-listing*)" if 3 * number >= 2 * len(records) else ""
        sent = f"{record.published:%a}, {record.published.day} {MONTHS[record.published.month - 1]}"
        lines += ["\\\\", f"arXiv:{record.id}{cross}"]
        lines += [f"Date: {sent} {record.published.year} 00:16:29 GMT   (1531kb,D)", ""]
        lines += _folded(record)
        if record.comments:
            lines.append(f"Comments: {record.comments} pages")
        lines += ["\\\\", *folded(record.abstract, 79, initial_indent="  ")]
        lines += [f"\\\\ ( https://arxiv.org/abs/{record.id} ,  1531kb)", DASHES]
    return "\n".join([*lines[:-1], "%%%---" * 13, ""])


def _folded(record: Record) -> list[str]:
    names = list(record.authors)
    joined = ", ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])}, and {names[-1]}"
    if len(names) == 2:
        joined = " and ".join(names)
    fields = (("Title", record.title), ("Authors", joined), ("Categories", " ".join(record.categories)))
    return [line for name, text in fields for line in folded(f"{name}: {text}", 79, subsequent_indent="  ")]


def arxiv_replaced(records: Sequence[Record], day: date) -> bytes:
    """A mailing of new versions only: no abstracts."""
    lines = ["%%--" * 19 + "%%"]
    for record in records:
        lines += [DASHES, "\\\\", f"arXiv:{record.id}"]
        lines += [
            "replaced with revised version Wed, 6 Nov 2024 07:23:52 GMT   (3381kb,D)",
            "",
            *_folded(record),
        ]
        lines += [f"\\\\ ( https://arxiv.org/abs/{record.id} ,  3381kb)"]
    return _mail("\n".join([*lines, "%%%---" * 13, ""]), day, "8bit").encode()


def _mail(text: str, day: date, encoding: str) -> str:
    head = [
        f"Date: {day:%a}, {day.day} {MONTHS[day.month - 1]} {day.year} 00:45:57 -0500",
        "Message-Id: <20@lib.example>", "From: send mail ONLY to cs <no-reply@arXiv.org>",
        "To: cs daily title/abstract distribution <rabble@arXiv.org>",
        "Subject: cs daily Subj-class mailing 20000080 1",
        "Content-Type: text/plain; charset=utf-8", f"Content-Transfer-Encoding: {encoding}", "", "",
    ]  # fmt: skip
    if encoding == "quoted-printable":
        text = quopri.encodestring(text.encode()).decode()
    elif encoding == "base64":
        text = base64.encodebytes(text.encode()).decode()
    return "\n".join(head) + text


def arxiv_mail(encoding: str, line_end: str) -> Callable[[Sequence[Record], date], bytes]:
    def write(records: Sequence[Record], day: date) -> bytes:
        text = _mail(arxiv_mailing(records, day), day, encoding)
        return text.replace("\n", line_end).encode()

    return write


def arxiv_pasted(records: Sequence[Record], day: date) -> bytes:
    """The text of a mailing without the mail's header."""
    return arxiv_mailing(records, day).encode()


def arxiv_mbox(records: Sequence[Record], day: date) -> bytes:
    """Two mailings in one mbox."""
    half = len(records) // 2
    parts = [records[:half], records[half:]] if half else [records]
    return "".join(
        f"From no-reply@arXiv.org {day:%a %b} {day.day:2} 05:45:57 {day.year}\n"
        + _mail(arxiv_mailing(part, day), day, "8bit")
        + "\n"
        for part in parts
    ).encode()


_SPACES = (
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:atom="http://www.w3.org/2005/Atom"'
)


def _announced(record: Record) -> str:
    return escape(f"arXiv:{record.id}v1 Announce Type: new \nAbstract: {one_line(record.abstract)}")


def arxiv_rss(records: Sequence[Record], day: date) -> bytes:
    """arXiv's RSS 2.0 feed."""
    stamp = f"{day:%a}, {day.day:02} {MONTHS[day.month - 1]} {day.year} 00:00:00 -0400"
    items = [
        f"    <item>\n      <title>{escape(one_line(record.title))}</title>\n"
        f"      <link>https://arxiv.org/abs/{record.id}</link>\n"
        f"      <description>{_announced(record)}</description>\n"
        f'      <guid isPermaLink="false">oai:arXiv.org:{record.id}v1</guid>\n'
        + "".join(f"      <category>{name}</category>\n" for name in record.categories)
        + f"      <pubDate>{stamp}</pubDate>\n      <arxiv:announce_type>new</arxiv:announce_type>\n"
        f"      <dc:creator>{escape(', '.join(record.authors))}</dc:creator>\n    </item>\n"
        for record in records
    ]
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<rss {_SPACES} version=\"2.0\">\n  <channel>\n"
        "    <title>cs.AI updates on arXiv.org</title>\n    <link>http://rss.arxiv.org/rss/cs.AI</link>\n"
        f"    <pubDate>{stamp}</pubDate>\n{''.join(items)}  </channel>\n</rss>\n"
    ).encode()


def arxiv_atom(records: Sequence[Record], day: date) -> bytes:
    """arXiv's Atom feed."""
    entries = [
        f"  <entry>\n    <id>oai:arXiv.org:{record.id}v1</id>\n"
        f"    <title>{escape(one_line(record.title))}</title>\n"
        f"    <updated>{day}T04:00:19.899254+00:00</updated>\n    <summary>{_announced(record)}</summary>\n"
        + "".join(f'    <category term="{name}"/>\n' for name in record.categories)
        + f"    <published>{day}T00:00:00-04:00</published>\n"
        "    <arxiv:announce_type>cross</arxiv:announce_type>\n"
        f"    <dc:creator>{escape(', '.join(record.authors))}</dc:creator>\n  </entry>\n"
        for record in records
    ]
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<feed {_SPACES} xmlns=\"http://www.w3.org/2005/Atom\">\n"
        "  <id>http://rss.arxiv.org/atom/cs.AI</id>\n  <title>cs.AI updates on arXiv.org</title>\n"
        f"  <updated>{day}T04:00:19.866337+00:00</updated>\n{''.join(entries)}</feed>\n"
    ).encode()


def arxiv_api(year: int) -> Callable[[Sequence[Record], date], bytes]:
    def write(records: Sequence[Record], day: date) -> bytes:
        wrap = (lambda text: "\n".join(folded(text, 80))) if year < 2026 else one_line
        entries = [
            f"  <entry>\n    <id>http://arxiv.org/abs/{record.id}v2</id>\n"
            f"    <published>{record.published}T15:05:19Z</published>\n"
            f"    <title>{escape(wrap(record.title))}</title>\n"
            f"    <summary>  {escape(wrap(record.abstract))}\n    </summary>\n"
            + "".join(
                f"    <author>\n      <name>{escape(name)}</name>\n    </author>\n" for name in record.authors
            )
            + f'    <arxiv:primary_category term="{record.categories[0]}"/>\n'
            + "".join(f'    <category term="{name}"/>\n' for name in record.categories)
            + "  </entry>\n"
            for record in records
        ]
        title = (
            "ArXiv Query: search_query=&amp;id_list=" if year < 2026 else "arXiv Query: search_query=all:x"
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
            f'xmlns:arxiv="http://arxiv.org/schemas/atom">\n  <title>{title}</title>\n'
            f"  <updated>{day}T00:00:00-04:00</updated>\n{''.join(entries)}</feed>\n"
        ).encode()

    return write


def arxiv_listing(records: Sequence[Record], day: date) -> bytes:
    """A listing page of new papers saved as HTML."""
    number = len(records)
    lines = [
        f"<html><body><h3>Showing new listings for {day:%A}, {day.day} {day:%B} {day.year}</h3>",
        f"<h3>New submissions (showing {number} of {number} entries)</h3>", "<dl id='articles'>",
    ]  # fmt: skip
    for place, record in enumerate(records, 1):
        names = ", ".join(
            f'<a href="https://arxiv.org/search/">{escape(name)}</a>' for name in record.authors
        )
        lines += [
            "<dt>", f"  <a name='item{place}'>[{place}]</a>",
            f'  <a href ="/abs/{record.id}" title="Abstract" id="{record.id}">', f"    arXiv:{record.id}",
            "  </a>", f'    [<a href="/pdf/{record.id}">pdf</a>]', "</dt>", "<dd>", "  <div class='meta'>",
            "    <div class='list-title mathjax'><span class='descriptor'>Title:</span>",
            f"      {escape(one_line(record.title))}", "    </div>",
            f"    <div class='list-authors'>{names}</div>",
            "    <div class='list-subjects'><span class='descriptor'>Subjects:</span>",
            "      " + "; ".join(f"Some Field ({name})" for name in record.categories), "    </div>",
            "    <p class='mathjax'>", f"      {escape(one_line(record.abstract))}", "    </p>", "  </div>",
            "</dd>",
        ]  # fmt: skip
    return "\n".join([*lines, "</dl></body></html>", ""]).encode()
