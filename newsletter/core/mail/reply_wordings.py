"""Joins the known wordings of mail servers: the part of the reply table that reads the text.

The order is the order of trust: words that only one server uses; plain greylisting and loops; an owner who
refuses us; words about us, the message, the mailbox, the server. To add a wording: put it into the rule with
its meaning in `newsletter.core.mail.wordings`, and the reply into tests/core/mail/provider_replies.jsonl.
"""

from __future__ import annotations

from newsletter.core.mail.wordings.about_message import ABOUT_MESSAGE, LISTED_LINK
from newsletter.core.mail.wordings.about_recipient import ABOUT_RECIPIENT, REFUSED_BY_OWNER, UNSURE
from newsletter.core.mail.wordings.about_server import BUSY_OR_PROTOCOL, PLAIN_TROUBLE
from newsletter.core.mail.wordings.about_us import ABOUT_US, OUR_RATE
from newsletter.core.mail.wordings.one_server import ONE_SERVER

WORDINGS = (
    *ONE_SERVER,
    *PLAIN_TROUBLE,
    *REFUSED_BY_OWNER,
    *UNSURE,
    LISTED_LINK,
    *ABOUT_US,
    *ABOUT_MESSAGE,
    *ABOUT_RECIPIENT,
    *OUR_RATE,
    *BUSY_OR_PROTOCOL,
)
