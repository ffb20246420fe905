"""Reads reports in plain words: which addresses failed, and what is said of each.

Mail servers write them in some dozen shapes of lines, which are listed here; the words around them, in any
language, do not matter. To read a further form, add the shape of its line that names the recipient.
"""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from newsletter.inbound.addresses import ADDRESS, find_addresses, same, trimmed
from newsletter.inbound.limits import MOST_RECIPIENTS

_A = rf"(?P<address>{ADDRESS})"
_MAILTO = r"(?:[ ]?[<\[]mailto:[^>\]]{1,300}[>\]])?"
# A line that names a recipient, and what it says of them. The first shape that fits counts.
_SHAPES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Postfix, qmail, Yahoo, MXLogic, McAfee: <address>: words, or <address> (words)
        rf"^[ \t>*-]*<{_A}>[ \t]*(?:\((?:expanded from|generated from|original address|ultimately generated)[^)]{{0,300}}\))?[ \t]*(?::|;|,|\(|\.\.\.|-|(?=[45]\d\d\b)|$)(?P<said>.*)$",
        # Exim, Gmail, Notes, Outlook, Domino: the address alone
        rf"^[ \t>*•-]*(?:to[ \t]+)?['\"]?<?{_A}>?['\"]?{_MAILTO}[ \t]*[.,;:]?[ \t]*(?P<said>)$",
        # OpenSMTPD, IONOS, SurfControl: address: words; GMX: "address":
        rf"^[ \t>*-]*['\"]?{_A}['\"]?{_MAILTO}[ \t]*:(?:[ \t]+(?P<said>.*))?$",
        # address [words], address (words), address - words, address ... words
        rf"^[ \t>*-]*{_A}{_MAILTO}[ \t]*(?:\[|\(|\.\.\.|[-–—]+[ \t]|#|,[ \t](?=[^@]*$)|[ \t](?=[45]\d\d\b))(?P<said>.*?)[\])]?[ \t]*$",
        # Exchange 5.5 and 2000: address on a date; Lotus: Name (address)
        rf"^[ \t]*['\"]?{_A}['\"]?(?:\(.{{0,100}}\))?[ \t]+on[ \t](?P<said>).*\d{{4}}.*$",
        rf"^[ \t]*[^@<>:]{{1,80}}[<\[(]{_A}[>\])]{_MAILTO}[ \t]*:?[ \t]*(?P<said>)$",
        # Sendmail: 550 5.1.1 <address>... words
        rf"^[ \t]*(?P<code>[45]\d\d[ -](?:[45]\.\d{{1,3}}\.\d{{1,3}}[ ])?)[ \t]*<?{_A}>?[ \t]*(?:\.\.\.|:)[ \t]*(?P<said>.*)$",
        # a label before it: InterScan, MailEnable, MailMarshal, Sun, IMail, MDaemon
        rf"^[ \t>*-]*(?:(?:sent|smtp command) *>*[ \t]*)?(?:RCPT TO|(?:failed |final )?recipients?(?:\(s\))?(?: address)?(?:\(es\))?|addressed to|failed address(?:\(?es\)?)?|(?:unknown|invalid|illegal|bad) (?:user|host|domain|receiver|recipient|mailbox|address)(?: address)?|user mailbox exceeds allowed size|mailbox full|(?:e-?mail|mail) ?address|delivery to|recipient\(s\)|destinatari[oa]s?|destinataires?|empf[äa]nger\w*|an|宛先|受信者|收件人|получатель)[ \t]*[:：][ \t]*\[?(?:(?:rfc822|smtp)[;:][ \t]*)?['\"<]*{_A}['\">]*{_MAILTO}(?P<said>.*)$",
        # Zoho, Active!hunter: address words
        rf"^[ \t>*-]*{_A}[ \t]+(?P<said>(?:<[^<>@]{{1,100}}@|invalid|unknown|error|failed|rejected|not |no |user|mailbox|does|host|domain|is (?:un|not|in|full|over|dis)).*)$",
        # behind a label in any language, within a sentence
        rf"^(?!\W*(?:to|from|cc|sender|reply-to|return-path|mail from|message-id)\b)[^@\n]{{1,60}}[:：][ \t]*['\"<(\[]*{_A}['\">)\]]*{_MAILTO}[ \t]*(?P<said>[^@]*)$",
        rf"(?:deliver(?:ed|ing|y)?(?: of)?(?: your| the| this)?(?: e-?mail| mail| message)?(?:[^@]{{0,40}}?) to(?: the)?(?: following)?(?: recipients?| address(?:es)?| users?| mailbox)?|undeliverable to|failed \d+ attempts|(?:permanent|temporary|fatal) errors?|not reach(?:ed)?|could not (?:be )?(?:sent|send|delivered)[^@]{{0,20}}?|bounced|failed for|(?:failed|rejected)(?: the)? recipients?|sent to|user|recipient|account|mailbox|message for|mail for|mail to|address)[ \t]*(?:is|are|:)?[ \t]*['\"<(\[]*{_A}['\">)\]]*(?P<said>.*)$",
        rf"(?:konnte an|nachricht an|mail an|zustellung an|message [àa]|livr[ée]\w* [àa]|remis\w* [àa]|enviad\w* a|entreg\w* a|mensaje (?:a|para)|mensagem para|messaggio a|consegna\w* a|доставлено|для)[ \t:]*['\"<]*{_A}['\">]*(?P<said>.*)$",
    )
)
_PROSE = 3  # the last shapes read within a sentence: only where no line names a recipient by itself
_NOT_A_RECIPIENT = re.compile(
    r"^(?:postmaster|mailer-?daemon|mail-?daemon|abuse|support|help(?:desk)?|hostmaster|webmaster|noreply|no-reply|admin(?:istrator)?|postoffice)@",
    re.IGNORECASE,
)
# A label or sentence that says why, by itself.
_TELLS = re.compile(r"unknown|invalid|illegal|\bbad\b|exceeds|full|attempts", re.IGNORECASE)
_ENDS = re.compile(
    r"^[ \t]*(?:If (?:you|your message) |For (?:further|more|help)|Please (?:contact|direct|verify|check)|The attachment contains|No further action|--- ?Message|Reporting-MTA:|Original message headers)",
    re.IGNORECASE,
)


_REPLY_CODE = re.compile(r"(?<![\d.\[])[45]\d\d[ -]")


@dataclass(slots=True)
class ToldFailure:
    """A recipient that a report names, and the words on them."""

    address: str
    lines: list[str] = field(default_factory=list)
    complete: bool = False  # the next lines are about others

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.lines).split())


def told_failures(
    text: str, *, expected: Iterable[str], own: Iterable[str], mentioned: bool = True
) -> tuple[list[ToldFailure], str]:
    """The recipients that a report in words says failed, and what it says before the first of them.

    expected: recipients of the returned message, and those in X-Failed-Recipients. own: addresses of the report
    itself, and of the returned message's sender. mentioned: an address that is only mentioned counts, too.
    """
    expected_set = {address.casefold() for address in expected}
    own_set = {address.casefold() for address in own} - expected_set
    lines = text.split("\n")
    found: list[ToldFailure] = []
    before = ""
    by_line, prose = _SHAPES[:-_PROSE], _SHAPES[-_PROSE:]
    passes: list[tuple[tuple[re.Pattern[str], ...], set[str]]] = [
        (by_line, own_set),
        (by_line, set()),  # a message to oneself
        (prose, own_set),
    ]
    for shapes, not_these in passes:
        if not found:
            found, before = _by_line(lines, shapes, expected_set, not_these)
    if not found and mentioned:
        others = [
            one
            for one in find_addresses(text)
            if one.casefold() not in own_set and not _NOT_A_RECIPIENT.match(one)
        ]
        fitting = [one for one in others if one.casefold() in expected_set] or others[: len(others) == 1]
        found, before = [ToldFailure(one, [text]) for one in fitting[:MOST_RECIPIENTS]], text
    return _shared(_merged(found)), before


def _by_line(
    lines: list[str], shapes: tuple[re.Pattern[str], ...], expected: set[str], own: set[str]
) -> tuple[list[ToldFailure], str]:
    found: list[ToldFailure] = []
    before: list[str] = []
    ended = False
    for line in lines:
        named = _named(line, shapes, expected, own)
        if named is not None and found and same(named.address, found[-1].address) and not ended:
            found[-1].lines.append(line)
        elif named is not None and len(found) < MOST_RECIPIENTS:
            ended = False
            found.append(named)
        elif not found:
            before.append(line)
        elif _ENDS.match(line):
            ended = True
        elif not line.strip() and _REPLY_CODE.search(found[-1].words):
            ended = True  # a server's reply ends with its paragraph
        elif not ended and not found[-1].complete:
            found[-1].lines.append(line)
    return found, "\n".join(before)


def _named(
    line: str, shapes: tuple[re.Pattern[str], ...], expected: set[str], own: set[str]
) -> ToldFailure | None:
    if "@" not in line:
        return None
    for shape in shapes:
        match = shape.search(line)
        if match is None:
            continue
        address = trimmed(match["address"])
        folded = address.casefold()
        if not address or folded in own or (_NOT_A_RECIPIENT.match(address) and folded not in expected):
            continue
        code = match.groupdict().get("code") or ""
        told = (match["said"] or "").strip(" :<>])")
        label = line[: match.start("address")].strip(" \t>*-<:")
        if not told and not code and _TELLS.search(label):
            told = label
        return ToldFailure(address, [code + told], complete=bool(code))
    return None


def _merged(found: list[ToldFailure]) -> list[ToldFailure]:
    """Each recipient once, with all that is said of them."""
    by_address: dict[str, ToldFailure] = {}
    for one in found:
        known = by_address.setdefault(one.address.casefold(), one)
        if known is not one and one.words not in known.words:
            known.lines = known.lines + one.lines
    return list(by_address.values())


def _shared(found: list[ToldFailure]) -> list[ToldFailure]:
    """Recipients without words share those of the next one that has some."""
    for number in range(len(found) - 2, -1, -1):
        if not found[number].words:
            found[number].lines = list(found[number + 1].lines)
    return found
