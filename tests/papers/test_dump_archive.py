"""Raw bytes are stored whole or not at all, and found under their hash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsletter.core.errors import StorageError
from newsletter.papers.dump_archive import load_bytes, path_of, sha256_of, store_bytes


def test_store_bytes_stores_once_and_whole(tmp_path: Path) -> None:
    data = b"some bytes"
    sha256 = store_bytes(tmp_path / "dumps", data)
    path = path_of(tmp_path / "dumps", sha256)
    before = path.stat().st_mtime_ns
    assert store_bytes(tmp_path / "dumps", data) == sha256 == sha256_of(data)
    assert path.stat().st_mtime_ns == before
    assert [found.name for found in path.parent.iterdir()] == [f"{sha256}.txt"]
    assert load_bytes(tmp_path / "dumps", sha256) == data


def test_store_bytes_replaces_a_truncated_file(tmp_path: Path) -> None:
    sha256 = store_bytes(tmp_path, b"some bytes")
    path_of(tmp_path, sha256).write_bytes(b"some")
    store_bytes(tmp_path, b"some bytes")
    assert load_bytes(tmp_path, sha256) == b"some bytes"


def test_store_bytes_reports_an_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "dumps").write_bytes(b"a file is in the way")
    with pytest.raises(StorageError, match="state directory writable"):
        store_bytes(tmp_path / "dumps", b"some bytes")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_store_bytes_reports_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="state directory writable"):
        store_bytes(tmp_path / "dumps", b"some bytes")
