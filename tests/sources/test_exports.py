"""What reference managers and scripts really write: their accents, braces, columns, dates and tags."""

from __future__ import annotations

import json

import pytest

from newsletter.core.papers.listing import Entry, PartialDate
from newsletter.sources.registry import read_listing

ABSTRACT = (
    "We propose a method that places the parts of a circuit, and we show that it needs half of the area."
)


def only(text: str | bytes, name: str) -> Entry:
    listing = read_listing(text if isinstance(text, bytes) else text.encode(), name=name)
    assert listing.unread == ()
    [entry] = listing.entries
    return entry


def bib(fields: str, kind: str = "article") -> Entry:
    if "eprint" not in fields and "arxiv" not in fields.lower():
        fields += ", eprint = {2601.00001}"
    return only(f"@{kind}{{key,\n  {fields}\n}}\n", "x.bib")


TITLES = {
    "title = {{Double Braces} and {{More}} of {T}hem}": "Double Braces and More of Them",
    "title = {{Whole Title in Two Pairs}}": "Whole Title in Two Pairs",
    r"title = {{\"U}ber gro{\ss}e Stra\ss{}en, \'{e}t{\'e}, {\aa}, \o, \v{c}, \c{c}}": "Über große Straßen, été, å, ø, č, ç",  # noqa: E501
    r"title = {A \texttt{tool} for \emph{many} {\textit{kinds}} \& 50\% of \$5}": "A tool for many kinds & 50% of $5",  # noqa: E501
    r"title = {The {$\mathcal{O}(n^2)$} {{LLM}} Bound --- {Part~II}}": "The O(n²) LLM Bound --- Part II",
    'title = "Quoted {"}so{"} Title"': 'Quoted "so" Title',
    "TITLE = {Upper Case\n    over Lines}": "Upper Case over Lines",
}


@pytest.mark.parametrize(("field", "title"), TITLES.items(), ids=TITLES)
def test_title_of_bibtex(field: str, title: str) -> None:
    assert bib(field).title == title


AUTHORS = {
    "Example, Ada and Sample, Bo": ("Ada Example", "Bo Sample"),
    "Ada Example and others": ("Ada Example",),
    "Ada Example AND\n   Bo Sample": ("Ada Example", "Bo Sample"),
    "van der Berg, Jan and de la Cruz, Mar{\\'i}a": ("Jan van der Berg", "María de la Cruz"),
    "{van der Berg}, Jan and Jan {van der Berg}": ("Jan van der Berg", "Jan van der Berg"),
    "{Barnes and Noble, Inc.} and {The CMS Collaboration}": (
        "Barnes and Noble, Inc.",
        "The CMS Collaboration",
    ),
    "Heath, Jr., Robert W. and King, III, B.": ("Robert W. Heath Jr.", "B. King III"),
    '{\\L}ukasz Kaiser and Erd{\\H{o}}s, P. and M{\\"{u}}ller, J{\\"o}rg': (
        "Łukasz Kaiser",
        "P. Erdős",
        "Jörg Müller",
    ),
}


@pytest.mark.parametrize(("field", "names"), AUTHORS.items(), ids=AUTHORS)
def test_authors_of_bibtex(field: str, names: tuple[str, ...]) -> None:
    assert bib(f"title = {{A Title of Words}}, author = {{{field}}}").author_names == names


DATES = {
    "year = 2026, month = jan": (2026, 1, 1),
    "year = {2026}, month = {January}": (2026, 1, 1),
    'year = "2026", month = 1, day = 5': (2026, 1, 5),
    'year = {2026}, month = "5~" # jan': (2026, 1, 5),
    "date = {2026-01-05}": (2026, 1, 5),
    "date = {2026-01}": (2026, 1, 1),
}


@pytest.mark.parametrize(("field", "day"), DATES.items(), ids=DATES)
def test_date_of_bibtex(field: str, day: tuple[int, int, int]) -> None:
    year, month, number = day
    assert bib(f"title = {{A Title of Words}}, {field}").printed == PartialDate(
        year=year, month=month, day=number
    )


IDENTIFIERS = {
    "eprint = {arXiv:2601.00001v2}": "2601.00001",
    "eprint = {2601.00001}, archivePrefix = {arXiv}, arxivId = {2601.00001}": "2601.00001",
    "journal = {arXiv preprint arXiv:2601.00001}": "2601.00001",
    "note = {arXiv:2601.00001 [cs]}, url = {http://arxiv.org/abs/2601.00001}": "2601.00001",
    "number = {{arXiv}:2601.00001}, publisher = {arXiv}": "2601.00001",
    "doi = {10.48550/arXiv.2601.00001}": "2601.00001",
    "url = {https://arxiv.org/pdf/hep-th/9901001v3}": "hep-th/9901001",
    "note = {first}, note = {arXiv:2601.00001}, eprint = {2601.00001}": "2601.00001",
}


@pytest.mark.parametrize(("field", "identifier"), IDENTIFIERS.items(), ids=IDENTIFIERS)
def test_identifier_of_bibtex(field: str, identifier: str) -> None:
    entry = bib(f"title = {{A Title of Words}}, {field}")
    assert dict(entry.identifiers)["arxiv"] == identifier


def test_file_of_bibtex_with_strings_comments_and_parents() -> None:
    text = """% Encoding: UTF-8
@string{cs = "Computer Science"}
@comment{jabref-meta: databaseType:bibtex;}
@preamble{"\\newcommand{\\x}{y}"}

@inproceedings{one, title = "First " # cs, author = {A One}, doi = {10.1234/one}, crossref = {parent}}

@article(two,
  title = {Second},
  author = {B Two},
  eprint = {2601.00002},
)

@misc{three,
  title = {Third},
  abstract = {An open { brace, and a closing one} alone, of which an exporter takes no notice.},
  eprint = {2601.00003},
}

@misc{three, title = {Fourth with the Same Key}, eprint = {2601.00004}}
@proceedings{parent, title = {Proceedings of X}, doi = {10.1234/x}, year = 2025, month = dec}
"""
    listing = read_listing(text.encode("utf-8-sig"), name="x.bib")
    assert [entry.title for entry in listing.entries] == [
        "First Computer Science", "Second", "Third", "Fourth with the Same Key", "Proceedings of X",
    ]  # fmt: skip
    assert listing.entries[0].printed == PartialDate(year=2025, month=12, day=1)
    assert listing.entries[2].abstract.startswith("An open { brace, and a closing one} alone")
    assert listing.unread == ()


RIS = {
    "Zotero": (
        "TY  - GEN\r\nTI  - A Title of Words\r\nAU  - Example, Ada\r\nAU  - van der Berg, Jan\r\nAB  - {}\r\n"
        "DA  - 2026/01/05/\r\nPY  - 2026\r\nDP  - arXiv.org\r\nM1  - arXiv:2601.00001\r\nN1  - arXiv:2601.00001 [cs]\r\n"  # noqa: E501
        "DO  - 10.48550/arXiv.2601.00001\r\nUR  - http://arxiv.org/abs/2601.00001\r\nY2  - 2026/02/01/\r\n"
        "KW  - one\r\nKW  - two\r\nER  - \r\n"
    ),
    "Mendeley": (
        "TY  - JOUR\nT1  - A Title of Words\nA1  - Example, Ada\nA1  - van der Berg, Jan\nY1  - 2026/01/05\n"
        "N2  - {}\nUR  - https://arxiv.org/abs/2601.00001v2\nJO  - Journal\nER  -\n"
    ),
    "EndNote": (
        "TY  - JOUR\nAU  - Example, Ada\nAU  - van der Berg, Jan\nPY  - 2026\nDA  - 2026/01/05\nTI  - A Title of Words\n"  # noqa: E501
        "JO  - arXiv\nKW  - one\ntwo\nthree\nAB  - {}\nID  - 7\nDO  - 10.48550/arXiv.2601.00001\nER  - \n\n"
    ),
    "one blank": (
        "TY - JOUR\nTI - A Title of Words\nAU - Example, Ada\nAU - van der Berg, Jan\nDA - 2026/01/05\nAB - {}\n"  # noqa: E501
        "UR - arxiv.org/abs/2601.00001\nER -\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
@pytest.mark.parametrize("text", RIS.values(), ids=RIS)
def test_ris_of_managers(text: str, mark: str) -> None:
    entry = only(mark + text.replace("{}", ABSTRACT), "x.ris")
    assert (entry.title, entry.abstract, entry.author_names, dict(entry.identifiers).get("arxiv"), entry.printed) == (  # noqa: E501
        "A Title of Words", ABSTRACT, ("Ada Example", "Jan van der Berg"), "2601.00001",
        PartialDate(year=2026, month=1, day=5),
    )  # fmt: skip


TABLES = {
    "semicolons": f'title;abstract;authors;arxiv_id;date\n"A Title; of ""Words""";{ABSTRACT};"Example, Ada; Sample, Bo";2601.00001;2026-01-05\n',  # noqa: E501
    "tabs": f'Title\tAbstract\tAuthors\tarXiv ID\tDate\nA Title; of "Words"\t{ABSTRACT}\tAda Example, Bo Sample\t2601.00001v1\t2026-01-05\n',  # noqa: E501
    "Excel": f'sep=;\ntitle;summary;author;url;published\n"A Title; of ""Words""";{ABSTRACT};Ada Example|Bo Sample;https://arxiv.org/abs/2601.00001;05 Jan 2026\n',  # noqa: E501
    "Zotero": (
        '"Key","Item Type","Publication Year","Author","Title","Publication Title","DOI","Url","Abstract Note","Date"\n'  # noqa: E501
        f'"A","preprint","2026","Example, Ada; Sample, Bo","A Title; of ""Words""","","10.48550/arXiv.2601.00001","","{ABSTRACT}",'  # noqa: E501
        '"2026-01-05"\n'
    ),
    "pandas": (
        ",id,title,abstract,authors,publishedAt\n"
        f'0,2601.00001,"A Title; of ""Words""","{ABSTRACT}","[\'Ada Example\', \'Bo Sample\']",2026-01-05T12:00:00Z\n'  # noqa: E501
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_csv_of_programs(text: str, encoding: str) -> None:
    for data in (text, text.replace("\n", "\r\n")):
        entry = only(data.encode(encoding), "x.csv")
        assert (entry.title, entry.abstract, entry.author_names) == (
            'A Title; of "Words"', ABSTRACT, ("Ada Example", "Bo Sample"),
        )  # fmt: skip
        assert dict(entry.identifiers)["arxiv"] == "2601.00001"
        assert entry.printed == PartialDate(year=2026, month=1, day=5)


ROW = {"title": "A Title", "arxiv_id": "2601.00001", "abstract": ABSTRACT}
NAMED = (
    ["Ada Example", "Bo Sample"],
    "Ada Example, Bo Sample",
    "Ada Example and Bo Sample",
    "Example, Ada and Sample, Bo",
    "Ada Example, and Bo Sample",
    [{"name": "Ada Example"}, {"name": "Bo Sample", "hidden": False}],
    [{"given": "Ada", "family": "Example"}, {"firstName": "Bo", "lastName": "Sample"}],
    [{"author": {"display_name": "Ada Example"}}, {"author": "Bo Sample"}, None, {"name": None}],
)


@pytest.mark.parametrize("authors", NAMED, ids=str)
def test_authors_of_json(authors: object) -> None:
    entry = only(json.dumps({**ROW, "authors": authors, "doi": None, "upvotes": None}), "x.jsonl")
    assert entry.author_names == ("Ada Example", "Bo Sample")


DAYS = (
    "2026-01-05", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00.000+02:00", "2026-01-05 10:00:00", "2026/1/5", "20260105",  # noqa: E501
    "Jan 5, 2026", "5 January 2026", "Mon, 05 Jan 2026 10:00:00 GMT", 1767607200, 1767607200000,
    {"date-parts": [[2026, 1, 5]]}, {"date-parts": [["2026", "1", "5"]]},
)  # fmt: skip


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_date_of_json(day: object) -> None:
    entry = only(json.dumps([{**ROW, "published": day}]), "x.json")
    assert entry.printed == PartialDate(year=2026, month=1, day=5)


ODD = (
    0,
    -1,
    1e300,
    "soon",
    "2026-13-40",
    "2026-00",
    True,
    [],
    {},
    {"date-parts": []},
    {"date-parts": [[]]},
    {"date-parts": None},
)


@pytest.mark.parametrize("value", ODD, ids=str)
def test_odd_values_of_json_are_no_values(value: object) -> None:
    entry = only(
        json.dumps([{**ROW, "published": value, "authors": value, "url": value, "comments": value}]), "x.json"
    )
    assert (entry.title, entry.printed) == ("A Title", None)
