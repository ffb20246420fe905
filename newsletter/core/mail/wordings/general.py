"""Parts that the patterns of several subjects share."""

from __future__ import annotations

MAILBOX = (
    r"(?:user|mail[- ]?box|recipient|account|address|inbox|addressee|alias|local part|"
    r"e-?mail(?: account| address)?)"
)
SENDER = (
    r"(?:sender|originator|from address|'?from'? (?:address|header)|mail ?from|envelope[- ]from|"
    r"return[- ]path|header address)"
)
TIME = r"(?:second|minute|hour|day|week|month)"
PERIOD = rf"(?:daily|hourly|weekly|monthly|\d+[- ]?(?:{TIME}|hr)s?|per[- ]{TIME})"
NOT_ALLOWED = r"not (?:\w+ )?(?:allowed|authori[sz]ed|permitted|owned|accepted|valid|exist|found|match)"
