"""The wheel is complete and works without the source."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[2]
EVERY_TEMPLATE = """
from datetime import UTC, date, datetime
from newsletter.core.debts.digest_plan import EVERYTHING, NewVersion, PlannedPaper
from newsletter.core.states import Form, Role
from newsletter.render.topic_colors import shades_of
from newsletter.render.environment import MailEnvironment, templates_root
from newsletter.render.layout import Layout
from newsletter.render.transactional import render_transactional
from newsletter.render.view_models import Brand, PaperView, TopicView

environment = MailEnvironment()
used = set()
plain = environment.get_template
environment.get_template = lambda name, *rest, **more: used.add(name) or plain(name, *rest, **more)
topics = {
    slug: TopicView(slug=slug, title=slug, shades=shades_of("#c2662b")) for slug in ("circuits", EVERYTHING)
}
paper = PaperView(
    id=1, title="A title", abstract="A sentence.", author_count=2, author_names=(), organization=None,
    published_on=date(2026, 1, 1), comments=3, code_url="https://code.example", url=None,
    first_listed_on=date(2026, 4, 13), evidence={"circuits": ("chip",)},
)
cards = [
    PlannedPaper(paper_id=1, topic="circuits", also_in=(EVERYTHING,), form=form, role=role)
    for form in (Form.FULL, Form.SHORT, Form.TITLE)
    for role in (Role.NEWS, Role.RECAP)
]
Layout(environment, brand=Brand(), topics=topics).prepare(
    cards, {1: paper}, maybe=cards[:1], new_versions=[NewVersion(paper_id=1, listed_on=date(2026, 4, 13))]
)
for folder in (templates_root() / "email").iterdir():
    if folder.is_dir() and folder.name != "digest":
        date = datetime(2026, 4, 13, tzinfo=UTC)
        render_transactional(environment, brand=Brand(), kind=folder.name, date=date)
for name in ("sign-up", "archive/paper", "archive/search", "archive/static-search"):
    assert (templates_root() / "web" / f"{name}.html.j2").is_file(), name
for page in (templates_root() / "web").rglob("*"):  # the tests of the pages render them
    if page.is_file():
        used.add(str(page.relative_to(templates_root())))
print(sorted(
    name for path in templates_root().rglob("*.j2")
    if (name := str(path.relative_to(templates_root()))) not in used
))
"""
DEMO_LIMIT = 60  # seconds that `newsletter demo` may take


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel, and with the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)],
        check=True,
    )
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # A path in a .pth file adds the packages, but not the .pth file of an editable install.
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def _run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(installed / command[0]), *command[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEMO_LIMIT,
    )


def test_wheel_holds_every_file_of_the_packages_and_templates(wheel: Path) -> None:
    expected = {
        str(path.relative_to(ROOT))
        for package in ("newsletter", "subscribers")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {
        "newsletter/" + str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected


def test_wheel_holds_no_test_and_no_sample_of_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))] == []


def test_installed_package_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "python", "-c", "import newsletter; print(newsletter.__file__)")
    assert str(ROOT) not in done.stdout
    assert "site-packages" in done.stdout


def test_installed_help_shows_the_front_page(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "newsletter", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Watch it work" in done.stdout


def test_installed_init_brings_its_migrations(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "newsletter", "init", "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state" / "newsletter.sqlite3").exists()


def test_installed_package_renders_every_template(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "python", "-c", EVERY_TEMPLATE)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_installed_demo_mails_three_readers(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "newsletter", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing twice, nothing missed." in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["demo-state"]
