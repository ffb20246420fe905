"""Every dump format has a name, recognises its own dumps, and has a sample with its expected value.

To add a format, add its module and `samples/<name>.<what>.txt` (any ending) with
`samples/<name>.<what>.expected.json`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.registry import formats, read_listing

SAMPLES = Path(__file__).parent / "samples"


def sample_files() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if not path.name.endswith(".expected.json"))


def expected_file(path: Path) -> Path:
    return path.with_suffix(".expected.json")


def plain(listing: Listing) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(listing)))


@pytest.mark.parametrize("name", formats())
def test_format_has_a_sample_with_its_expected_value(name: str) -> None:
    own = [path for path in sample_files() if path.name.split(".")[0] == name]
    assert own
    assert [path for path in own if not expected_file(path).exists()] == []


@pytest.mark.parametrize("name", formats())
def test_format_says_what_it_is(name: str) -> None:
    module = formats()[name]
    assert (module.NAME, module.NAME.lower().replace("_", "-") == module.NAME, module.ABOUT != "") == (
        name,
        True,
        True,
    )


@pytest.mark.parametrize("name", formats())
def test_format_is_in_the_table_of_the_documentation(name: str) -> None:
    page = Path(__file__).parents[2] / "docs/explanation/sources.md"
    assert f"`{name}`" in page.read_text("utf-8")


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_sample_reads_as_expected(path: Path) -> None:
    expected = json.loads(expected_file(path).read_text(encoding="utf-8"))
    assert plain(read_listing(path.read_bytes(), name=path.name)) == expected
    named = read_listing(path.read_bytes(), name=path.name, format=path.name.split(".")[0])
    assert plain(named) == expected


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_sample_is_recognised_by_its_own_format_first(path: Path) -> None:
    dump = DumpFile(path.read_bytes(), name=path.name)
    scores = {name: module.recognise(dump) for name, module in formats().items()}
    assert max(scores, key=scores.__getitem__) == path.name.split(".")[0]
    assert scores[path.name.split(".")[0]] > 0


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\r\r\n"], ids=["crlf", "cr", "crcrlf"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["bare", "bom"])
@pytest.mark.parametrize("trailing", ["", " \t "], ids=["tight", "blanks"])
def test_sample_reads_the_same_with_other_line_ends(
    path: Path, line_end: str, mark: str, trailing: str
) -> None:
    text = path.read_text(encoding="utf-8")
    other = mark + text.replace("\n", trailing + line_end)
    assert read_listing(other.encode(), name="x") == read_listing(text.encode(), name="x")


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_sample_reads_the_same_in_another_encoding(path: Path, encoding: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert read_listing(text.encode(encoding), name="x") == read_listing(text.encode(), name="x")
