"""What spam filters say of every kind of mail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from newsletter.core.mail.values import Envelope
from newsletter.render.mail_kinds import TRANSACTIONAL_KINDS
from newsletter.render.view_models import Brand
from tests.render import specimen_pages
from tests.spam_filters.mails import NOTED, every_kind
from tests.spam_filters.rspamd import Rspamd, needs_rspamd, running_rspamd

OURS = {"URI_COUNT_ODD", "ZERO_FONT", "MANY_INVISIBLE_PARTS", "R_WHITE_ON_WHITE"}  # faults of templates
SPAMASSASSIN = shutil.which("spamassassin")
needs_spamassassin = pytest.mark.skipif(
    SPAMASSASSIN is None, reason="SpamAssassin is not installed: no mail was scored"
)
URL = re.compile(r"https?://[^\s<>]*[^\s<>.,]")
BRANDS = {
    "bare": Brand(name="Paper Digest"),
    "with all texts": specimen_pages.BRAND,
    "with a link in the footer": Brand(name="Paper Digest", footer="See https://example.org/about."),
    "with a logo": Brand(
        name="Paper Digest", logo="https://papers.example/logo.png", home_url="https://papers.example/"
    ),
}


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Envelope]:
    return every_kind(tmp_path_factory.mktemp("mails"))


@pytest.fixture(scope="module")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rspamd]:
    with running_rspamd(tmp_path_factory.mktemp("rspamd") / "private") as running:
        yield running


@pytest.mark.prove
@needs_rspamd
def test_rspamd_counts_no_kind_of_mail_as_spam(rspamd: Rspamd, mails: dict[str, Envelope]) -> None:
    """Bar: 0 points or less for each kind, with the rules as shipped and no network."""
    scans = {
        str(kind): rspamd.scan(mail.data, sender=mail.sender, recipient=mail.recipient)
        for kind, mail in mails.items()
    }
    for kind, scan in scans.items():
        print(f"{scan.score:6.2f}  {kind}: {scan.symbols}")  # noqa: T201  (the figures are the proof)
    assert len(scans) >= len(TRANSACTIONAL_KINDS) + 5
    assert {kind: scan for kind, scan in scans.items() if scan.score > 0 or OURS & set(scan.symbols)} == {}


@pytest.mark.prove
@needs_rspamd
def test_rspamd_still_finds_what_the_templates_avoid(rspamd: Rspamd, mails: dict[str, Envelope]) -> None:
    mail = mails["confirm"]
    hidden = b'<span style=3D"font-size: 0">cheap</span><p style=3D"display: none">cheap</p>'
    spoilt = mail.data.replace(b"</body>", hidden + b'<a href=3D"https://x.example/">x</a></body>')
    scan = rspamd.scan(spoilt, sender=mail.sender, recipient=mail.recipient)
    assert {"URI_COUNT_ODD", "ZERO_FONT", "MANY_INVISIBLE_PARTS"} <= set(scan.symbols)


@pytest.mark.prove
@needs_spamassassin
def test_spamassassin_counts_no_kind_of_mail_as_spam(tmp_path: Path, mails: dict[str, Envelope]) -> None:
    """Bar: 0 points or less for each kind, by its local rules."""
    assert SPAMASSASSIN is not None
    scores = {}
    for kind, mail in mails.items():
        done = subprocess.run(
            [SPAMASSASSIN, "--local", "--test-mode"],
            input=mail.data,
            capture_output=True,
            check=True,
            env={**os.environ, "HOME": str(tmp_path)},  # it learns into the home directory
            timeout=120,
        )
        found = re.search(rb"X-Spam-Status: .*?score=(-?[\d.]+)", done.stdout)
        assert found is not None
        scores[str(kind)] = float(found[1])
    print(scores)  # noqa: T201  (the figures are the proof)
    assert {kind: score for kind, score in scores.items() if score > 0} == {}


@pytest.mark.parametrize("brand", BRANDS.values(), ids=BRANDS)
@pytest.mark.parametrize("kind", ["digest", *TRANSACTIONAL_KINDS])
def test_text_and_html_have_the_same_links(kind: str, brand: Brand) -> None:
    content = (
        specimen_pages.digest(NOTED, brand=brand)
        if kind == "digest"
        else specimen_pages.transactional(kind, brand=brand)
    )
    html, text = specimen_pages.pages(content)
    page = re.sub(r"<head>.*?</head>", "", html, flags=re.DOTALL)
    unlinked = re.sub(r"<a .*?</a>|<[^>]+>", " ", page, flags=re.DOTALL)  # a link's own text is not counted
    # Links within the mail begin with "#"; text has nothing to lead to.
    linked = re.findall(r'href="([^"#][^"]*)"', page) + URL.findall(unlinked)
    written = Counter(unquote(url) for url in URL.findall(text))
    # A logo counts as a link, too; in its place the text has the home page.
    assert written - Counter({brand.home_url: page.count("<img")}) == Counter(
        unquote(unescape(url)) for url in linked
    )
