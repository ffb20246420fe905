"""The search of a static copy in a real browser, from a disk."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select, update

from newsletter.db.engine import reading
from newsletter.db.schema import papers
from tests.browser.fixtures import Browse
from tests.browser.views import View
from tests.smtp_servers.recording import RecordingServer
from tests.web.archive.private_site import private_site
from tests.web.archive.static_copy import build

TITLES = [
    "<script>document.title='taken'</script> & yttrium",
    "Évaluation naïve: Schrödinger states",
    "α-rays and β decay",
    "量子计算的新方法",
    "日本語のモデル 𠀋",
    "C++ and C# programs",
    "constructor __proto__ toString",
    "GPT-4 and gerbils' analyses",
    "Rezoning of Straße",
    "кириллица модели",
    "Pneumonoultramicroscopicsilicovolcanoconiosis found",
]
FOUND = [
    ("yttrium", 0),
    ("script taken", 0),
    ("schrodinger", 1),
    ('Schr\\"odinger', 1),
    ("NAIVE evaluation", 1),
    ("alpha ray", 2),
    ("β", 2),
    ("$\\alpha$ decay", 2),
    ("量子", 3),
    ("计算方法", 3),
    ("日本", 4),
    ("𠀋", 4),
    ("C#", 5),
    ("__proto__", 6),
    ("toString constructor", 6),
    ("gpt4 gerbil", 7),
    ("strasse", 8),
    ("модели", 9),
    ("pneumonoultramicroscopicsilicovolcanoconiosis", 10),
]


@pytest.mark.full
def test_static_search_finds_what_the_server_finds(
    tmp_path: Path, server: RecordingServer, browse: Browse
) -> None:
    site = private_site(tmp_path, server)
    with reading(site.newsletter.engine) as connection:
        ids = list(connection.execute(select(papers.c.id).order_by(papers.c.id)).scalars())
    for number, title in zip(ids, TITLES, strict=False):
        site.write(update(papers).where(papers.c.id == number).values(title=title))
    out = tmp_path / "out"
    build(site, out)
    page = browse(View())
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for query, place in FOUND:
        page.goto(f"{(out / 'search.html').as_uri()}?q={quote(query)}")
        page.locator("#results a").first.wait_for()
        shown = page.locator("#results a").evaluate_all("links => links.map(link => link.textContent)")
        assert TITLES[place] in shown, query
        assert "taken" not in page.title()
    page.goto((out / "search.html").as_uri())
    page.fill("#q", "Schr")
    page.locator("#results a").first.click()
    page.wait_for_url("**/papers/*")
    assert said == []
