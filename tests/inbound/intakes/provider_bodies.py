"""Bodies of webhooks in the shapes that the providers document. Addresses and ids are made up."""

from __future__ import annotations

from typing import Any

MESSAGE_ID = "d1f0a2@news.example"
READER = "ada@readers.example"
RETURN_PATH = "bounce+7.ab12.0123456789@news.example"


def ses(kind: str, about: dict[str, Any], *, name: str = "notificationType") -> dict[str, Any]:
    """A notification of Amazon SES, or an event that it publishes (eventType)."""
    return {
        name: kind,
        kind.lower(): about,
        "mail": {
            "timestamp": "2026-04-17T11:59:00.000Z",
            "source": RETURN_PATH,
            "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/news.example",
            "sendingAccountId": "123456789012",
            "messageId": "0100018f-0000",
            "destination": [READER],
            "headersTruncated": False,
            "headers": [{"name": "Message-ID", "value": f"<{MESSAGE_ID}>"}],
            "commonHeaders": {"from": ["Papers <papers@news.example>"], "messageId": f"<{MESSAGE_ID}>"},
        },
    }


def ses_bounce(type_: str = "Permanent", subtype: str = "General", **more: Any) -> dict[str, Any]:
    said = {"emailAddress": READER, "action": "failed", **more}
    return ses(
        "Bounce",
        {
            "bounceType": type_,
            "bounceSubType": subtype,
            "bouncedRecipients": [said],
            "timestamp": "2026-04-17T11:59:30.000Z",
            "feedbackId": "00000138111222aa-33322211",
            "remoteMtaIp": "192.0.2.1",
            "reportingMTA": "dsn; a8-1.smtp-out.amazonses.com",
        },
    )


SES_COMPLAINT = ses(
    "Complaint",
    {
        "complainedRecipients": [{"emailAddress": READER}],
        "timestamp": "2026-04-17T11:59:30.000Z",
        "feedbackId": "0000013786031775-fea503bc",
        "userAgent": "ExampleCorp Feedback Loop (V0.01)",
        "complaintFeedbackType": "abuse",
        "arrivalDate": "2026-04-17T11:59:00.000Z",
    },
)
SES_DELIVERY = ses("Delivery", {"timestamp": "2026-04-17T11:59:30.000Z", "recipients": [READER]})


def postmark_bounce(
    type_: str = "HardBounce", details: str = "action: failed\r\n", **more: Any
) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "MessageStream": "broadcast",
        "ID": 4323372036854775807,
        "Type": type_,
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Tag": "",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {},
        "ServerID": 23,
        "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
        "Details": details,
        "Email": READER,
        "From": "papers@news.example",
        "BouncedAt": "2019-11-05T16:33:54.9070259Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "12 papers",
        "Content": f"From: MAILER-DAEMON\r\nMessage-ID: <{MESSAGE_ID}>\r\n",
        **more,
    }


POSTMARK_COMPLAINT = postmark_bounce("SpamComplaint", "") | {"RecordType": "SpamComplaint", "TypeCode": 512}
POSTMARK_LEFT = {
    "RecordType": "SubscriptionChange",
    "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
    "ServerID": 123456,
    "MessageStream": "broadcast",
    "ChangedAt": "2020-02-01T10:53:34.416071Z",
    "Recipient": READER,
    "Origin": "Recipient",
    "SuppressSending": True,
    "SuppressionReason": "ManualSuppression",
    "Tag": "",
    "Metadata": {},
}
POSTMARK_DELIVERY = {"RecordType": "Delivery", "Recipient": READER, "MessageID": "883953f4", "Details": "ok"}


def mailgun_failed(severity: str = "permanent", **status: Any) -> dict[str, Any]:
    return {
        "event": "failed",
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": 1521233195.375624,
        "log-level": "error",
        "severity": severity,
        "reason": "suppress-bounce",
        "delivery-status": {
            "attempt-no": 1,
            "message": "",
            "code": 605,
            "enhanced-code": "",
            "description": "Not delivering to previously bounced address",
            "session-seconds": 0,
            **status,
        },
        "flags": {
            "is-routed": False,
            "is-authenticated": True,
            "is-system-test": False,
            "is-test-mode": False,
        },
        "envelope": {"sender": RETURN_PATH, "transport": "smtp", "targets": READER},
        "message": {
            "headers": {
                "to": READER,
                "message-id": MESSAGE_ID,
                "from": "p@news.example",
                "subject": "12 papers",
            },
            "attachments": [],
            "size": 111,
        },
        "recipient": READER,
        "recipient-domain": "readers.example",
        "storage": {"url": "https://se.api.mailgun.net/v3/domains/news.example/messages/key", "key": "key"},
        "campaigns": [],
        "tags": [],
        "user-variables": {},
    }


MAILGUN_COMPLAINT = mailgun_failed() | {"event": "complained"}
MAILGUN_LEFT = mailgun_failed() | {"event": "unsubscribed", "ip": "50.56.129.169", "geolocation": {}}
MAILGUN_DELIVERED = mailgun_failed() | {"event": "delivered"}


def sendgrid(event: str, **more: Any) -> dict[str, Any]:
    return {
        "email": READER,
        "timestamp": 1513299569,
        "smtp-id": f"<{MESSAGE_ID}>",
        "event": event,
        "category": "cat facts",
        "sg_event_id": f"id-of-{event}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **more,
    }


SENDGRID = [
    sendgrid("processed"),
    sendgrid("deferred", response="400 try again later", attempt="5"),
    sendgrid("delivered", response="250 OK"),
    sendgrid("open", useragent="Mozilla/4.0", ip="255.255.255.255"),
    sendgrid("click", url="http://www.example/", ip="255.255.255.255"),
    sendgrid("bounce", reason="500 unknown recipient", status="5.0.0", type="bounce"),
    sendgrid("dropped", reason="Bounced Address", status="5.0.0"),
    sendgrid("spamreport"),
    sendgrid("unsubscribe"),
    sendgrid("group_unsubscribe", ip="255.255.255.255", asm_group_id=10),
    sendgrid("group_resubscribe", ip="255.255.255.255", asm_group_id=10),
]


def brevo(event: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event,
        "email": READER,
        "id": 26224,
        "date": "2020-10-09 00:00:00",
        "ts": 1604933619,
        "message-id": f"<{MESSAGE_ID}>",
        "ts_event": 1604933654,
        "subject": "12 papers",
        "sending_ip": "xxx.xxx.xxx.xxx",
        "template_id": 22,
        "tags": ["transac_messages"],
        "ts_epoch": 1604933653,
        **more,
    }
