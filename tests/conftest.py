"""What every test may lean on: a clean environment, and a private PostgreSQL where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from newsletter.db.engine import default_url
from tests.databases import migrate, migrated_url, share_compiled_statements
from tests.postgres_server import private_postgres

pytest_plugins = ["tests.browser.fixtures"]


# A loaded machine is no failure: no example has a time limit. `make test` tries a quarter of the examples.
settings.register_profile("full", max_examples=100, deadline=None)
settings.register_profile("quick", max_examples=25, deadline=None)
settings.load_profile("full")
share_compiled_statements()


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave browsers to `make test-all`, and PostgreSQL but for what the databases do differently."""
    for item in items:
        case = getattr(item, "callspec", None)
        on_postgresql = case is not None and "postgresql" in case.params.values()
        if "chromium" in getattr(item, "fixturenames", ()) or (
            on_postgresql and item.get_closest_marker("dialects") is None
        ):
            item.add_marker("full")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember which bar a proof measures: the first line of its docstring."""
    function = getattr(item, "function", None)
    if item.get_closest_marker("prove") and function is not None and function.__doc__:
        item.user_properties.append(("bar", function.__doc__.strip().splitlines()[0]))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """After `make prove`: each proof with its bar."""
    if config.option.markexpr != "prove":
        return
    terminalreporter.section("bars")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call":
                bar = dict(report.user_properties).get("bar", "")
                terminalreporter.write_line(f"{outcome:6}  {report.nodeid}: {bar}")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.upper().startswith("NEWSLETTER_") or name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """The URL of a fresh private PostgreSQL server; the test is skipped where there is none."""
    with private_postgres() as server:
        yield server.url


@pytest.fixture(scope="session")
def migrated_template(postgres_cluster: str) -> str:
    """The name of a database of the server that has all tables and no row."""
    import psycopg

    with psycopg.connect(_server(postgres_cluster), autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    migrate(f"{postgres_cluster}/migrated")
    return "migrated"


def _server(cluster: str) -> str:
    return f"{cluster.replace('postgresql+psycopg', 'postgresql')}/postgres"


@contextmanager
def _postgres_database(cluster: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of a copy of the template, which is dropped at the end."""
    import psycopg

    name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    with psycopg.connect(_server(cluster), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
    yield f"{cluster}/{name}"
    with psycopg.connect(_server(cluster), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture
def empty_postgres_url(postgres_cluster: str) -> Iterator[str]:
    """The URL of a PostgreSQL database without tables."""
    with _postgres_database(postgres_cluster) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_cluster: str, migrated_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database that has all tables and no row."""
    with _postgres_database(postgres_cluster, template=migrated_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has all tables and no row: on SQLite and, where installed, PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return migrated_url(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables: on SQLite and, where installed, PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_postgres_url"))
    return default_url(tmp_path)
