"""The lower bounds of the dependencies exclude versions with known security holes.

When an advisory is published for a package that we use, add a row, and raise the bound in pyproject.toml.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]

ADVISORIES = [  # (package, first version without the hole, advisory)
    ("aiosmtpd", "1.4.5", "CVE-2024-27305"),  # smuggled messages
    ("aiosmtpd", "1.4.6", "CVE-2024-34083"),  # commands injected before STARTTLS
    ("certifi", "2024.7.4", "CVE-2024-39689"),  # an authority that is not trusted any more
    ("cryptography", "43.0.1", "GHSA-h4gh-qq45-vh27"),  # OpenSSL in the wheels
    ("cryptography", "46.0.5", "CVE-2026-26007"),
    ("cryptography", "46.0.6", "CVE-2026-34073"),
    ("cryptography", "46.0.7", "CVE-2026-39892"),  # a buffer overflow
    ("cryptography", "49.0.0", "GHSA-537c-gmf6-5ccf"),
    ("cryptography", "50.0.0", "CVE-2026-69247"),  # an oracle in PKCS#7
    ("dnspython", "2.6.1", "CVE-2023-29483"),  # a look-up that a stranger disturbs
    ("fastapi", "0.109.1", "CVE-2024-24762"),  # slow Content-Type
    ("h11", "0.16.0", "CVE-2025-43859"),  # lenient chunks: request smuggling
    ("idna", "3.7", "CVE-2024-3651"),  # quadratic time
    ("idna", "3.14", "CVE-2026-45409"),  # the same by another way
    ("jinja2", "3.1.5", "CVE-2024-56326"),  # out of the sandbox
    ("jinja2", "3.1.6", "CVE-2025-27516"),  # out of the sandbox
    ("lxml", "6.1.0", "CVE-2026-41066"),  # local files by entities
    ("mako", "1.3.11", "CVE-2026-41205"),
    ("mako", "1.3.12", "CVE-2026-44307"),
    ("pydantic", "2.4.0", "CVE-2024-3772"),  # slow addresses
    ("pygments", "2.20.0", "CVE-2026-4539"),
    ("python-dotenv", "1.2.2", "CVE-2026-28684"),  # follows links
    ("python-multipart", "0.0.18", "CVE-2024-53981"),  # slow preambles
    ("python-multipart", "0.0.22", "CVE-2026-24486"),
    ("python-multipart", "0.0.26", "CVE-2026-40347"),  # slow preambles and epilogues
    ("python-multipart", "0.0.30", "CVE-2026-53538"),  # a semicolon separates fields
    ("python-multipart", "0.0.31", "CVE-2026-53540"),
    ("requests", "2.32.4", "CVE-2024-47081"),
    ("requests", "2.33.0", "CVE-2026-25645"),
    ("scikit-learn", "1.5.0", "CVE-2024-5206"),
    ("starlette", "0.40.0", "CVE-2024-47874"),  # fields without limit
    ("starlette", "0.47.2", "CVE-2025-54121"),
    ("starlette", "0.49.1", "CVE-2025-62727"),
    ("starlette", "1.0.1", "CVE-2026-48710"),  # a Host that changes the path
    ("starlette", "1.3.0", "PYSEC-2026-248"),  # a path that changes the host
    ("starlette", "1.3.1", "CVE-2026-54283"),  # the limits of forms do not hold
    ("urllib3", "2.5.0", "CVE-2025-50181"),
    ("urllib3", "2.6.3", "CVE-2026-21441"),
    ("urllib3", "2.7.0", "CVE-2026-44431"),
    ("urllib3", "2.7.0", "CVE-2026-44432"),
    ("urllib3", "2.8.0", "CVE-2026-97687"),
    ("urllib3", "2.8.0", "CVE-2026-97689"),
    ("uvicorn", "0.11.7", "CVE-2020-7695"),
]


def _lower_bounds() -> dict[str, Version]:
    """The lowest version that we accept of each package, for users and in all extras."""
    found: dict[str, Version] = {}
    for text in chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        requirement = Requirement(text)
        for bound in requirement.specifier:
            if bound.operator == ">=":
                name = canonicalize_name(requirement.name)
                lowest = Version(bound.version)
                found[name] = min(found.get(name, lowest), lowest)
    return found


@pytest.mark.parametrize(("package", "fixed", "advisory"), ADVISORIES)
def test_lower_bound_excludes_the_versions_with_a_known_hole(package: str, fixed: str, advisory: str) -> None:
    assert _lower_bounds()[package] >= Version(fixed), advisory


@pytest.mark.parametrize("package", sorted({package for package, _, _ in ADVISORIES}))
def test_installed_version_is_not_older_than_our_bound(package: str) -> None:
    assert Version(version(package)) >= _lower_bounds()[package]


def test_packages_that_others_bring_are_still_brought() -> None:
    """A bound on a package that nothing needs any more would only install it."""
    block = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    extra = block.partition("# Others bring these")[2].partition("]")[0]
    bounded = {
        canonicalize_name(Requirement(line.strip(' ",')).name)
        for line in extra.splitlines()[1:]
        if '"' in line
    }
    brought = set()
    for text in PROJECT["dependencies"]:
        name = canonicalize_name(Requirement(text).name)
        if name not in bounded:
            brought |= _needs(name, set())
    assert bounded <= brought


def _needs(package: str, seen: set[str]) -> set[str]:
    """What a package needs to run, directly or not."""
    try:
        needed = [Requirement(text) for text in requires(package) or ()]
    except PackageNotFoundError:
        return seen
    for requirement in needed:
        name = canonicalize_name(requirement.name)
        if name not in seen and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            seen.add(name)
            _needs(name, seen)
    return seen
