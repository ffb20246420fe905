"""Checks finished documents with the Nu HTML checker. Reports errors, not warnings."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from tests import npm

TIMEOUT = 120  # seconds; a start takes one or two, hundreds of documents a few more
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xss16m")  # its grammar recurses deeply
# Needed by mail programs, but in no standard. Our mail has no other errors of the checker.
MAIL_PROPERTIES = {
    "mso-hide": "without it Outlook shows the preheader",
    "supported-color-schemes": "the name of `color-scheme` in Apple Mail before iOS 13 and macOS 10.15",
}


def errors(documents: Mapping[str, str], *, properties: Collection[str] = ()) -> list[str]:
    """`name:line: message` for all documents, checked in one run; [] without errors.

    documents: HTML by a name of yours. properties: of CSS, which are allowed although no standard names them.
    The test is skipped where the checker or Java is not installed.
    """
    allowed = {f"CSS: “{name}”: Property “{name}” doesn't exist." for name in properties}
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    jar = npm.folder("vnu-jar") / "build" / "dist" / "vnu.jar"
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for number, (name, document) in enumerate(documents.items()):
            path = Path(folder, f"{number:04}.html")
            path.write_text(document, "utf-8")
            names[path.name] = name
        options = ("--format", "json", "--stdout", "--errors-only", "--exit-zero-always")
        done = subprocess.run(
            [java, *_QUICK_START, "-jar", str(jar), *options, folder],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == 0, f"the HTML checker failed: {done.stderr}"
    found = []
    for message in json.loads(done.stdout)["messages"]:
        words = " ".join(message["message"].split())
        if message["type"] != "info" and words not in allowed:
            name = names[message["url"].rpartition("/")[2]]
            found.append(f"{name}:{message.get('lastLine', 0)}: {words}")
    return sorted(found)
