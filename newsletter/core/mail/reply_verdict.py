"""What a reply can mean: whom it is about, how hard it is, and why. Values only; `reply_judge` decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class About(StrEnum):
    """Whom a reply is about."""

    US = "us"  # our address, login, plan, quota, IP or domain: every recipient would be refused
    RECIPIENT = "recipient"  # this mailbox, its domain or its owner's choice
    CONTENT = "content"  # the message itself
    SERVER = "server"  # the server's own trouble, or trouble in talking to it


class ReplyKind(StrEnum):
    """What a reply means for the recipient."""

    HARD = "hard"  # the mailbox does not exist
    SOFT = "soft"  # it may work later; counts against the recipient only when the reply is about them
    OURS = "ours"  # never counts against a recipient: an admin mends something, or we wait


class Reason(StrEnum):
    """Why, in a word. Replies and bounces share this list; docs/reference/reply-reasons.md explains it."""

    UNKNOWN_MAILBOX = "unknown-mailbox"
    UNKNOWN_DOMAIN = "unknown-domain"
    MOVED = "moved"
    INVALID_ADDRESS = "invalid-address"
    DISABLED = "disabled"
    FULL = "full"
    REFUSED_BY_RECIPIENT = "refused-by-recipient"
    RECIPIENT_RATE = "recipient-rate"
    SENDER = "sender"
    LOGIN = "login"
    QUOTA = "quota"
    RATE = "rate"
    REPUTATION = "reputation"
    AUTHENTICATION = "authentication"
    POLICY = "policy"
    SPAM = "spam"
    VIRUS = "virus"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    GREYLISTED = "greylisted"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    LOOP = "loop"
    PROTOCOL = "protocol"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyVerdict:
    """Whom one reply is about, and how sure that is."""

    about: About
    kind: ReplyKind
    reason: Reason
    certain: bool = True  # False: what other recipients are told confirms or refutes it
