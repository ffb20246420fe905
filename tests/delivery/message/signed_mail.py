"""Signed messages, and verifiers that are not ours."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest

from newsletter.core.mail.quoted_printable import quoted_printable
from newsletter.core.mail.values import Content, Recipient
from newsletter.delivery.message.builder import MessageBuilder, SenderIdentity
from newsletter.delivery.message.dkim import DkimSigner, SigningBuilder
from newsletter.delivery.message.dkim_keys import Algorithm, DkimKey, generate, parse

KEYS = {
    algorithm: parse(generate(algorithm), domain="papers.example", selector=f"newsletter-{algorithm.value}")
    for algorithm in Algorithm
}
RSA, ED25519 = KEYS[Algorithm.RSA], KEYS[Algorithm.ED25519]
TEXT = "Good morning, Käthe.\n\n  Three papers:\t量子计算  \n \n- über alles\n\n\n"
HTML = "<p>Good morning,  Käthe.</p>\n\t<p>量子计算</p>\n"
OPENDKIM = shutil.which("opendkim", path="/usr/sbin:/usr/bin:/usr/local/sbin")
needs_opendkim = pytest.mark.skipif(OPENDKIM is None, reason="OpenDKIM is not installed")


def signed_mail(
    keys: Sequence[DkimKey] = (RSA, ED25519), *, key: str = "2026-04-17", text: str = TEXT
) -> bytes:
    """A message as it goes out, with foreign letters wherever a mail can have them."""
    identity = SenderIdentity(
        sender="Überblick 量子 <news@papers.example>",
        base_url="https://papers.example",
        archive_url="https://papers.example/archive",
        list_name="Überblick 量子",
        secret_keys=["secret key of the tests"],
        reply_to="Die Redaktion <käthe@bücher.example>",
    )
    content = Content(
        subject="3 circuits: Schrödinger–Ångström und die Synthese analoger Schaltungen mit 量子计算",
        date=datetime(2026, 4, 17, 5, tzinfo=UTC),
        html=(quoted_printable(HTML),),
        text=(quoted_printable(text),),
    )
    recipient = Recipient(
        subscriber_id=7,
        address="käthe@bücher.example",
        kind="digest",
        key=key,
        my={},
        unsubscribe_url="https://papers.example/u/" + "x" * 60,
        name="Käthe “K” O'Brien",
    )
    plain = MessageBuilder(identity)
    signing = SigningBuilder(plain, DkimSigner(tuple(keys)))
    return (signing if keys else plain).prepare(content).assemble(recipient).data


def verified(mail: bytes, *keys: DkimKey) -> list[bool]:
    """Whether each signature holds, from the top down, says dkimpy; `keys` are what DNS knows."""
    records = {f"{key.record.name}.".encode(): key.record.value.encode() for key in keys or KEYS.values()}
    verifier = dkim.DKIM(mail)
    count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
    found = []
    for index in range(count):
        try:
            found.append(dkim.DKIM(mail).verify(index, dnsfunc=lambda name, timeout=5: records.get(name)))
        except dkim.DKIMException:
            found.append(False)
    return found


def opendkim_says(mail: bytes, folder: Path) -> list[str]:
    """What OpenDKIM's verifier says of each signature, from the top down: pass or fail."""
    assert OPENDKIM is not None
    records = "".join(f"{key.record.name} {key.record.value}\n" for key in KEYS.values())
    (folder / "keys").write_text(records, "ascii")
    (folder / "opendkim.conf").write_text(f"Mode v\nTestPublicKeys {folder / 'keys'}\n", "utf-8")
    (folder / "mail.eml").write_bytes(mail)
    done = subprocess.run(
        [OPENDKIM, "-v", "-v", "-x", str(folder / "opendkim.conf"), "-t", str(folder / "mail.eml")],
        capture_output=True,
        text=True,
        check=False,
    )
    return re.findall(r"\bdkim=(\w+)", done.stdout)
