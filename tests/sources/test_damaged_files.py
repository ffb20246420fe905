"""Records that two papers ran into, and lines that a window cut, become no papers; whole ones do."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from datetime import date

import pytest

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Listing
from newsletter.sources.registry import read_listing
from tests.sources.shapes import SHAPES
from tests.sources.shapes.records import shipped_records

DAY = date(2026, 2, 2)
ABSTRACT = "We propose a method for {}, and its results on three benchmarks are better than those of others."
WHOLE, DAMAGED = "Lattices of Many Spins", "Orchards under the Rain"


def titles(text: str) -> list[str]:
    return [entry.title for entry in read_listing(text.encode(), name="x").entries]


def bib(*fields: str) -> str:
    return "@misc{key,\n" + "".join(f"\t{field},\n" for field in fields) + "}\n\n"


BIBTEX = {
    "two titles": ("title = {Another Title of Words}", "title = {%s}", "eprint = {2601.00002}"),
    "two months": ("month = aug", "title = {%s}", "month = jan", "eprint = {2601.00002}"),
    "two identifiers": ("eprint = {2601.00003}", "title = {%s}", "eprint = {2601.00002}"),
    "the rest of a line": ("title = {%s}", "autriving}", "eprint = {2601.00002}"),
    "the beginning of a field": ("title = {%s", "eprint = {2601.00002}"),
    "a title that ends twice": ("title = {%s} of the} Coast", "eprint = {2601.00002}"),
    "an abstract without its end": (
        "title = {%s}", "eprint = {2601.00002}", "abstract = {We propose\n\nid,title\n1,Ferry",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fields", BIBTEX.values(), ids=BIBTEX)
def test_entry_of_bibtex_that_is_two_or_a_part_is_no_paper(fields: tuple[str, ...]) -> None:
    damaged = bib(*(field.replace("%s", DAMAGED) for field in fields))
    whole = bib(f"title = {{{WHOLE}}}", "eprint = {2601.00001}")
    assert titles(whole + damaged) == [WHOLE]


SAFE = {
    "a field twice that says the same": ("title = {%s}", "month = jan", "month = jan"),
    "keywords twice": ("title = {%s}", "keywords = {a}", "keywords = {b}"),
    "a brace alone in an abstract": ("title = {%s}", "abstract = {A set {x of words.}"),
    "an escaped brace in an abstract": ("title = {{%s}}", "abstract = {A set \\} of { words.}"),
    "a year without marks": ("title = {%s}", "year = 2026", "abstract = {A set {x of words.}"),
}


@pytest.mark.parametrize("fields", SAFE.values(), ids=SAFE)
def test_odd_entry_of_bibtex_is_a_paper(fields: tuple[str, ...]) -> None:
    assert titles(bib("eprint = {2601.00002}", *(f.replace("%s", DAMAGED) for f in fields))) == [DAMAGED]


def row(title: str, number: int) -> str:
    return json.dumps({"arxiv_id": f"2601.0000{number}", "title": title, "abstract": ABSTRACT.format(title)})


@pytest.mark.parametrize("name", ["title", "abstract", "arxiv_id"])
def test_json_that_says_two_things_under_one_name_is_no_paper(name: str) -> None:
    damaged = row(DAMAGED, 2).replace("{", f'{{"{name}": "Another", ', 1)
    for text in (f"{row(WHOLE, 1)}\n{damaged}\n", f"[{row(WHOLE, 1)}, {damaged}]"):
        assert titles(text) == [WHOLE]


def test_json_that_says_one_thing_twice_is_a_paper() -> None:
    assert titles(row(WHOLE, 1).replace("{", f'{{"title": "{WHOLE}", ', 1)) == [WHOLE]


def test_record_of_hugging_face_with_a_part_of_an_author_is_no_paper() -> None:
    records = json.loads(SHAPES["HF API 2025"].write(shipped_records()[:3], DAY))
    records[1]["paper"]["authors"].insert(1, {"hidden": False})
    listing = read_listing(json.dumps(records).encode(), name="x")
    assert (len(listing.entries), len(listing.unread)) == (2, 1)


@pytest.mark.parametrize(
    ("title", "is_paper"),
    [
        ("Joint Pruning and Allocation of Resources for\n  Federated Learning", True),
        ("Joint Pruning\nand Allocation of Resources for\nFederated Learning", True),  # a tag is before it
        ("Neural Architecture and Hardware Design with Fast\nSearch", True),
        ("Joint Pruning and Allocation of Resources for\nLog In\nSign Up\nFederated Learning", False),
        ("Joint Pruning and Allocation of Resources for\n3\nFederated Learning", False),
        ("Joint Pruning and Allocation of Resources for\nnew\n\nFederated Learning", False),
    ],
)
def test_title_in_xml_has_no_short_line_in_it(title: str, is_paper: bool) -> None:
    record = shipped_records()[0]
    text = SHAPES["arXiv API 2026"].write([record, *shipped_records()[1:3]], DAY).decode()
    begin = text.index("<title>", text.index("<entry>")) + len("<title>")
    changed = text[:begin] + title + text[text.index("</title>", begin) :]
    assert (" ".join(title.split()) in titles(changed)) == is_paper


def clipped(shape: str, width: int, count: int) -> bytes:
    lines = SHAPES[shape].write(shipped_records()[:count], DAY).decode().replace("\r\n", "\n").split("\n")
    return "\n".join(line[:width] for line in lines).encode()


def taken(data: bytes, format: str | None = None) -> Listing | None:
    """The listing that needs nobody's look; None when there is none."""
    try:
        listing = read_listing(data, name="x", format=format)
    except DumpRefusedError:
        return None
    return None if listing.doubt or listing.unread else listing


@pytest.mark.parametrize("count", [4, 7])
@pytest.mark.parametrize("width", [40, 60])
@pytest.mark.parametrize("shape", ["RIS", "arXiv mail, replaced", "arXiv listing", "HF search text"])
def test_file_cut_at_the_edge_of_a_window_is_not_taken(shape: str, width: int, count: int) -> None:
    listing = taken(clipped(shape, width, count))
    known = {" ".join(record.title.split()) for record in shipped_records()}
    assert listing is None or {entry.title for entry in listing.entries} <= known


@pytest.mark.parametrize("count", [3, 4, 7, 12])
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_file_is_taken(shape: str, count: int) -> None:
    write: Callable[..., bytes] = SHAPES[shape].write
    assert taken(write(shipped_records()[:count], DAY)) is not None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_texts_without_a_word_of_abstracts_are_held_though_a_block_of_authors_stands_below(
    count: int,
) -> None:
    text = "Storks spring bread while roofs wait. Flour repair storks on"
    paper = "{}\n\n" + text + " {}.\n\n  • 3 authors\n·\nFeb 1\n\n"
    head = "Daily Papers\n\nbyAK and the research community\n\nFeb 2\n\n"
    names = ("Paper Carries Letters", "Lamps Bread Trains", "Kettles to Islands")
    listing = read_listing((head + "".join(paper.format(n, n) for n in names[:count])).encode(), name="x")
    assert listing.doubt == "these do not read like abstracts of papers"


HEAD = "Daily Papers\n\nbyAK and the research community\n\nFeb 2\n\n"
CARD = "{}\n\n" + ABSTRACT + "\n\n  • 3 authors\n·\nFeb 1\n\n"
PAGE = HEAD + "".join(CARD.format(name, name) for name in (WHOLE, DAMAGED, "Kettles of the Islands"))


def numbered(text: str) -> str:
    return "\n".join(f"{n:6}\t{line}" for n, line in enumerate(text.split("\n"), 1))


def numbered_from_seven(text: str) -> str:
    return "\n".join(f"{n}: {line}" for n, line in enumerate(text.split("\n"), 7))


def compared(text: str) -> str:
    return "--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n" + "\n".join(" " + line for line in text.split("\n"))


def beside_a_few_lines(text: str) -> str:
    wrapped = [part for line in text.split("\n") for part in (textwrap.wrap(line, 60) or [""])]
    return "\n".join(f"{line:<60}  {'404 Sorry' if n < 9 else ''}".rstrip() for n, line in enumerate(wrapped))


@pytest.mark.parametrize("change", [numbered, numbered_from_seven, compared, beside_a_few_lines])
@pytest.mark.parametrize("format", [None, "daily-papers"])
def test_text_with_marks_of_a_tool_is_not_taken(change: Callable[[str], str], format: str | None) -> None:
    assert taken(PAGE.encode()) is not None
    assert taken(change(PAGE).encode(), format) is None


@pytest.mark.parametrize(
    "begin", ["e-time Scaling of Text\n\n", "r Inclusive Summaries\n\n", "ial Boxes\n\n"]
)
def test_rest_of_a_title_at_the_beginning_of_a_text_is_no_paper(begin: str) -> None:
    text = begin + ABSTRACT.format("it") + "\n\n  • 3 authors\n·\nFeb 1\n\n" + PAGE.removeprefix(HEAD)
    assert WHOLE in titles(text)
    assert begin.strip() not in titles(text)


@pytest.mark.parametrize("title", ["in Conversational Systems", "of Spins with Rain", "with Many Kettles"])
def test_second_line_of_a_title_is_no_paper(title: str) -> None:
    assert titles(PAGE + CARD.format(title, title)) == [WHOLE, DAMAGED, "Kettles of the Islands"]


@pytest.mark.parametrize(
    "note",
    [
        "Present: Anna, Bo, Cy\n\n1. Roof\nBo asks two firms.\n\n2. Party\nMoved to May.\n",
        "Lentil Soup\n\nFry the onions until soft. Add the lentils, and wait for an hour.\n",
        "How do I clean a filter?\n\nI have tried water and soap. Nothing helped so far.\n",
    ],
)
@pytest.mark.parametrize("is_last", [True, False], ids=["last", "first"])
def test_short_text_among_abstracts_is_no_paper(note: str, is_last: bool) -> None:
    page = SHAPES["HF search text, no blocks"].write(shipped_records()[:12], DAY).decode()
    head, first = page.split(shipped_records()[0].title, 1)
    parts = (
        (head, shipped_records()[0].title, first.rstrip() + "\n\n", note)
        if is_last
        else (head, note, "\n", shipped_records()[0].title, first)
    )
    assert set(titles("".join(parts))) <= {record.title for record in shipped_records()}


def test_note_with_a_date_is_no_paper_where_others_have_authors() -> None:
    note = "Lentil Soup\n\nFry the onions until soft. Add the rest of the lentils.\n\n·\nFeb 1\n\n"
    assert titles(PAGE + note) == [WHOLE, DAMAGED, "Kettles of the Islands"]


RIS = (
    "TY  - JOUR\nTI  - {}\nAU  - Example, Ada\nAB  - {}\nDA  - 2026/01/05\nPY  - 2026\n{}UR  - {}\nER  - \n\n"
)
LINK = "https://arxiv.org/abs/2601.0000"


@pytest.mark.parametrize(
    ("more", "is_paper"),
    [
        ("PY  - 2025\n", False),
        ("DO  - 10.1234/one\nDO  - 10.1234/two\n", False),
        (f"UR  - {LINK}7\n", False),
        ("DO  - 10.48550/arXiv.2601.00007\n", False),
        ("PY  - 2026\n", True),
        ("DO  - 10.48550/arXiv.2601.00002\nUR  - https://doi.org/10.1234/two\n", True),
    ],
)
def test_record_of_ris_with_two_values_of_which_a_paper_has_one_is_no_paper(
    more: str, is_paper: bool
) -> None:
    whole, other = (
        RIS.format(t, ABSTRACT.format(t), m, f"{LINK}{n}") for t, m, n in ((WHOLE, "", 1), (DAMAGED, more, 2))
    )
    assert titles(whole + other) == [WHOLE, *[DAMAGED] * is_paper]


@pytest.mark.parametrize(
    ("fields", "is_paper"),
    [
        ({"url": f"{LINK}7"}, False),
        ({"pdf_url": "https://arxiv.org/pdf/2601.00007v2"}, False),
        ({"doi": "10.48550/arXiv.2601.00007"}, False),
        ({"url": "https://arxiv.org/abs/2601.00002v3", "doi": "10.48550/arXiv.2601.00002"}, True),
        ({"url": "https://example.org/2601.00007", "note": "extends arXiv:2601.00007"}, True),
    ],
)
def test_row_that_names_two_papers_is_no_paper(fields: dict[str, str], is_paper: bool) -> None:
    rows = [
        {"title": WHOLE, "abstract": ABSTRACT.format(WHOLE), "arxiv_id": "2601.00001"},
        {"title": DAMAGED, "abstract": ABSTRACT.format(DAMAGED), "arxiv_id": "2601.00002"} | fields,
    ]
    assert titles(json.dumps(rows)) == [WHOLE, *[DAMAGED] * is_paper]


@pytest.mark.parametrize(
    ("title", "is_paper"),
    [
        ("Orchards under\n\nNext\n\nthe Rain", False),
        ("Orchards\n \nunder the Rain", False),
        ("Orchards under\nLoad more\nthe Rain", False),
        ("12\nOrchards under the Rain", False),
        ("Orchards under\n  the Rain", True),
        ("Orchards under the Rain\n", True),
    ],
)
def test_line_of_a_page_within_a_title_of_csv_makes_no_paper(title: str, is_paper: bool) -> None:
    rows = f'"{WHOLE}","{ABSTRACT}",2601.00001\n"{title}","{ABSTRACT}",2601.00002\n'
    assert titles(f"title,abstract,arxiv_id\n{rows}") == [WHOLE, *[DAMAGED] * is_paper]


@pytest.mark.parametrize("below", ["1.4k", "Load more", "Example Institute"])
def test_line_below_a_wrapped_title_among_links_makes_no_paper(below: str) -> None:
    text = SHAPES["HF links"].write(shipped_records()[:12], DAY).decode()
    lines = [
        part
        for line in text.split("\n")
        for part in (textwrap.wrap(line, 60, break_long_words=False) or [""])
    ]
    whole = titles("\n".join(lines))
    place = next(n for n, line in enumerate(lines) if line and whole[1].endswith(line))
    found = titles("\n".join([*lines[: place + 1], below, *lines[place + 1 :]]))
    assert found == [whole[0], *whole[2:]]


@pytest.mark.parametrize(("more", "is_paper"), [(",Example,2601.00007", False), (",x", False), (",,", True)])
def test_row_of_csv_with_more_cells_than_columns_is_no_paper(more: str, is_paper: bool) -> None:
    rows = f'"{WHOLE}","{ABSTRACT}",2601.00001\n"{DAMAGED}","{ABSTRACT}",2601.00002{more}\n'
    assert titles(f"title,abstract,arxiv_id\n{rows}") == [WHOLE, *[DAMAGED] * is_paper]


MAIL = "\\\\\narXiv:2601.0000{}\nDate: Mon, 5 Jan 2026 00:16:29 GMT   (15kb)\n\nTitle: {}\n"
MAIL += (
    "Authors: Ada Example\nCategories: cs.LG\n\\\\\n  {}\n\\\\ ( https://arxiv.org/abs/2601.0000{} ,  15kb)\n"
)


@pytest.mark.parametrize(
    ("title", "is_paper"),
    [
        ("Orchards  under the Rain", False),
        ("Orchards under   the Rain", False),
        ("Orchards under\n  the  Rain", False),
        ("Orchards under the Rain ", True),
    ],
)
def test_title_of_a_mail_with_a_gap_has_lost_words(title: str, is_paper: bool) -> None:
    text = MAIL.format(1, WHOLE, ABSTRACT, 1) + MAIL.format(2, title, ABSTRACT, 2)
    assert titles(text) == [WHOLE, *[DAMAGED] * is_paper]


def test_wrapped_page_with_lines_out_of_order_is_held() -> None:
    text = SHAPES["HF search text, no blocks"].write(shipped_records()[:12], DAY).decode()
    lines = [part for line in text.split("\n") for part in (textwrap.wrap(line, 60) or [""])]
    assert read_listing("\n".join(lines).encode(), name="x").doubt is None
    title = next(n for n, line in enumerate(lines) if line and shipped_records()[0].title.startswith(line))
    end = lines.index("", title)
    doubt = read_listing("\n".join([*lines[:title], *lines[end + 1 :]]).encode(), name="x").doubt
    assert doubt == "lines of a wrapped text are lost or in the wrong order"


def test_one_text_with_authors_and_no_abstract_is_held() -> None:
    text = "The Family Leaves for the South\n\n  • 2 authors\n·\nDec 11 3\n"
    assert read_listing(text.encode(), name="x").doubt == "no paper has an abstract"


def test_end_of_a_cell_of_csv_is_no_title() -> None:
    rows = f'"{WHOLE}","{ABSTRACT}",2601.00001\nFree-Form Spins","{ABSTRACT}",2601.00002\n'
    assert titles(f"title,abstract,arxiv_id\n{rows}") == [WHOLE]


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("Example Institute of Orchards", [DAMAGED]),
        ("Invertible Consistency of Guided Images in Around Seven Steps, a Survey of It", []),
        ("Log In", []),  # a part of the page
    ],
)
def test_line_below_a_title_of_a_daily_page_is_an_organisation_or_the_card_is_no_paper(
    below: str, expected: list[str]
) -> None:
    long = f"{WHOLE} and of Everything Else That There Is in a Crystal of Such a Length as Papers Have"
    card = "Submitted by  reader\n \n{}\n{}\n·\n4 authors\n 5\n"
    text = "Daily Papers\n Oct 24 \n" + card.format(94, long) + card.format(7, f"{DAMAGED}\n{below}")
    assert [title for title in titles(text) if title != long] == expected
