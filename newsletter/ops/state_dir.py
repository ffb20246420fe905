"""Finds the state directory and makes its parts: settings file, inbox, keys.

Reads no settings, touches no database.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from newsletter.core.errors import StorageError

STARTING_TOML = """\
# Settings of this newsletter. A line that starts with # is a comment: remove the # to set a key,
# and the # of the line in brackets that it stands below.
# These are the usual keys; docs/reference/settings.md has all of them. The environment wins over this file
# (NEWSLETTER_SMTP__HOST).
# The two keys that `newsletter init` made lie in the folder credentials/: back them up, show them to nobody.

# sender = "Research papers <papers@example.org>"
# base_url = "https://papers.example.org"
# default_hour = 7                # of a new reader's digest, in their time zone
# default_timezone = "UTC"
# welcome = 0                     # recent papers that a newcomer is given
# hold = 0                        # minutes to look at an edition before it may be mailed

# [smtp]
# host = "smtp.example.org"
# port = 587
# security = "starttls"           # or "tls", or "none" (loopback only)
# username = "papers"             # the password: put it in the file credentials/smtp__password

# [delivery]
# uncertain = "mend"              # or "resend"
# empty = "skip"                  # or "note": a short mail on days without anything new

# [inbound.maildir]               # bounces; see "Read bounces with your own Postfix"
# path = "Maildir"

# [brand]
# name = "Research papers"
# accent = "#22201c"
# footer = ""
# postal_address = ""
# privacy_url = "https://example.org/privacy"
# reply_to = "Editors <editors@example.org>"

# Sign mail with DKIM: `newsletter dkim keygen` makes a key and says what to write here and in DNS.
# [[dkim]]
# selector = "newsletter-rsa"

# A topic of your own, or a change to one that is built in:
# [topics.robotics]
# title = "Robotics"
"""

INBOX = "inbox"
CREDENTIALS = "credentials"
KEYS = ("secret_key", "suppression_key")
KEY_BYTES = 32  # 256 bits: HMAC-SHA256 gains nothing from more
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def state_directory(flag: Path | None) -> Path:
    """`--state-dir`, else NEWSLETTER_STATE_DIR, else systemd's $STATE_DIRECTORY, else ./state."""
    if flag is not None:
        return flag.absolute()
    for variable in ("NEWSLETTER_STATE_DIR", "STATE_DIRECTORY"):
        # systemd joins several folders by ":"; the first is that of this unit
        value = os.environ.get(variable, "").split(":" if variable == "STATE_DIRECTORY" else "\0")[0]
        if value:
            return Path(value).absolute()
    return Path("state").absolute()


def prepare(state_dir: Path, *, known_keys: frozenset[str]) -> list[str]:
    """Make the missing parts: the directory, newsletter.toml, the inbox, the keys. Overwrites nothing.

    known_keys: the names among KEYS that the settings have already. Returns the names of the made parts.
    Raises StorageError when the directory cannot be written.
    """
    made: list[str] = []
    try:
        for folder, mode in ((state_dir, 0o750), (state_dir / INBOX, 0o750)):
            if not folder.is_dir():
                folder.mkdir(parents=True, mode=mode)
                made.append("the folder itself" if folder == state_dir else f"{folder.name}/")
        if write_private(state_dir / "newsletter.toml", STARTING_TOML):
            made.append("newsletter.toml")
        missing = [key for key in KEYS if key not in known_keys]
        if missing:
            credentials = state_dir / CREDENTIALS
            credentials.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            for key in missing:
                if write_private(credentials / key, secrets.token_urlsafe(KEY_BYTES) + "\n"):
                    made.append(f"{CREDENTIALS}/{key}")
    except OSError as error:
        raise unusable(state_dir, error) from error
    return made


def check_writable(state_dir: Path) -> None:
    """Raise StorageError when `state_dir` is missing or not writable by this user."""
    if not state_dir.exists():
        raise StorageError(
            f"there is no state directory {state_dir}",
            hint=f"Run `newsletter --state-dir {state_dir} init`, or name another with --state-dir.",
        )
    if not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
        raise StorageError(
            f"the state directory {state_dir} cannot be written",
            hint="Make it writable for this user, or name another with --state-dir.",
        )


def unusable(state_dir: Path, error: OSError) -> StorageError:
    """The error for an operating-system error inside the state directory."""
    return StorageError(
        f"the state directory {state_dir} cannot be used: {error.strerror or error}",
        hint="Make it writable for this user, or name another with --state-dir.",
    )


def write_private(file: Path, text: str, *, replace: bool = False, like: Path | None = None) -> bool:
    """Write a file that only its owner may read. A killed process leaves the whole file or none.

    like: a file whose owner, group and permissions it gets. Returns False when the file exists and is not to
    be replaced.
    """
    if file.exists() and not replace:
        return False
    part = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            if like is not None:
                model = like.stat()
                if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, model.st_uid, model.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(model.st_mode))
            os.fsync(out.fileno())
        if replace:
            part.replace(file)
            return True
        try:
            os.link(part, file)  # unlike a rename, a link replaces no file of another process
        except FileExistsError:
            return False
    finally:
        part.unlink(missing_ok=True)
    return True
