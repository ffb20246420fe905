"""Reads one message that came back: what it is, who failed and why, and which delivery it names.

Bytes in, values out: no database, no network, no clock. docs/explanation/what-comes-back.md has the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.core.mail.inbound import FailedRecipient, InboundClass, InboundReport, NamedDelivery
from newsletter.inbound.addresses import first_address
from newsletter.inbound.failures import failed_recipient
from newsletter.inbound.message import HeaderFields, InboundMessage, UnreadableMessageError, read_message
from newsletter.inbound.names import message_ids, named_delivery
from newsletter.inbound.reports.amazon_notices import AmazonNotice, read_amazon_notice
from newsletter.inbound.reports.delivery_status import FAILED, DeliveryStatus, read_delivery_status
from newsletter.inbound.reports.disposition import Disposition, read_disposition
from newsletter.inbound.reports.feedback import Feedback, read_feedback
from newsletter.inbound.reports.plain_words import own_addresses, read_plain_report
from newsletter.inbound.reports.replies import is_auto_reply, is_request_to_leave
from newsletter.inbound.reports.returned_mail import returned_header, split_text
from newsletter.inbound.reports.text_forms import told_failures

LONGEST_SUBJECT = 200  # characters
_NO_RECIPIENT = "it reads like a bounce, but names no recipient"
_NOTHING = "no report, no reply of a program, and no wish to leave"


def parse(data: bytes) -> InboundReport:
    """What a message is. One that cannot be read is `other`, with the reason; nothing is raised."""
    try:
        return _InboundReader(read_message(data)).report()
    except UnreadableMessageError as error:
        return InboundReport(kind=InboundClass.OTHER, form="", why=f"it cannot be read: {error}")


@dataclass(frozen=True, slots=True)
class _InboundReader:
    """One message on its way to a report."""

    message: InboundMessage
    is_inner: bool = False  # returned by another report

    def report(self) -> InboundReport:
        message = self.message
        said, quoted = split_text(message.text, attached=message.returned is not None)
        returned = returned_header(message, quoted)
        feedback = read_feedback(message, returned)
        if feedback is not None:
            return self._feedback(feedback, returned)
        status = read_delivery_status(message)
        if status is not None:
            return self._status(status, said, returned)
        notice = read_amazon_notice(message)
        if notice is not None:
            return self._notice(notice)
        inner = self._report_within()
        if inner is not None:
            return inner
        names = self._names(returned)
        receipt = read_disposition(message)
        if receipt is not None:
            return self._receipt(receipt, said, names)
        plain = read_plain_report(message, said, quoted, returned)
        if plain is not None and plain.failed:
            return self._made(InboundClass.BOUNCE, "words", names, recipients=plain.failed)
        if plain is not None and plain.action != FAILED:
            return self._made(
                InboundClass.DELIVERY_REPORT, "words", names, concerned=plain.concerned, action=plain.action
            )
        if is_auto_reply(message):
            return self._made(InboundClass.AUTO_REPLY, "auto-reply", names)
        if is_request_to_leave(message):
            return self._made(InboundClass.UNSUBSCRIBE, "unsubscribe", names)
        return self._made(InboundClass.OTHER, "", names, why=_NOTHING if plain is None else _NO_RECIPIENT)

    def _feedback(self, feedback: Feedback, returned: HeaderFields) -> InboundReport:
        names = self._names(returned, envelope_ids=(feedback.envelope_id,), senders=(feedback.sender,))
        return self._made(
            InboundClass.COMPLAINT if feedback.is_complaint else InboundClass.OTHER,
            "arf",
            names,
            concerned=feedback.recipients,
            feedback=feedback.kind,
            why="" if feedback.is_complaint else f"a feedback report of type {feedback.kind}: no complaint",
        )

    def _status(self, status: DeliveryStatus, said: str, returned: HeaderFields) -> InboundReport:
        names = self._names(returned, envelope_ids=(status.envelope_id,), senders=(status.sender,))
        failed = [one for one in status.recipients if one.action == FAILED]
        if not failed:
            actions = [one.action for one in status.recipients]
            return self._made(
                InboundClass.DELIVERY_REPORT,
                "rfc3464",
                names,
                concerned=tuple(dict.fromkeys(one.address for one in status.recipients)),
                action="delayed" if "delayed" in actions else actions[0],
            )
        told, before = told_failures(
            said, expected=[one.address for one in failed], own=own_addresses(self.message, returned)
        )
        words = {one.address.casefold(): one.words for one in told}
        recipients = [
            failed_recipient(
                one.address,
                original=one.original,
                status=one.status,
                diagnostic=one.diagnostic,
                context=words.get(one.address.casefold()) or words.get(one.original.casefold()) or "",
                notice=before if told else said,
                transcript=said if len(failed) == 1 else "",
            )
            for one in failed
        ]
        return self._made(InboundClass.BOUNCE, "rfc3464", names, recipients=recipients)

    def _notice(self, notice: AmazonNotice) -> InboundReport:
        names = self._names(HeaderFields(), senders=(notice.sender,), ids=(notice.message_id,))
        concerned = tuple(one.address for one in notice.recipients)
        form = "amazon-ses"
        if notice.kind == "complaint":
            return self._made(
                InboundClass.COMPLAINT, form, names, concerned=concerned, feedback=notice.feedback
            )
        if notice.kind == "delivery" or not notice.recipients:
            return self._made(
                InboundClass.DELIVERY_REPORT, form, names, concerned=concerned, action="delivered"
            )
        recipients = [
            failed_recipient(one.address, status=one.status, diagnostic=one.diagnostic)
            for one in notice.recipients
        ]
        return self._made(InboundClass.BOUNCE, form, names, recipients=recipients)

    def _receipt(self, receipt: Disposition, said: str, names: NamedDelivery) -> InboundReport:
        if receipt.is_refusal and receipt.recipient:
            refused = failed_recipient(receipt.recipient, diagnostic=said)
            return self._made(InboundClass.BOUNCE, "rfc8098", names, recipients=[refused])
        concerned = (receipt.recipient,) if receipt.recipient else ()
        return self._made(
            InboundClass.DELIVERY_REPORT, "rfc8098", names, concerned=concerned, action=receipt.action
        )

    def _report_within(self) -> InboundReport | None:
        """The report that another one returns, where only the inner one says who failed."""
        part = self.message.returned
        if part is None or self.is_inner:
            return None
        inner = read_message(part.body)
        if inner.content_type != "multipart/report":
            return None
        report = _InboundReader(inner, is_inner=True).report()
        return report if report.form in ("rfc3464", "arf") else None

    def _names(
        self,
        returned: HeaderFields,
        *,
        envelope_ids: tuple[str, ...] = (),
        senders: tuple[str, ...] = (),
        ids: tuple[str, ...] = (),
    ) -> NamedDelivery:
        return named_delivery(self.message, returned, envelope_ids=envelope_ids, senders=senders, ids=ids)

    def _made(
        self,
        kind: InboundClass,
        form: str,
        names: NamedDelivery,
        *,
        recipients: Iterable[FailedRecipient] = (),
        concerned: tuple[str, ...] = (),
        action: str = "",
        feedback: str = "",
        why: str = "",
    ) -> InboundReport:
        header = self.message.header
        once: dict[str, FailedRecipient] = {}
        for one in recipients:
            once.setdefault(one.address.casefold(), one)
        return InboundReport(
            kind=kind,
            form=form,
            recipients=tuple(once.values()),
            concerned=concerned,
            action=action,
            feedback=feedback,
            why=why,
            sender=first_address(header.get("from")),
            subject="".join(c if c.isprintable() else " " for c in header.get("subject"))[:LONGEST_SUBJECT],
            message_id=next(iter(message_ids(header.get("message-id"))), ""),
            names=names,
        )
