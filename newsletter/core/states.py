"""Defines the states of dumps, deliveries and debts, and the kinds of mail. Decides no transition.

The diagrams are in docs/explanation/states.md.
"""

from __future__ import annotations

from enum import StrEnum


class DumpStatus(StrEnum):
    """The state of a dump."""

    INGESTED = "ingested"  # its papers are stored
    HELD = "held"  # too much of it could not be read: an admin looks first
    WITHDRAWN = "withdrawn"  # an admin took it back
    UNCHANGED = "unchanged"  # only reported, never stored: the same bytes came before
    REFUSED = "refused"  # only reported, never stored: no listing at all


class DeliveryState(StrEnum):
    """The state of one delivery (docs/explanation/delivery.md, “States”)."""

    QUEUED = "queued"  # composed, waiting for its first attempt
    LEASED = "leased"  # a sender has it; nothing has left yet
    HANDING_OVER = "handing over"  # committed before the final dot may be sent
    SENT = "sent"  # the server accepted it
    DEFERRED = "deferred"  # refused for now: retried at next_attempt_at
    FAILED = "failed"  # refused for good
    UNCERTAIN = "uncertain"  # the connection or the process died between the final dot and the reply
    SKIPPED = "skipped"  # never to be sent, with a reason


class SkipReason(StrEnum):
    """Why a composed message is never sent."""

    EXPIRED = "expired"  # the next digest is due: its papers go there
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    CAME_BACK = "came back"  # a goodbye to a subscriber who returned


class MailKind(StrEnum):
    """The kind of a delivery. A digest carries papers; every other kind is a transactional mail."""

    DIGEST = "digest"
    NOTHING_NEW = "quiet"  # a note: the slot brought no new paper
    CONFIRM = "confirm"  # asks for consent to a sign-up
    ALREADY = "already"  # answers a sign-up of a confirmed subscriber
    WELCOME = "welcome"
    GOODBYE = "goodbye"
    ADDRESS = "address"  # asks a new address to confirm the change
    LINK = "link"  # the links that a subscriber asked for
    ACCOUNT = "account"  # a short-lived link to the account pages
    TEST = "test"  # never stored: `send --test`
    ALARM = "alarm"  # never stored: to the admin


REGULAR_KINDS = (MailKind.DIGEST, MailKind.NOTHING_NEW)  # only to confirmed subscribers who are not paused
NOW_KEY = "now "  # begins the key of a digest that an admin sent outside the cadence; an instant follows


class DebtEnd(StrEnum):
    """How a debt ended. Every debt ends once."""

    GIVEN = "given"  # a sent message shows title and link
    DROPPED = "dropped"  # an admin took the paper out of its edition
    LEFT = "left"  # the reader left the topic or the newsletter
    SUPPRESSED = "suppressed"
    REFUSED = "refused"  # the reader's server refuses the reader's mail for good
    WITHDRAWN = "withdrawn"  # the topic was corrected, or the dump withdrawn
    TOO_OLD = "too old"  # pending for 30 days


class Form(StrEnum):
    """How much of a paper a digest shows."""

    FULL = "full"  # a card: title, meta, lead, further sentences, reason
    SHORT = "short"  # a card without the further sentences
    ROW = "row"  # title, and the beginning of its lead in one line
    TITLE = "title"  # title and link only
    LEFT = "left"  # no room: still owed, leads the next digest


class Role(StrEnum):
    """Why a paper stands in a digest."""

    NEWS = "news"
    WELCOME = "welcome"  # one of the recent papers that a newcomer gets
    RECAP = "recap"  # in case you missed it: its first mail is uncertain


RESENT = "resent"  # ReaderDebt.kind of a paper that a sent message gave before it was sent again
