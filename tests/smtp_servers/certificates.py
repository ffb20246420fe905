"""Certificates made for a test, and contexts with them."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def server_tls(folder: Path, *, name: str = "localhost") -> tuple[ssl.SSLContext, str]:
    """(a server's context for `name`, the path of the CA file that clients must trust)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)
