"""The files of DKIM keys: made in the state directory, and read from where the settings say.

Reads no settings and signs nothing.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.delivery.addresses import UnsendableAddressError, to_wire
from newsletter.delivery.dkim import is_aligned
from newsletter.delivery.dkim_keys import Algorithm, Key, UnusableKeyError, generate, parse
from newsletter.ops.state_dir import PRIVATE_FOLDER, check_writable, unusable, write_private

FOLDER = "dkim"  # in the state directory
MAX_FILE = 64 * 1024  # bytes; the PEM of an RSA key of 4096 bits has 3,300


def key_file(state_dir: Path, selector: str, *, named: str | None = None) -> Path:
    """Where the key of `selector` lies; `named` is what the settings say, below the state directory."""
    return state_dir / (named or f"{FOLDER}/{selector}.pem")


def make_key(
    state_dir: Path, *, algorithm: Algorithm, selector: str, domain: str, replace: bool = False
) -> Key:
    """Make a key and write it, mode 0600.

    Raises NewsletterError for a file that is there and may not be replaced, StorageError.
    """
    check_writable(state_dir)
    file = key_file(state_dir, selector)
    pem = generate(algorithm)
    try:
        file.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        written = write_private(file, pem.decode(), replace=replace)
    except OSError as error:
        raise unusable(state_dir, error) from error
    if not written:
        raise NewsletterError(
            f"there is a key in {file} already",
            hint="Name another one with --selector, or replace it with --force.",
        )
    return parse(pem, domain=domain, selector=selector)


def read_key(file: Path, *, selector: str, domain: str, sender_domain: str) -> Key:
    """The key in `file`, for mail from `sender_domain` (A-labels).

    Raises ConfigurationError that names selector and file for a key that cannot be used, and for a domain
    that cannot sign for the sender's.
    """
    place = f"DKIM key {selector!r}"
    try:
        signing = to_wire(f"dkim@{domain}")[0].decode("ascii").rpartition("@")[2].lower()  # A-labels
    except (UnsendableAddressError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{place}: {domain!r} is no domain", hint="Write dkim.domain like example.org."
        ) from error
    if not is_aligned(signing, sender_domain):
        raise ConfigurationError(
            f"{place} signs for {signing}, but sender is at {sender_domain}",
            hint="Take the sender's domain, or one above or below it: any other proves nothing (DMARC).",
        )
    try:
        with file.open("rb") as opened:
            pem = opened.read(MAX_FILE)
    except OSError as error:
        raise ConfigurationError(
            f"{place}: {file} cannot be read: {error.strerror or error}",
            hint=f"`newsletter dkim keygen --selector {selector}` makes a key; else mend dkim.key_file.",
        ) from error
    try:
        return parse(pem, domain=signing, selector=selector)
    except UnusableKeyError as error:
        raise ConfigurationError(
            f"{place}: {file} {error}",
            hint=f"`newsletter dkim keygen --selector {selector} --force` makes a new one.",
        ) from None
