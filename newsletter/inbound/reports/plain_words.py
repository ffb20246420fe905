"""Reads reports that are plain words: whether a message is one, of what, and who failed.

`newsletter.inbound.reports.text_forms` knows the shapes of their lines.
"""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.core.mail.inbound import FailedRecipient
from newsletter.inbound.addresses import find_addresses
from newsletter.inbound.failures import failed_recipient, quotes_reply
from newsletter.inbound.message import HeaderFields, InboundMessage
from newsletter.inbound.reports.delivery_status import FAILED
from newsletter.inbound.reports.replies import is_auto_reply
from newsletter.inbound.reports.text_forms import ToldFailure, told_failures
from newsletter.inbound.reports.wordings import (
    ANSWER,
    AUTO_SUBJECT,
    DAEMON,
    DELAY,
    FAILURE,
    GAVE_UP,
    REPORT_SUBJECT,
    SUCCESS,
)


@dataclass(frozen=True, slots=True)
class PlainReport:
    """What such a report says. Without anybody: it reads like one, but names no recipient."""

    action: str  # failed, delayed or delivered, as in RFC 3464
    failed: tuple[FailedRecipient, ...] = ()
    concerned: tuple[str, ...] = ()


def read_plain_report(
    message: InboundMessage, said: str, quoted: str, returned: HeaderFields
) -> PlainReport | None:
    """The report that a message is; None when it is none.

    said, quoted: its own words, and those of the message that it quotes. returned: that message's header.
    """
    named = find_addresses(" ".join(message.header.all("x-failed-recipients")))
    if not named and not _is_report(message, said, quoted):
        return None
    subject = message.header.get("subject")
    about = tuple(named or find_addresses(" ".join(returned.all("to"))))
    if DELAY.search(subject) or (DELAY.search(said) and not GAVE_UP.search(said)):
        return PlainReport("delayed", concerned=about)
    if SUCCESS.search(subject) or (SUCCESS.search(said) and not FAILURE.search(SUCCESS.sub("", said))):
        return PlainReport("delivered", concerned=about)
    return PlainReport(FAILED, failed=tuple(_failures(message, said, quoted, returned, named)))


def own_addresses(message: InboundMessage, returned: HeaderFields) -> list[str]:
    """Addresses that a report names although nobody failed there: its own and those of our sender."""
    fields = message.header.all("from", "to", "reply-to", "delivered-to", "x-original-to", "return-path")
    return find_addresses(" ".join([*fields, *returned.all("from", "return-path", "sender", "reply-to")]))


def _is_report(message: InboundMessage, said: str, quoted: str) -> bool:
    """Whether a mail system wrote a message: by its sender, its name, its words and what it returns."""
    if message.report_type == "delivery-status":
        return True
    sender, subject = message.header.get("from"), message.header.get("subject")
    by_daemon = sender in ("", "<>") or DAEMON.search(sender) is not None
    without_path = message.header.get("return-path").lower() in ("<>", "<mailer-daemon>")
    by_person = not by_daemon and not without_path and ANSWER.match(subject) is not None
    titled = REPORT_SUBJECT.search(subject) is not None and not by_person
    if AUTO_SUBJECT.match(subject) and not (titled and by_daemon):
        return False
    if not titled and not by_daemon and is_auto_reply(message):
        return False
    returns = bool(quoted) or message.returned is not None
    if FAILURE.search(said):
        return by_daemon or titled or (without_path and (returns or quotes_reply(said)))
    return (by_daemon or titled) and by_daemon + titled + without_path + returns >= 2


def _failures(
    message: InboundMessage, said: str, quoted: str, returned: HeaderFields, named: list[str]
) -> list[FailedRecipient]:
    to = find_addresses(" ".join(returned.all("to", "cc", "delivered-to", "x-original-to", "x-rcpt-to")[:20]))
    own = own_addresses(message, returned)
    told, before = told_failures(said, expected=named or to, own=own)
    if not told and quoted:
        told, before = told_failures(f"{said}\n{quoted}", expected=named or to, own=own, mentioned=False)
    if named:
        by_address = {one.address.casefold(): one for one in told}
        told = [by_address.get(address.casefold()) or ToldFailure(address) for address in named]
    if not told and len(to) == 1:
        told = [ToldFailure(to[0])]
    reply = next((part for part in before.split("\n\n") if quotes_reply(part)), "")
    if reply and not any(quotes_reply(one.words) for one in told):
        # The reason stands first, and the recipients follow.
        return [
            failed_recipient(one.address, diagnostic=reply, context=one.words, notice=before) for one in told
        ]
    notice = f"{before if told and told[0].words else said}\n{message.header.get('subject')}"
    return [failed_recipient(one.address, diagnostic=one.words, notice=notice) for one in told]
