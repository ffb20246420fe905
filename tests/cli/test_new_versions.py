"""New versions of papers on the command line: listings in, a line in the next digest out."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from newsletter.ops.demo_mail_server import DemoMailServer, running_mail_server
from tests.cli.shell import Shell
from tests.sources.shapes.arxiv import arxiv_replaced
from tests.sources.shapes.hf import hf_api
from tests.sources.shapes.records import Record

ADA = "ada@readers.example"
MONDAY, TUESDAY, WEDNESDAY = (date(2026, 4, day) for day in (13, 14, 15))
WORDS = {
    "Replaced": "We prepare ground states of spin chains on a quantum computer with few gates.",
    "Retitled": "A decoder for the surface code learns which qubit failed, and does so faster than matching.",
    "Rendered": "We bound the depth of quantum circuits that sample $k$-local Hamiltonians.",
    "Filled": "Trapped ions entangle over a metre of fibre; a quantum repeater keeps their fidelity.",
    "Fresh": "Quantum annealers meet portfolio problems: we compare qubit encodings on five thousand spins.",
    "Later": "Variational quantum eigensolvers stall on plateaus; a layered ansatz of qubits avoids most.",
}
NAMES = list(WORDS)


def _record(name: str, **changes: Any) -> Record:
    made = Record(
        id=f"2604.0{1000 + NAMES.index(name)}",
        title=f"{name}: Quantum Computing with {len(name)} Qubits",
        abstract=WORDS[name],
        authors=("Ada Example", f"Bo {name}"),
        published=date(2026, 4, 10),
        categories=("quant-ph",),
    )
    return replace(made, **changes)


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoMailServer]:
    with running_mail_server(tmp_path / "mail") as server:
        for key, value in {"HOST": "127.0.0.1", "PORT": str(server.port), "SECURITY": "none"}.items():
            monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", value)
        yield server


def _ingest(shell: Shell, name: str, data: bytes, at: str) -> None:
    file = shell.state_dir.parent / name
    file.write_bytes(data)
    shell.ok("ingest", str(file), "--at", at)


def _three_days(shell: Shell) -> None:
    """Papers on Monday, versions of them and another paper on Tuesday, one more on Wednesday."""
    shell.ok("subscribers", "add", ADA, "--topic", "quantum", "--confirmed", "--at", "2026-04-13T05:00")
    write = hf_api(2026)
    first = [_record(name) for name in ("Replaced", "Retitled", "Rendered")]
    first.append(_record("Filled", abstract=WORDS["Filled"][:70] + "…"))
    _ingest(shell, "monday.json", write(first, MONDAY), "2026-04-13T05:30")
    shell.ok("send", "--at", "2026-04-13T07:00")
    _ingest(shell, "replaced.eml", arxiv_replaced([_record("Replaced")], MONDAY), "2026-04-13T10:00")
    second = [
        _record("Fresh"),
        _record("Retitled", title="A New Name for Decoding with Qubits"),
        _record("Rendered", abstract=WORDS["Rendered"].replace("$k$", "k")),
        _record("Filled"),
    ]
    _ingest(shell, "tuesday.json", write(second, TUESDAY), "2026-04-14T06:00")
    shell.ok("send", "--at", "2026-04-14T07:00")
    _ingest(shell, "wednesday.json", write([_record("Later")], WEDNESDAY), "2026-04-15T06:00")
    shell.ok("send", "--at", "2026-04-15T07:00")


def _parts(server: DemoMailServer) -> list[tuple[str, str]]:
    """(html, text) of each mail to the reader, in order."""
    files = (server.maildir(ADA) / "new").iterdir()
    found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    found.sort(key=lambda message: message["Date"].datetime)
    return [
        (message.get_body(("html",)).get_content(), message.get_body(("plain",)).get_content())
        for message in found
    ]


def test_a_replaced_and_a_retitled_paper_are_told_of_once_and_are_no_news(
    shell: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_DELIVERY__NEW_VERSIONS", "true")
    _three_days(shell)
    (html, text), (told_html, told_text), (last_html, last_text) = _parts(mail)
    for page in (html, text, last_html, last_text):
        assert "new versions" not in page.lower()
    lines = told_text.partition("NEW VERSIONS OF PAPERS YOU HAD")[2].partition("You get this")[0]
    assert [line for line in lines.splitlines() if line.strip("- ")] == [
        "A New Name for Decoding with Qubits · 14 April 2026",
        "  https://arxiv.org/abs/2604.01001",
        "Replaced: Quantum Computing with 8 Qubits · 13 April 2026",
        "  https://arxiv.org/abs/2604.01000",
    ]
    section = told_html.partition("New versions of papers you had")[2]
    assert section.count("<h3") == lines.count("https://") == 2
    for word in ("A New Name", "14 April 2026", "2604.01001", "Replaced", "13 April 2026", "2604.01000"):
        assert word in section
    assert "Fresh: " in told_html.partition("New versions")[0]
    why = shell.ok("why", ADA, "--on", "2026-04-14", "--at", "2026-04-15T12:00", "--json").json
    assert [paper["title"].partition(":")[0] for paper in why["papers"]] == ["Fresh"]
    assert [line["listed_on"] for line in why["new_versions"]] == ["2026-04-14", "2026-04-13"]
    said = shell.ok("why", ADA, "--on", "2026-04-14", "--at", "2026-04-15T12:00").stdout
    assert "New versions of papers that they had:" in said
    shown = shell.ok("deliveries", "show", "2", "--json").json
    assert [line["id"] for line in shown["new_versions"]] == [line["id"] for line in why["new_versions"]]
    shell.ok("audit", "--at", "2026-04-15T12:00")


def test_without_the_setting_nothing_is_told(shell: Shell, mail: DemoMailServer) -> None:
    _three_days(shell)
    assert len(_parts(mail)) == 3
    for page in (page for parts in _parts(mail) for page in parts):
        assert "new versions" not in page.lower()
    assert shell.ok("deliveries", "show", "2", "--json").json["new_versions"] == []
    shell.ok("audit", "--at", "2026-04-15T12:00")
