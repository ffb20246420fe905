"""Decides when two listings mean the same paper: by identifiers, else by titles that render alike.

It never accepts titles that are nearly equal: "Part I" and "Part II" are two papers, "C" and "C++" two
languages. It does not compare abstracts (`newsletter.core.papers.overlap` does).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from newsletter.core.papers.listing import Entry

TITLE = "title"  # the scheme of title keys; other schemes are "arxiv", "doi", …
MAX_KEY = 400  # characters of a title key; PostgreSQL indexes no more than some 2,700 bytes

_FONTS = """
    textbf textit texttt textsc textrm textsf textsl textup textnormal textmd emph underline boldsymbol bm
    mathbf mathrm mathcal mathbb mathit mathsf mathtt mathfrak mathscr mathnormal operatorname mbox text
    bf it tt sc rm sf em cal left right big Big bigl bigr displaystyle textstyle mathop ensuremath xspace
    textsuperscript textsubscript deg degree circ textdegree tilde hat bar vec dot ddot acute grave check
    breve overline widehat widetilde c v u H k r b d t quad qquad frac tfrac dfrac
"""
LATEX_FONTS = frozenset(_FONTS.split())  # they change the look alone: titles with and without them are equal
_GREEK = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi omicron pi rho sigma tau upsilon phi
    chi psi omega
"""
GREEK_NAMES = frozenset(_GREEK.split()) | {"lambda"}
LATEX_SIGNS = {
    **{name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}") for name in GREEK_NAMES - {"lambda"}},
    "lambda": "λ", "varepsilon": "ε", "vartheta": "θ", "varphi": "φ", "varrho": "ρ", "varsigma": "σ",
    "varpi": "π", "ne": "≠", "neq": "≠", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "times": "x",
    "pm": "±", "to": "→", "rightarrow": "→", "leftarrow": "←", "leftrightarrow": "↔", "Rightarrow": "⇒",
    "infty": "∞", "approx": "≈", "sim": "", "in": "∈", "subset": "⊂", "cup": "∪", "cap": "∩", "sqrt": "√",
    "sum": "∑", "partial": "∂", "nabla": "∇", "oplus": "⊕", "otimes": "⊗", "perp": "⊥", "forall": "∀",
    "exists": "∃", "ell": "l", "hbar": "ℏ", "lt": "<", "gt": ">", "star": "*", "ast": "*", "cdot": "",
    "ldots": "", "dots": "", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø",
    "l": "ł", "L": "Ł", "aa": "å", "AA": "Å", "i": "i", "j": "j", "textendash": "-", "textemdash": "-",
    "textbackslash": "",
}  # fmt: skip
LATEX_SIGNS |= {name.capitalize(): sign.upper() for name, sign in LATEX_SIGNS.items() if "α" <= sign <= "ω"}
_KEPT_ESCAPES = frozenset("%&#@*<>=+")  # "\%" is a percent sign; other escapes but spaces are accents
_SPACES = frozenset(" \\,;:!")

_COMMAND = re.compile(r"\\(?:([A-Za-z]+)|(.?))", re.DOTALL)
_BARE_FONT = re.compile(r"(?:text(?:bf|it|tt|sc|rm|sf|sl)|emph|math(?:bf|rm|cal|bb|it|sf|frak|scr))\{")
_RAISED = re.compile(r"[⁰¹²³⁴-⁹⁺⁻]+|[₀-₉₊₋]+")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_STAR_OF_NAME = re.compile(r"(?<![A-Za-z])([A-Z]{1,4})[$^]*\*")  # A*, RRT*; other stars are footnotes
_APART = re.compile(r"(?<=\d) +(?=\d)")  # "GPT-4 1" is not "GPT-41"
_BEFORE_FOLDING = {ord("™"): None, ord("∗"): "*", ord("⋆"): "*"}  # NFKC would spell out "TM"
_POINT, _STAR, _GAP = "\x01", "\x02", "\x03"


class _KeyCharacters(dict[int, str]):
    """Maps a code point to its text in a key; each is computed once."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        kept = sign if _has_meaning(sign) else ("" if unicodedata.category(sign) in ("Cf", "Mn") else " ")
        self[code] = kept
        return kept


def _has_meaning(sign: str) -> bool:
    category = unicodedata.category(sign)
    if category[0] in "LN" or category in ("Mc", "Sm", "Sc", "So"):
        return True
    # Indic vowel signs are marks without which a word is another; variation selectors (emoji) are not
    return category == "Mn" and not 0xFE00 <= ord(sign) <= 0xFE0F


_SIGNS = _KeyCharacters(
    {ord(sign): sign for sign in (*"%#@", _POINT, _STAR, _GAP)}
    | {ord(sign): " " for sign in "~|$−∼⋅\u2044"}
    | {ord(sign): "" for sign in "°©®™"}
    | {ord("×"): "x", ord("&"): "and"}
)


def title_key(title: str) -> str:
    """The key of a title: papers with equal keys are equal. A title of nothing but marks is its own key.

    Letters, digits with their decimal points and gaps, and symbols with a meaning (+ # % = ≠ …) count. Case,
    width and other compatibility forms, accents on Latin and Greek letters, white space, punctuation, hyphens
    and LaTeX do not.
    """
    key = rendering_key(title) or " ".join(title.split())
    if len(key) <= MAX_KEY:
        return key
    return key[: MAX_KEY // 2] + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def rendering_key(text: str) -> str:
    """A text without its typesetting (case, spaces, accents, LaTeX), for comparing; may be empty."""
    text = plain(text)
    if not text.isascii():
        text = _RAISED.sub(lambda run: "^" + unicodedata.normalize("NFKC", run[0]), text)
        text = without_accents(text.translate(_BEFORE_FOLDING))
    text = _STAR_OF_NAME.sub(r"\1" + _STAR, text).replace("->", "→")
    text = _DECIMAL_POINT.sub(_POINT, _THOUSANDS.sub("", text))
    text = _APART.sub(_GAP, text.casefold().translate(_SIGNS)).replace(" ", "")
    return text.replace(_POINT, ".").replace(_STAR, "*").replace(_GAP, " ")


def plain(text: str) -> str:
    """A text without the LaTeX commands of a fixed table; quick, and good for comparing only."""
    if "\\" in text:
        text = _COMMAND.sub(_replacement, text)
    if "{" in text:
        text = _BARE_FONT.sub("{", text)  # pages that lost their backslashes: textbf{Gen}erative
        text = text.replace("{", "").replace("}", " " if "}{" in text else "")
    return text


def _replacement(command: re.Match[str]) -> str:
    name, escaped = command[1], command[2]
    if name is None:
        return escaped if escaped in _KEPT_ESCAPES else (" " if escaped in _SPACES else "")
    if name in LATEX_FONTS:
        return ""
    return LATEX_SIGNS.get(name, name)  # authors define commands for names


def without_accents(text: str) -> str:
    """A text without the accents on its Latin and Greek letters; other marks stay."""
    letters: list[str] = []
    latin = False
    for sign in unicodedata.normalize("NFKD", text):
        if "\u0300" <= sign <= "\u036f":
            if latin:
                continue  # Poincaré and Poincare are one; ≠ and = are two
        else:
            latin = sign.isalpha() and (sign < "\u0400" or "\u1e00" <= sign < "\u2000")
        letters.append(sign)
    return unicodedata.normalize("NFKC", "".join(letters))


_ARXIV_URL = re.compile(
    r"(?:^|//)(?:[\w.-]*\.)?(?:arxiv\.org/(?:abs|pdf|html|format|src|e-print|ps)|(?:huggingface|hf)\.co/papers"
    r"|alphaxiv\.org/(?:abs|pdf|overview)|(?:ar5iv\.org|ar5iv\.labs\.arxiv\.org)/(?:abs|html)|doi\.org/10\.48550/arxiv\.)"
    r"/?(?:arxiv:)?(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})",
    re.IGNORECASE,
)
_DOI_URL = re.compile(r"//(?:dx\.)?doi\.org/(10\.\d{4,9}/[^\s?#]+)", re.IGNORECASE)
_SUBJECT_CLASS = re.compile(r"^([a-z-]+)\.[a-z]{2}/(?=\d{7}$)")  # math.GT/0309136 is math/0309136
_VERSION = re.compile(r"v\d+$")
_ARXIV_DOI = "10.48550/arxiv."  # arXiv registers such a DOI for every paper


def identifier_key(scheme: str, value: str) -> tuple[str, str] | None:
    """An identifier for comparing: (scheme, key) in lower case, without version; None when empty.

    A DOI that arXiv gave becomes the arXiv identifier.
    """
    scheme, value = scheme.strip().casefold(), value.strip().casefold()
    if scheme == "arxiv":
        value = _VERSION.sub("", value.removesuffix(".pdf").rpartition("arxiv:")[2])
        found = _ARXIV_URL.search(value)
        value = _SUBJECT_CLASS.sub(r"\1/", found[1] if found else value)
    elif scheme == "doi":
        value = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", "", value).rstrip(".")
        if value.startswith(_ARXIV_DOI):
            return identifier_key("arxiv", value.removeprefix(_ARXIV_DOI))
        if value.startswith("10.1101/"):  # bioRxiv and medRxiv number their versions in links
            value = _VERSION.sub("", value)
    return (scheme, value) if scheme and value and scheme != TITLE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperKeys:
    """The keys by which an entry is recognised."""

    title: str  # as `title_key` gives it
    identifiers: tuple[tuple[str, str], ...] = ()  # as `identifier_key` gives them, no scheme twice


def keys_of(entry: Entry) -> PaperKeys:
    """The keys of an entry; its URL counts as an identifier where it holds one."""
    named = list(entry.identifiers)
    if entry.url:
        if found := _ARXIV_URL.search(entry.url):
            named.append(("arxiv", found[1]))
        elif found := _DOI_URL.search(entry.url):
            named.append(("doi", found[1]))
    keys: dict[str, str] = {}
    for scheme, value in named:
        if key := identifier_key(scheme, value):
            keys.setdefault(*key)
    return PaperKeys(title=title_key(entry.title), identifiers=tuple(keys.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """The known paper of an entry, and other papers that share a key with it."""

    paper_id: int | None  # None: a paper not seen before
    rivals: tuple[int, ...] = ()  # papers that other keys of the entry belong to: for an admin to judge


def recognise(
    keys: PaperKeys,
    *,
    holders: Mapping[tuple[str, str], Iterable[int]],
    identifiers: Mapping[int, Collection[tuple[str, str]]],
) -> Recognition:
    """Decide which known paper an entry is.

    holders: papers by (scheme, key), titles under the scheme TITLE. identifiers: of each of those papers,
    with those of papers merged into it. An identifier decides; of several papers the one with the lowest id.
    A title decides unless the paper has another identifier of a scheme that the entry names.
    """
    claimed: list[int] = []
    for key in keys.identifiers:
        claimed += sorted(holders.get(key, ()))
    titled = [
        paper_id
        for paper_id in sorted(holders.get((TITLE, keys.title), ()), key=_oldest_first)
        if not _contradict(keys.identifiers, identifiers.get(paper_id, ()))
    ]
    if not claimed:
        return Recognition(paper_id=titled[0] if titled else None)
    rivals = dict.fromkeys((*claimed, *titled))
    del rivals[claimed[0]]
    return Recognition(paper_id=claimed[0], rivals=tuple(rivals))


def is_same_work(
    keys: PaperKeys,
    *,
    author_count: int | None,
    published_on: date | None,
    known_identifiers: Collection[tuple[str, str]],
    known_author_count: int | None,
    known_published_on: date | None,
) -> bool:
    """Whether an entry is a stored paper of another title and nearly the same abstract.

    No identifier may speak against it, and the number of authors and the date must agree where both say them.
    """
    return (
        not (keys.identifiers and known_identifiers)
        and _agree(author_count, known_author_count)
        and _agree(published_on, known_published_on)
    )


def _agree(one: object, other: object) -> bool:
    return one is None or other is None or one == other


def _oldest_first(paper_id: int) -> tuple[bool, int]:
    """Papers that the same dump adds have provisional ids -1, -2, … and come after stored ones."""
    return paper_id < 0, abs(paper_id)


def _contradict(named: Iterable[tuple[str, str]], known: Collection[tuple[str, str]]) -> bool:
    schemes = {scheme for scheme, _ in known}
    return any(scheme in schemes and (scheme, value) not in known for scheme, value in named)
