"""`archive build` writes a folder of its own, says what it did, and touches nothing of others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.cli.commands.test_papers import BARE, RECORD
from tests.cli.shell import Shell
from tests.sources.shapes.hf import hf_api

OWN = '{% extends "web/archive/base.html.j2" %}{% block main %}<h1>Own months</h1>{% endblock %}'


@pytest.fixture
def filled(shell: Shell) -> Shell:
    file = shell.state_dir.parent / "monday.json"
    file.write_bytes(hf_api(2026)([RECORD, BARE], date(2026, 4, 13)))
    shell.ok("ingest", str(file), "--at", "2026-04-13T05:30")
    shell.ok("editions", "publish", "--at", "2026-04-13T06:00")
    return shell


def test_a_build_says_what_it_wrote(filled: Shell, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "site"
    first = filled.ok("archive", "build", str(out), "--json").json
    assert first["pages"] == first["changed"] > 0
    assert (out / "index.html").exists()
    assert filled.ok("archive", "build", str(out), "--json").json["changed"] == 0


def test_own_templates_count(filled: Shell, tmp_path: Path) -> None:
    out = tmp_path / "site"
    filled.ok("archive", "build", str(out))
    own = filled.state_dir / "templates/web/archive"
    own.mkdir(parents=True)
    (own / "months.html.j2").write_text(OWN)
    filled.ok("archive", "build", str(out))
    assert "Own months" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    "place", ["/", ".", "file", "others", "file/below", "/proc/site", "n\0ul", "x" * 300]
)
def test_no_place_of_others_is_written_to(filled: Shell, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "others").mkdir()
    (tmp_path / "others/mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    answer = filled("archive", "build", str(tmp_path / place))
    assert answer.code in (1, 2)
    assert answer.stderr.strip()
    after = [path for path in sorted(tmp_path.rglob("*")) if filled.state_dir not in path.parents]
    assert after == [path for path in before if filled.state_dir not in path.parents]


@pytest.mark.parametrize(
    "url", ["papers.example.org", "ftp://x.org", "javascript:alert(1)", "https://", "x y"]
)
def test_an_address_of_the_folder_is_checked(filled: Shell, tmp_path: Path, url: str) -> None:
    answer = filled("archive", "build", str(tmp_path / "site"), "--base-url", url)
    assert answer.code == 2
    assert "--base-url" in answer.stderr
    assert not (tmp_path / "site").exists()


def test_permanent_addresses_follow_the_folder(filled: Shell, tmp_path: Path) -> None:
    out = tmp_path / "site"
    filled.ok("archive", "build", str(out))
    filled.ok("archive", "build", str(out), "--base-url", "https://copies.example.org/papers/")
    for file in ("index.html", "feeds/all.atom", "feeds/all.json"):
        assert "https://copies.example.org/papers/" in (out / file).read_text()
        assert "papers//" not in (out / file).read_text()
