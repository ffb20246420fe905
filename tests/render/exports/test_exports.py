"""References as BibTeX, RIS, CSL-JSON and Markdown; other programs read back what was written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from newsletter.core.papers.reference import Reference, citation_keys, split_name
from newsletter.render.exports import FORMATS
from newsletter.sources.text.latex import readable
from tests.marks import examples
from tests.render.exports import csl_schema
from tests.render.exports.reading_back import ReadBack, by_bibtexparser, by_json, by_pybtex, by_rispy
from tests.shared_data import SHARED, needs_shared

PLAIN = Reference(
    id=7,
    title="A Map of Circuits",
    abstract="We draw a map.",
    authors=("Ada Lovelace", "Alan Turing"),
    listed_on=date(2026, 4, 17),
    published_on=date(2026, 4, 9),
    arxiv_id="2604.01234",
    doi="10.48550/arXiv.2604.01234",
    categories=("cs.AR", "quant-ph"),
    topics=("Circuits",),
    url="https://arxiv.org/abs/2604.01234",
)
READERS: dict[str, tuple[str, Callable[[str], list[ReadBack]]]] = {
    "bibtexparser": ("bibtex", by_bibtexparser),
    "pybtex": ("bibtex", by_pybtex),
    "rispy": ("ris", by_rispy),
    "json": ("csl-json", by_json),
}
TYPED_SIGNS = {"---": "—", "--": "–", "``": "“", "''": "”", "`": "‘", "'": "’"}
every_reader = pytest.mark.parametrize("reader", READERS)
ODD = {
    "signs of TeX": replace(PLAIN, title=r"100% of A&B: \alpha_1 costs $5 #1 ~ x^2", abstract=r"a\b_c & 3%"),
    "paired braces": replace(PLAIN, title="Sets {a, {b}} and {}", abstract="f(x) = {1, 2}"),
    "lone braces": replace(PLAIN, title="An open { and", abstract="} closed before {"),
    "umlauts": replace(
        PLAIN, title="Über Größen: naïve Ångström façade", authors=("Jürgen Müller", "Łukasz Žá")
    ),
    "Greek": replace(PLAIN, title="α-divergence at 10⁻³ ≤ ε", abstract="∇·E = ρ/ε₀"),
    "Chinese": replace(PLAIN, title="神经形态计算", authors=("王小明", "李 雷")),
    "capitals": replace(PLAIN, title="GPT-4 and mRNA in LaTeX: an A/B test of X"),
    "particles": replace(
        PLAIN, authors=("Ludwig van Beethoven", "Juan de la Cruz", "danah boyd", "H. von der Leyen")
    ),
    "generations": replace(PLAIN, authors=("Martin Luther King Jr.", "John Doe III")),
    "groups": replace(
        PLAIN, authors=("The ATLAS Collaboration", "DeepSeek-AI", "Research and Development Team")
    ),
    "braces and small words in names": replace(
        PLAIN, authors=("A {B} C", "others", "X and Y", "and Jian Xiao")
    ),
    "600 authors": replace(PLAIN, authors=tuple(f"Given{n} Family{n}" for n in range(600))),
    "no author": replace(PLAIN, authors=(), organization=None),
    "no identifier": replace(PLAIN, arxiv_id=None, doi=None, url=None, published_on=None, topics=()),
    "lines": replace(PLAIN, abstract="One line.\nER  - \nTY  - JOUR\n@misc{x,}"),
    "quotes": replace(PLAIN, title="He said \"no\" to `it` and 'that'"),
}


def expected(reference: Reference) -> ReadBack:
    return ReadBack(
        title=" ".join(reference.title.split()),
        abstract=" ".join(reference.abstract.split()),
        authors=tuple(" ".join(name.split()) for name in reference.authors),
        doi=reference.doi or "",
        arxiv_id=reference.arxiv_id or "",
    )


def comparable(found: ReadBack, reader: str) -> ReadBack:
    """Without what is written otherwise and means the same: dashes and quotation marks of TeX, and lines."""

    def text(value: str) -> str:
        value = " ".join(value.split())
        if reader in ("bibtexparser", "pybtex"):
            for typed, printed in (
                ("---", "—"),
                ("--", "–"),
                ("``", "“"),
                ("''", "”"),
                ("`", "‘"),
                ("'", "’"),
            ):
                value = value.replace(typed, printed)
        return value

    return replace(
        found,
        title=text(found.title),
        abstract=text(found.abstract),
        authors=tuple(text(name) for name in found.authors),
    )


@every_reader
@pytest.mark.parametrize("reference", [PLAIN, *ODD.values()], ids=["plain", *ODD])
def test_reference_is_read_back_as_it_was(reference: Reference, reader: str) -> None:
    name, read = READERS[reader]
    [found] = read(FORMATS[name].write([reference]))
    assert comparable(found, reader) == comparable(expected(reference), reader)


@pytest.mark.parametrize("reference", [PLAIN, *ODD.values()], ids=["plain", *ODD])
def test_csl_json_follows_its_schema(reference: Reference) -> None:
    assert csl_schema.errors(FORMATS["csl-json"].write([reference])) == []


@pytest.mark.parametrize(
    "broken",
    [
        [{"id": "a"}],
        [{"id": "a", "type": "preprint"}],
        [{"id": "a", "type": "article", "author": ["Ada Lovelace"]}],
        [{"id": "a", "type": "article", "issued": {"date-parts": [2026]}}],
        [{"id": "a", "type": "article", "doi": "10.1/x"}],
        {"id": "a", "type": "article"},
    ],
    ids=str,
)
def test_schema_of_csl_json_finds_faults(broken: object) -> None:
    assert csl_schema.errors(json.dumps(broken)) != []


@pytest.mark.parametrize("read", [by_bibtexparser, by_pybtex])
def test_name_with_a_comma_stays_whole_in_bibtex(read: Callable[[str], list[ReadBack]]) -> None:
    [found] = read(FORMATS["bibtex"].write([replace(PLAIN, authors=("Smith, Jr.", "Ada Lovelace"))]))
    assert found.authors == ("Smith, Jr.", "Ada Lovelace")


@every_reader
def test_all_references_of_a_list_are_read_back_in_order(reader: str) -> None:
    name, read = READERS[reader]
    references = [replace(each, id=number) for number, each in enumerate(ODD.values())]
    found = read(FORMATS[name].write(references))
    assert [each.arxiv_id for each in found] == [each.arxiv_id or "" for each in references]
    assert len(set(citation_keys(references).values())) == len(references)


@pytest.mark.parametrize("name", FORMATS)
def test_no_references_are_an_empty_list(name: str) -> None:
    assert FORMATS[name].write([]).strip() in ("", "[]")


texts = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" {}\\%$&_#^~"), min_size=1, max_size=60
).filter(str.strip)


@settings(max_examples=examples(60), deadline=None)
@given(title=texts, abstract=texts)
def test_any_text_stays_inside_its_field(title: str, abstract: str) -> None:
    references = [replace(PLAIN, title=title, abstract=abstract), replace(PLAIN, id=8)]
    for name, read in READERS.values():
        found = read(FORMATS[name].write(references))
        assert [each.doi for each in found] == [PLAIN.doi, PLAIN.doi]
    assert csl_schema.errors(FORMATS["csl-json"].write(references)) == []
    page = MarkdownIt("commonmark").render(FORMATS["markdown"].write(references))
    assert page.count("<li>") == 2
    assert page.count("<a ") == 2
    assert "<h1" not in page


@pytest.mark.parametrize(
    ("name", "given", "family"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Martin Luther King Jr.", "Martin Luther", "King Jr."),
        ("danah boyd", "danah", "boyd"),
        ("OpenAI", "", "OpenAI"),
        ("The ATLAS Collaboration", "", "The ATLAS Collaboration"),
        ("Qwen Team", "", "Qwen Team"),
        ("Smith, John", "", "Smith, John"),
        ("and Jian Xiao", "", "and Jian Xiao"),
        ("J.-P.  Serre", "J.-P.", "Serre"),
        ("", "", ""),
    ],
)
def test_name_is_split_before_its_family_name(name: str, given: str, family: str) -> None:
    parts = split_name(name)
    assert (parts.given, parts.family) == (given, family)


@pytest.mark.parametrize(
    ("title", "authors", "key"),
    [
        ("Attention Is All You Need", ("Ashish Vaswani",), "vaswani2026attention"),
        ("On the Map of Circuits", ("Jürgen van der Müller",), "muller2026map"),
        ("3D-aware Chips", ("OpenAI",), "openai20263daware"),
        ("神经", ("王小明",), "paper2026untitled"),
        ("The", (), "paper2026the"),
    ],
)
def test_key_is_family_name_year_and_word(title: str, authors: tuple[str, ...], key: str) -> None:
    first = replace(PLAIN, title=title, authors=authors)
    assert citation_keys([first, replace(first, id=9)]) == {7: key, 9: f"{key}-9"}


def test_markdown_names_what_was_found_and_where() -> None:
    found = MarkdownIt("commonmark").render(
        FORMATS["markdown"].write([replace(PLAIN, lead="A lead [1] with *stars*.", title="1. A_b <i>c</i>")])
    )
    assert (
        '<strong><a href="https://arxiv.org/abs/2604.01234">1. A_b &lt;i&gt;c&lt;/i&gt;</a></strong>' in found
    )
    assert "Ada Lovelace, Alan Turing · 2026-04-09 · arXiv:2604.01234" in found
    assert "A lead [1] with *stars*." in found


def archived() -> Iterator[Reference]:
    """The papers of the real archives, as the store keeps them."""
    number = 0
    for file in sorted((SHARED / "archive").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                number += 1
                yield replace(
                    PLAIN,
                    id=number,
                    title=readable(record["title"]),
                    abstract=readable(record.get("summary") or record.get("abstract") or ""),
                    authors=tuple(record["authors"]),
                    arxiv_id=record["id"],
                )


@pytest.mark.prove
@needs_shared
@every_reader
def test_every_paper_of_the_archives_is_read_back_as_it_was(reader: str) -> None:
    name, read = READERS[reader]
    references = list(archived())
    found = read(FORMATS[name].write(references))
    assert len(found) == len(references) > 15_000
    other = [
        (got, wanted)
        for got, reference in zip(found, references, strict=True)
        if comparable(got, reader) != (wanted := comparable(expected(reference), reader))
    ]
    assert other == [], f"{len(other)} of {len(references)} differ"
    if reader == "json":
        assert csl_schema.errors(FORMATS[name].write(references)) == []


@pytest.mark.parametrize("count", [1, 2, 30])
def test_each_entry_of_a_ris_file_begins_with_its_type(count: int) -> None:
    written = FORMATS["ris"].write([replace(PLAIN, id=number) for number in range(count)])
    entries = written.split("ER  -")
    assert len(entries) == count + 1
    assert all(entry.lstrip().startswith("TY  - ") for entry in entries[:-1])
