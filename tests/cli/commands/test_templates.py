"""`newsletter templates check`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import Shell


def _override(shell: Shell, name: str, source: str) -> Path:
    file = shell.state_dir / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, "utf-8")
    return file


def test_shipped_templates_pass(shell: Shell) -> None:
    answer = shell.ok("templates", "check", "--json").json
    assert (answer["own"], answer["problems"]) == ([], [])
    assert {"email/digest/html.j2", "email/digest/txt.j2", "email/confirm/html.j2"} <= set(
        answer["templates"]
    )
    said = shell.ok("templates", "check")
    counted = f"({len(answer['templates'])} templates, 0 of them your own: nothing wrong)\n"
    assert (said.stdout, said.stderr) == ("", counted)


def test_fault_is_named_with_file_and_line(shell: Shell) -> None:
    _override(shell, "email/digest/more.html.j2", "<p>\n{% if digest.more %}x{% endif %}</p>")
    answer = shell("templates", "check", "--json")
    assert answer.code == 78
    (problem,) = answer.json["problems"]
    assert (problem["template"], problem["line"]) == ("email/digest/more.html.j2", 2)
    assert answer.json["own"] == ["email/digest/more.html.j2"]
    said = shell("templates", "check")
    assert said.code == 78
    assert "email/digest/more.html.j2  2     {{ digest.more }} can only be printed as it is" in said.stdout


def test_own_topics_and_brand_are_checked_too(shell: Shell) -> None:
    colours = "\n".join(
        f'[topics.robots-number-{n}]\ntitle = "Robots"\ndescription = "x"\nphrases = ["robot"]'
        for n in range(80)
    )
    shell.settings(f'[brand]\nname = "Robots & Co"\nlogo = "https://papers.example/logo.png"\n{colours}\n')
    answer = shell("templates", "check", "--json")
    assert answer.code == 78
    assert [problem["template"] for problem in answer.json["problems"]] == ["email/digest/html.j2"]


def test_broken_template_stops_a_send_with_the_same_words(shell: Shell) -> None:
    shell.ok(
        "subscribers",
        "add",
        "ada@readers.example",
        "--topic",
        "everything",
        "--confirmed",
        "--at",
        "2026-04-12T05:00",
    )
    from newsletter.samples import dumps

    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    _override(shell, "email/digest/section.html.j2", "\n\n{{ topic.name }}")
    answer = shell("send", "--at", "2026-04-13T07:00", "--json")
    assert answer.code == 78
    assert "email/digest/section.html.j2" in json.loads(answer.stdout)["error"]
    assert "line 3" in answer.stderr
