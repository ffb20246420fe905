"""Refuses entries that are no papers, whatever format they come from: page furniture, recurring titles.

It changes no entry. A refused one becomes an unread part of the listing, with the reason.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from newsletter.core.papers.identity import keys_of, title_key
from newsletter.core.papers.listing import Entry, Listing, Unread
from newsletter.sources.limits import LONGEST_TEXT, MOST_AUTHORS
from newsletter.sources.printed_dates import read_date

SHORTEST_TITLE = 3  # characters of its key, without identifier and date
LONG_TITLE = 230  # characters; with a full stop behind it, it is a sentence
LONGEST_TITLE = 400  # characters; the longest of 15,000 real ones has 223
IRREGULAR_SHARE = 0.1  # of the papers; with more of them out of order, pairs of title and abstract are wrong
FEWEST_JUDGED = 3  # abstracts; fewer say little about a whole file
SCHOLARLY_SHARE = 0.8  # of the papers of a file that nothing but its texts shows to be a listing
HALF = 0.5  # of the abstracts, where no paper has authors or a date
CUES = 2  # words of _CUE that differ
MATCHING_SHARE = 0.8  # of the papers; where so many titles share words with their abstracts, all should
FOREIGN = 0.2  # of a title's words in the abstract; 14 of 15,000 papers have no more, and 2 of 3 wrong pairs
STRANGE, FEWEST_STEMS = 0.1, 4  # of so many words of a title; so of 4 in 15,000 papers
UNLIKE, BETTER = 0.34, 0.4  # of a title's words: in its own abstract, and more of them in a near one
_ENCODED = re.compile(
    r"(?<!\S)(?![a-z]+(?!\S))[A-Za-z0-9+/=]{60,}(?!\S)"
)  # base64, not words that ran together
SHIFTED = 0.2  # of the words of titles; papers whose titles fit another abstract so much better are mixed up
TWICE = "the same line twice"
STRANGER = "a text of another kind, or a title above the abstract of another paper"
ALONE = "a line alone, not a paper"
NOTE = "a short text without authors, where other papers have a long one"
REST = "the rest of a text, not a title"
SAME_ABSTRACT = "the abstract of another paper"
_ASTRAY = (TWICE, STRANGER, REST, NOTE, SAME_ABSTRACT, "a sentence of another paper's abstract")
_CUE = re.compile(
    r"""\b(?:we|our|this\ (?:paper|work|study|article|letter|survey|thesis|note|report)|propos\w+|methods?
    |models?|approach\w*|results?|experiment\w*|framework|algorithm\w*|datasets?|benchmark\w*|quantum|learning|analysis
    |investigat\w+|demonstrat\w+|theor\w+|evaluat\w+|perform\w+|introduc\w+|present\w*)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TAG = (  # of HTML or XML; “Let's <think> about it” is a title
    r"</?(?:\w+:\w+|a|article|aside|b|body|br|button|code|div|em|footer|form|h[1-6]|head|header|hr|html|i|iframe|img"
    r"|input|label|li|link|main|meta|nav|ol|p|path|pre|script|section|small|span|strong|style|su[bp]|svg|table"
    r"|t[dhr]|title|u|ul|author|category|channel|description|entry|feed|guid|id|item|name|published|rss|summary"
    r"|updated)\b[^<>]*>|<\w+\s[^<>]*=[^<>]*>"
)
_MARKUP = re.compile(
    rf"{_TAG}|"
    r"""^(?:https?://|www\.)\S*$|\]\(https?:|\]\[\d+\]|%2Fpapers
    |^["{}<]\s*["{}<\w-]*"?\s*:|"\s*:\s*["{\[\d]|^\\\\|^<\?xml|\w=\ \w
    |^(?:Title|Authors?|Date|Abstract|Categories|Subjects|Comments|arXiv|Ray\ ID):
    |^[A-Z][A-Z0-9]\ {1,2}-\ |^</|^@\w+\{
    |^\[[\w\ -]*$|^\S{60,}$
    |^\d+[;|]\w|\w[;|]\w.*\w[;|]\w|[^\W\d]{3},[^\W\d]{3}.*[^\W\d]{3},[^\W\d]{3}  # cells of a table
    |\b\d\d:\d\d:\d\d\b  # a line of a log""",
    re.VERBOSE,
)
_QUOTED = re.compile(
    r"""(?:>|\||[-*+]|\#+)\ |\+[A-Z]|.*\]\(https?:|\[\d+\]:?$  # of a quoted mail, a list, a link
    |.*[a-z](?:Title|Authors|Categories):\   # a field that ran into another
    |.*[^\W\d_]=\ [^\W\d_]""",  # a soft line break (RFC 2045, section 6.7) that was not read as one
    re.VERBOSE,
)
_UNFINISHED = re.compile(
    r".*(?:[,:]|\b(?:a|an|the|of|for|and|or|with|to|by|from|using|as|at|into|its|their|through|under|between"
    r"|towards?|is|that))$",
    re.IGNORECASE,
)
_WITHIN = re.compile(  # how no title begins
    r"(?:in|of|for|and|with|to|by|from|using|on|at|into|or|as|its|their|under|between) "
)
_NAME = re.compile(r"[a-z](?=[^\s,]*[-\dA-Z])[\w.+-]+(?:,| is| are) (?:an?|the) ")
_SENTENCE_WITHIN = re.compile(
    r"[a-z]{3}\. (?:(?:Our|We|This|The|These|It|However|In|To|Moreover|Furthermore|Extensive)\b"
    r"|[A-Z][a-z]+(?: [a-z]+){3})"
)
_FIELDS = re.compile(
    r'"(?:title|abstract|summary|authors|arxiv_id)"\s*:\s*["\[]|\b(?:TY|TI|AU|AB|UR|ER) - |•\s\d+\sauthors? ·'
    r"|</?(?:item|entry|pubDate|guid|title|summary|dc:|arxiv:)"
    r"|\b\d+ authors?\]\(https?:|huggingface\.co/login\?next=|(?:\b\d\d:\d\d:\d\d\b.*){3}"
)
_ANSWER = re.compile(r"\bwrote: ?>|(?:> .*){5}")
_WORD = re.compile(r"[^\W_]{4,}")
SHORTEST_COPY = 200  # characters of an abstract; a shorter text may stand in two papers
SHORTEST_SENTENCE = 25  # characters of a title's key; shorter ones occur in other papers' abstracts by chance
_FURNITURE = re.compile(
    r"""submitted\ by\b.*|(?:\+|[^\w\s])*\s*\d[\d,.]*k?|[-·•]+|.{0,60}\ ?·?\ ?\d+\ authors?
    |\d+\ authors?(?:\W.*|\ \d+|\ submitted.*)?
    |(?:sign|log)\ ?(?:in|up|out)(?:\ (?:to|with|or|and|for)\ .*)?|(?:your\ )?session\ (?:has\ )?expired.*
    |too\ many\ requests.*|(?:please\ )?(?:enable|turn\ on)\ (?:javascript|cookies).*|accept\ cookies.*
    |this\ page\ (?:could\ not\ be\ found|does\ not\ exist).*
    |(?:page|file)?\ ?not\ found|(?:access\ denied|forbidden)
    |(?:error\ )?40[34]\b[\s:.|–-]*(?:(?:page|file)?\ ?not\ found|forbidden|access\ denied|error|page)?.?
    |just\ a\ moment\W*|(?:please\ )?(?:verify|checking)\ (?:that\ )?(?:if\ )?(?:you|your|the\ site).*
    |are\ you\ a\ (?:human|robot).*|error|untitled|untitled\ document|loading\W*|skip\ to\ (?:main\ )?content
    |(?:accept|reject|manage)\ (?:all\ )?cookies.*|.*we\ use\ cookies.*
    |cookie\ (?:policy|settings|preferences)|privacy(?:\ policy)?|terms(?:\ of\ (?:use|service))?
    |about(?:\ us)?|contact(?:\ us)?|help|home|menu|search|subscribe|unsubscribe|previous|next|upvote
    |(?:load|show|see|read)\ more|view\ (?:all|more|pdf|paper)|new|share|cite\ as|sponsored|follow\ us
    |©.*|page\ \d+\ of\ \d+|report\ an\ issue|\d+\ min(?:utes)?\ read|get\ trending\ papers\ in\ your\ .*
    |forgot\ your\ password.*|(?:by\ ?)?(?:ak\ )?and\ the\ research\ community
    |ak|by|daily\ papers|trending\ papers|daily|weekly|monthly|hugging\ face""",
    re.IGNORECASE | re.VERBOSE,
)


def admit(listing: Listing, *, sure: bool = True) -> Listing:
    """The listing with its papers alone; what is refused is in `unread`. Positions are numbered again.

    sure: whether the contents showed the format, and not a name alone. A listing whose parts are out of
    order, or whose texts are not those of papers, has a `doubt`.
    """
    reasons = dict(_refused(listing.entries, by_place=listing.unit != "record"))
    if reasons or listing.irregular or listing.unread:  # the file is damaged
        for entry in listing.entries:
            if not entry.identifiers and len(_stems(entry.title)) >= FEWEST_STEMS and _fit(entry) <= FOREIGN:
                reasons.setdefault(entry.position, STRANGER)
    for entry in listing.entries:
        if not _is_credited(entry) and len(_stems(entry.title)) >= FEWEST_STEMS and _fit(entry) <= STRANGE:
            reasons.setdefault(entry.position, STRANGER)
    listing = dataclasses.replace(listing, doubt=listing.doubt or _doubt(listing, reasons, sure=sure))
    if not reasons:
        return listing
    entries = [entry for entry in listing.entries if entry.position not in reasons]
    refused = [
        Unread(line=entry.line, reason=reasons[entry.position], text=entry.title[:200])
        for entry in listing.entries
        if entry.position in reasons
    ]
    return dataclasses.replace(
        listing,
        entries=tuple(dataclasses.replace(entry, position=n) for n, entry in enumerate(entries, 1)),
        unread=tuple(sorted((*listing.unread, *refused), key=lambda item: item.line)),
    )


def is_furniture(text: str) -> bool:
    """Whether a line is part of a page around its papers: a button, a count, a notice."""
    bare = text.rstrip(" .…:!?»›>")
    return (
        not any(char.isalpha() for char in text)
        or _FURNITURE.fullmatch(text) is not None
        or _FURNITURE.fullmatch(bare) is not None
    )


def is_scholarly(abstract: str) -> bool:
    """Whether a text has words of abstracts: 2 of 1,000 abstracts have fewer, most other texts have none."""
    return len({found.lower() for found in _CUE.findall(abstract)}) >= CUES


def _doubt(listing: Listing, refused: dict[int, str], *, sure: bool) -> str | None:
    """Why a person must look at the listing first: too much of it is out of order, or no text of papers."""
    bare = [entry for entry in listing.entries if not entry.identifiers]
    abstracts = [entry.abstract for entry in bare if entry.abstract]
    astray = listing.irregular + sum(reason in _ASTRAY for reason in refused.values())
    if astray > max(IRREGULAR_SHARE * len(listing.entries), 1):
        return f"{astray} of {len(listing.entries)} papers have lost lines, or lines in the wrong order"
    scholarly = sum(map(is_scholarly, abstracts))
    cued = sum(_CUE.search(abstract) is not None for abstract in abstracts)
    blocks = any(entry.printed or entry.author_count for entry in bare)
    foreign = len(abstracts) >= FEWEST_JUDGED and (cued <= (0 if blocks else HALF * len(abstracts)))
    unknown = bool(abstracts) and not cued and len(bare) == len(listing.entries)
    if foreign or unknown or (not sure and scholarly < SCHOLARLY_SHARE * len(bare)):
        return "these do not read like abstracts of papers"
    if len(bare) >= FEWEST_JUDGED and _match(bare, 0) + SHIFTED < max(_match(bare, -1), _match(bare, 1)):
        return "the titles belong to the abstracts before or after theirs"
    if bare and not any(entry.abstract or entry.printed or entry.author_count for entry in bare):
        return "nothing but titles"
    return None


def _is_alone(entry: Entry) -> bool:
    """Whether nothing but a title is known."""
    return not (
        entry.identifiers or entry.abstract or entry.printed or entry.author_count or entry.organization
    )


def _is_credited(entry: Entry, *, dated: bool = True) -> bool:
    """Whether something shows who wrote it, or which paper it is. dated: whether a date does."""
    return bool(
        entry.identifiers or entry.author_count or entry.organization or (dated and entry.printed is not None)
    )


def _is_note(entry: Entry) -> bool:
    """Whether the text is too short for an abstract and has no words of one."""
    return len(entry.abstract) < SHORTEST_COPY and not is_scholarly(entry.abstract)


def _is_rest(entry: Entry, by_place: bool) -> bool:
    """Whether the title is a part of a text: it stops in mid-phrase, or it and its abstract begin in one.

    Of 15,000 real titles 3 stop so and none ends as a sentence; of as many abstracts 2 begin with a small
    letter, both with a name.
    """
    ends = entry.title.endswith(".") and not entry.title.endswith("..")
    if ends and (
        len(entry.title) > LONG_TITLE or (not entry.abstract and (by_place or not entry.identifiers))
    ):
        return True  # where titles are named, exporters of medical papers put a full stop behind them
    half_quoted = entry.title.endswith('"') and entry.title.count('"') % 2  # the end of a cell of CSV
    if half_quoted or _SENTENCE_WITHIN.search(entry.title):
        return True
    if entry.identifiers:
        return False
    begins = entry.abstract[:1].islower() and not _begins_with_name(entry)
    return begins or any(part.match(entry.title) for part in (_UNFINISHED, _WITHIN))


def _begins_with_name(entry: Entry) -> bool:
    """Whether an abstract begins with a name in small letters: “gsplat is”, “jina-code-embeddings is a”.

    The title begins with it; or it has a hyphen, a digit or a capital, a word of the title, and is explained.
    """
    name = entry.abstract.split()[0]
    if title_key(entry.title).startswith(title_key(name)):
        return True
    return _NAME.match(entry.abstract) is not None and bool(_stems(name) & _stems(entry.title))


def _is_date(entry: Entry, by_place: bool) -> bool:
    """Whether the title is a date and the rest does not show that it is one all the same.

    Where the place of a line shows what it is, the date must be printed in its own place, too.
    """
    found = read_date(entry.title)
    named = bool(entry.identifiers) and not by_place
    return found is not None and not (named or (entry.printed and entry.abstract and found[1] is None))


def _refused(entries: tuple[Entry, ...], *, by_place: bool) -> Iterator[tuple[int, str]]:
    """(position, reason) of each entry that is no paper.

    by_place: whether the place of a line alone shows what it is, and no name of a field.
    """
    keys = [keys_of(entry) for entry in entries]
    titles = Counter(key.title for key in keys)
    holders: dict[tuple[str, str], str] = {}
    sentences = _sentences(entries)
    strangers = _strangers(entries)
    copied = _copied(entries)
    credited = 2 * sum(map(_is_credited, entries)) > len(entries)
    dated = 2 * sum(_is_credited(entry, dated=False) for entry in entries) <= len(entries)
    long = sum(len(entry.abstract) >= SHORTEST_COPY for entry in entries)
    told = credited or (len(entries) > FEWEST_JUDGED and long >= MATCHING_SHARE * len(entries))
    for entry, key in zip(entries, keys, strict=True):
        named = any(map(str.isalpha, entry.title))
        is_shown = named and key.identifiers and entry.abstract  # a paper, even one called “Search”
        if (is_furniture(entry.title) and not is_shown) or _is_date(entry, by_place):
            yield entry.position, "part of the page, not a paper"
        elif entry.title[0] in ".,;:)" and not key.identifiers:
            yield entry.position, "the rest of a sentence"
        elif len(entry.title) > LONGEST_TITLE:
            yield entry.position, "too long for a title"
        elif _QUOTED.match(entry.title) or (not key.identifiers and _MARKUP.search(entry.title)):
            yield entry.position, "markup, not a title"
        elif len(key.title) >= SHORTEST_SENTENCE and key.title[: len(key.title) // 2] * 2 == key.title:
            yield entry.position, TWICE
        elif titles[key.title] > 1 and not entry.abstract and not key.identifiers:
            yield entry.position, "a line that recurs, not a title"
        elif sentences.get(key.title, entry.position) != entry.position:
            yield entry.position, "a sentence of another paper's abstract"
        elif len(key.title) < SHORTEST_TITLE and not key.identifiers and not entry.printed:
            yield entry.position, ALONE
        elif len(entry.abstract) > LONGEST_TEXT:
            yield entry.position, "too long for an abstract"
        elif len(entry.author_names) > MOST_AUTHORS:
            yield entry.position, "more authors than a paper has"
        elif not key.identifiers and _ANSWER.search(entry.abstract):
            yield entry.position, "a mail that quotes another, not an abstract"
        elif _FIELDS.search(entry.abstract):
            yield entry.position, "fields of another file in the abstract"
        elif _ENCODED.search(entry.abstract) or _ENCODED.search(entry.title):
            yield entry.position, "encoded text"
        elif _is_alone(entry):
            yield entry.position, ALONE
        elif _is_rest(entry, by_place):
            yield entry.position, REST
        elif told and not _is_credited(entry, dated=dated) and _is_note(entry):
            yield entry.position, NOTE
        elif entry.position in copied:
            yield entry.position, SAME_ABSTRACT
        elif entry.position in strangers:
            yield entry.position, STRANGER
        elif any(holders.get(identifier, key.title) != key.title for identifier in key.identifiers):
            yield entry.position, "the identifier of another entry"
        else:
            holders |= dict.fromkeys(key.identifiers, key.title)


def _sentences(entries: tuple[Entry, ...]) -> dict[str, int]:
    """The position of the entry whose abstract holds a sentence, by the sentence's key."""
    found: dict[str, int] = {}
    for entry in entries:
        for sentence in re.split(r"(?<=[.!?])\s+", entry.abstract):
            key = title_key(sentence) if len(sentence) < 400 else ""
            if len(key) >= SHORTEST_SENTENCE:
                found.setdefault(key, entry.position)
    return found


def _copied(entries: Sequence[Entry]) -> set[int]:
    """Positions of papers whose abstract another title has too, and fits much better.

    Where both titles fit, they may be one paper of two titles, or two papers: an admin decides.
    """
    by_abstract: dict[str, list[Entry]] = {}
    for entry in entries:
        if len(entry.abstract) >= SHORTEST_COPY:
            by_abstract.setdefault(title_key(entry.abstract), []).append(entry)
    found: set[int] = set()
    for held in by_abstract.values():
        if len({title_key(entry.title) for entry in held}) < 2:
            continue
        text = _stems(held[0].abstract)
        best = max(_shared(_stems(entry.title), text) for entry in held)
        for entry in held:
            words = _stems(entry.title)
            if len(words) >= FEWEST_STEMS and _shared(words, text) + BETTER <= best:
                found.add(entry.position)
    return found


def _strangers(entries: tuple[Entry, ...]) -> set[int]:
    """Positions of papers whose abstract is not that of the title, as far as their words can tell.

    Only papers without identifier are judged, and only where nearly all titles share words with the abstract.
    """
    judged = [entry for entry in entries if not entry.identifiers and entry.abstract]
    texts = [_stems(entry.abstract) for entry in judged]
    titles = [_stems(entry.title) for entry in judged]
    own = [_shared(title, text) for title, text in zip(titles, texts, strict=True)]
    cues = [len({cue.lower() for cue in _CUE.findall(entry.abstract)}) for entry in judged]
    usual = sum(share > 0 and count >= CUES for share, count in zip(own, cues, strict=True))
    if len(own) < FEWEST_JUDGED or usual < HALF * len(own):
        return set()
    match = usual >= MATCHING_SHARE * len(own)
    found = set()
    for n, entry in enumerate(judged[:-1]):  # the last one may be cut
        near = (*texts[max(n - 2, 0) : n], *texts[n + 1 : n + 3])
        better = max((_shared(titles[n], text) for text in near), default=0.0)
        unlike = own[n] == 0 or (own[n] <= UNLIKE and better >= own[n] + BETTER)
        if (not cues[n] and own[n] <= UNLIKE) or (match and unlike):
            found.add(entry.position)
    return found


def _match(entries: Sequence[Entry], shift: int) -> float:
    """The mean share of the words of titles that the abstracts so many places later hold."""
    pairs = [(entry, entries[n + shift]) for n, entry in enumerate(entries) if 0 <= n + shift < len(entries)]
    return sum(_shared(_stems(a.title), _stems(b.abstract)) for a, b in pairs) / max(len(pairs), 1)


def _fit(entry: Entry) -> float:
    """The share of the title's words that its abstract holds; all without an abstract."""
    return _shared(_stems(entry.title), _stems(entry.abstract)) if entry.abstract else 1.0


def _shared(title: set[str], text: set[str]) -> float:
    return len(title & text) / len(title) if title else 1.0


def _stems(text: str) -> set[str]:
    return {word[:5] for word in _WORD.findall(text.lower())}
