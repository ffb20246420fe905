"""Makes and reads the files of DKIM keys. Reads no settings and signs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.delivery.addresses import UnsendableAddressError, to_wire
from newsletter.delivery.message.dkim import is_aligned
from newsletter.delivery.message.dkim_keys import Algorithm, DkimKey, UnusableKeyError, generate, parse
from newsletter.ops.state_dir import PRIVATE_FOLDER, check_writable, unusable, write_private

FOLDER = "dkim"  # in the state directory
MAX_FILE = 64 * 1024  # bytes; the PEM of an RSA key of 4096 bits has 3,300


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """The file of a key, and the selector and domain of its DNS record."""

    selector: str
    domain: str  # A-labels, lower case
    file: Path

    def __str__(self) -> str:
        return f"DKIM key {self.selector!r}: {self.file}"


def locate_key(
    state_dir: Path,
    *,
    selector: str,
    sender_domain: str,
    domain: str | None = None,
    key_file: str | None = None,
) -> KeyFile:
    """The file of one key. domain, key_file: settings that replace the defaults.

    sender_domain: in A-labels. Raises ConfigurationError for a domain whose signature is not aligned (DMARC).
    """
    signing = sender_domain.lower()
    if domain is not None:
        try:
            signing = to_wire(f"dkim@{domain}")[0].decode("ascii").rpartition("@")[2].lower()
        except (UnsendableAddressError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"DKIM key {selector!r}: {domain!r} is no domain", hint="Write dkim.domain like example.org."
            ) from error
    if not is_aligned(signing, sender_domain):
        raise ConfigurationError(
            f"DKIM key {selector!r} signs for {signing}, but sender is at {sender_domain}",
            hint="Take the sender's domain, or one above or below it: any other proves nothing (DMARC).",
        )
    return KeyFile(
        selector=selector, domain=signing, file=state_dir / (key_file or f"{FOLDER}/{selector}.pem")
    )


def make_key(state_dir: Path, place: KeyFile, *, algorithm: Algorithm, replace: bool = False) -> DkimKey:
    """Make a key and write it, mode 0600.

    Raises NewsletterError when the file exists and may not be replaced, and StorageError.
    """
    check_writable(state_dir)
    pem = generate(algorithm)
    try:
        place.file.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        written = write_private(place.file, pem.decode(), replace=replace)
    except OSError as error:
        raise unusable(place.file.parent, error) from error
    if not written:
        raise NewsletterError(
            f"there is a key in {place.file} already",
            hint="Name another one with --selector, or replace it with --force.",
        )
    return parse(pem, domain=place.domain, selector=place.selector)


def read_key(place: KeyFile) -> DkimKey:
    """The key at `place`. Raises ConfigurationError that names selector and file when it cannot be used."""
    try:
        with place.file.open("rb") as opened:
            pem = opened.read(MAX_FILE)
    except OSError as error:
        raise ConfigurationError(
            f"{place} cannot be read: {error.strerror or error}",
            hint=f"`newsletter dkim keygen --selector {place.selector}` makes a key there.",
        ) from error
    try:
        return parse(pem, domain=place.domain, selector=place.selector)
    except UnusableKeyError as error:
        raise ConfigurationError(
            f"{place} {error}",
            hint=f"`newsletter dkim keygen --selector {place.selector} --force` makes a new one.",
        ) from None
