r"""Turns TeX that lost its backslashes on a page into signs: `250times`, `R^2`, `rightarrow`, ` ``so'' `.

It also folds ligatures and full-width letters. A word that may be right stays (“many times”, “sim2real”,
“approx 30”), and addresses stay as they are. `latex` reads commands that kept their backslash.
"""

from __future__ import annotations

import re
import unicodedata

from newsletter.sources.text.latex import script

_ADDRESS = re.compile(r"((?:https?://|www\.)\S+|\b[\w.-]+\.(?:com|org|io|net|edu|gov|ai)/\S*)")
_TRACE = re.compile(
    r"\dtimes|times [\dA-Za-z]\b|times \d|arrow|infty|[lg]eq|neq|cdot|ldots|[lr]angle|[lr]ceil"
    r"|[lr]floor|subseteq|mapsto|propto|otimes|oplus|var(?:epsilon|phi|theta)|\bsim\d|\{(?:sim|times|approx|circ|pm|to)\}|pm\d|approx\d"
    "|[\\^`~]|_[{\\d]|--|''|\\*\\*|[\u3000-\u3002\ufb00-\ufb06\uff01-\uff5e]"
)
_NUMBERS = re.compile(
    r"(?P<a>(?<![\w.,])\d[\d.,]*|[⁰¹²³⁴-⁹])(?P<gap>\s?)times\s?(?=(?P<b>\d+(?:[.,]\d+)*)(?P<power>[⁰¹²³⁴-⁹])?)"
)
_TIMES = re.compile(
    r"(?<=[\d⁰¹²³⁴-⁹})])times(?:(?![a-zA-Z])|(?=[A-Z]|sim\d))"
    r"|(?<=\d)times(?P<word>(?=(?:fast|slow|more|less|fewer|larg|small|high|low|better|long|short|speed)[a-z]*\b))"
    r"|(?<![\w.])(?P<letter>[B-HJ-Zb-hj-z])(?P<blank>\s?)times\s?(?=(?:(?P=letter)|[B-HJ-Z])(?!\w))"
)
_BRACED = re.compile(r"\{(sim|times|approx|pm|to|leq|geq|cdot)\}")
_GLUED = re.compile(
    r"(?<![A-Za-z0-9_\\-])(?P<name>sim|approx)(?=\d[\d.,]*(?:[kKMBT]?(?:%|×|times))|\d{2}[\d.,]*[kKMBT]?(?![\w]))"
    r"|(?<=[(\d])(?P<pm>pm)(?=\d)"
)
_ARROW = re.compile(
    r"(?P<long>[Ll]ong)?(?P<name>(?:[Ll]eftr|[Rr])ight|[Ll]eft|[Uu]p|[Dd]own)arrow(?!s\b|head|\w*[_(])"
)
_ARROWS = {
    "leftright": "↔", "Leftright": "⇔", "left": "←", "Left": "⇐", "right": "→", "Right": "⇒",
    "up": "↑", "Up": "⇑", "down": "↓", "Down": "⇓",
}  # fmt: skip
_SIGNS = {
    "infty": "∞", "leq": "≤", "geq": "≥", "neq": "≠", "cdot": "·", "cdots": "⋯", "ldots": "…", "langle": "⟨",
    "rangle": "⟩", "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋", "subseteq": "⊆", "mapsto": "↦",
    "propto": "∝", "otimes": "⊗", "oplus": "⊕", "varepsilon": "ε", "varphi": "φ", "vartheta": "θ",
}  # fmt: skip
_SIGN = re.compile(rf"(?<![\w\\.-])(?:{'|'.join(_SIGNS)})(?![A-Za-z_(=])")
_BEFORE_NUMBER = {"sim": "∼", "approx": "≈", "times": "×", "circ": "°", "pm": "±", "to": "→", **_SIGNS}
_GREEK = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    for name in "alpha beta gamma delta epsilon eta theta mu pi rho sigma tau phi psi omega".split()  # noqa: SIM905
} | {"lambda": "λ", "ell": "ℓ", "nabla": "∇"}
_GREEK_NAME = re.compile(rf"(?<![\w\\.])(?:{'|'.join(_GREEK)})(?=_\{{|_\d(?![\d_]*[A-Za-z_])|\^[\d{{*])")
_RAISED = re.compile(
    r"(?<=[\w)\]|>⟩∇])\^(?:\{\\?(?P<group>[^{}\\^_]{1,20})\}|(?P<number>[-−+]?\d++)(?![./]\d)|(?P<sign>\*|(?:circ|th)(?![A-Za-z])))"
)
_LOWERED = re.compile(
    r"(?<=[\w)\]])_\{(?P<group>[^{}\\^_]{1,30})\}|(?<=[α-ωℓ∇])_(?P<number>\d++)(?![\w]|\.\d)"
)
_QUOTES = re.compile(
    r"``(?P<both>[^`\n]{1,300}?)(?:''|\"|”)"
    r"|(?<![\w'’)\]])''(?P<straight>(?=[^\s'])[^'\n]{0,200}(?:(?<=\w)'(?=\w)[^'\n]{0,200}){0,5}(?<=\S))''(?!')"
    r"|(?<![\w`‘])`(?P<single>(?=[^\s`'])[^`'\n]{0,80}(?:(?<=\w)'(?=[a-z])[^`'\n]{0,80}){0,3}(?<=\S))'(?!\w)"
)
_TIE = re.compile(
    r"(?<=[^\W\d_]{2})~(?=[A-Za-z(×\\$])|(?<=[\d%)])~(?=[A-Za-zµμ(×])|(?<=[×.,;:])~(?=\w)"
    r"|(?<=[a-z]{2})~(?=https?:)|\b(?P<word>[A-Z][a-z]{2,}|[A-Z]{2,})~(?=\d)"
)
_DASH = re.compile(r"(?<=[^\s<!-])---?(?=[^\s>-])")  # with blanks around it, it is how one types a dash
_STRONG = re.compile(r"(?<![\w*\\])\*\*(?=[^\s*])([^*\n]{1,120})(?<=\S)\*\*(?![\w*])")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_WIDE = re.compile("[\uff01-\uff5e\u3001\u3002]")
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def without_lost_tex(text: str) -> str:
    """Return `text` with readable signs; text without traces comes back as it is."""
    if not _TRACE.search(text):
        return text
    if not text.isascii():
        text = _narrowed(_LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text))
    text = re.sub(r"~(?=https?:)", " ", text)
    if "://" not in text and "www." not in text and "/" not in text:
        return _signs(text)
    parts = _ADDRESS.split(text)
    parts[::2] = [_signs(part) if part else "" for part in parts[::2]]
    return "".join(parts)


def _signs(text: str) -> str:
    if "{" in text:
        text = _BRACED.sub(lambda found: _BEFORE_NUMBER[found[1]], text)
    if "times" in text:
        text = _TIMES.sub(_times, text)
    text = _GLUED.sub(lambda found: _BEFORE_NUMBER[found["name"] or found["pm"]], text)
    if "arrow" in text:
        text = _ARROW.sub(lambda found: _ARROWS[found["name"]], text)
    text = _SIGN.sub(lambda found: _SIGNS[found[0]], text)
    if "_" in text or "^" in text:
        text = _GREEK_NAME.sub(lambda found: _GREEK[found[0]], text)
        text = _LOWERED.sub(lambda found: script("_", found["group"] or found["number"]), text)
        text = _RAISED.sub(_raised, text)
    if "times" in text:
        text = _NUMBERS.sub(_product, text)
    if "``" in text or "''" in text or "`" in text:
        text = _QUOTES.sub(_quoted, text)
    if "~" in text:
        text = _TIE.sub(lambda found: f"{found['word'] or ''} ", text)
    if "--" in text:
        text = _DASH.sub(lambda found: "—" if len(found[0]) == 3 else "–", text)
    return _STRONG.sub(r"\1", text) if "**" in text else text


def _product(found: re.Match[str]) -> str:
    """A product of numbers, such as “1024 times 768”; not “3 times 2 days later”."""
    a, b = found["a"].rstrip(".,"), found["b"]
    size = all(n.isdecimal() and int(n) >= 16 and int(n) % 8 == 0 for n in (a, b) if len(n) < 9)
    sure = not found["gap"] or a == b or size or found["power"] or not a.isascii()
    return f"{found['a']}{found['gap']}×{found['gap']}" if sure else found[0]


def _times(found: re.Match[str]) -> str:
    if found["letter"]:
        return f"{found['letter']}{found['blank']}×{found['blank']}"
    return "×" if found["word"] is None else "× "


def _raised(found: re.Match[str]) -> str:
    inner = (found["group"] or found["number"] or found["sign"]).strip()
    if inner in ("th", "st", "nd", "rd"):
        return inner
    if inner in ("circ", "∘", "degree"):
        return "°"
    inner = re.sub(r"(?<=\w)\s?times\s(?=\w)", " × ", inner)
    return script("^", f"\\{inner}" if inner in ("prime", "dagger", "top") else inner)


def _quoted(found: re.Match[str]) -> str:
    if found["single"] is not None:
        return f"‘{found['single']}’"
    return f"“{found['both'] if found['both'] is not None else found['straight']}”"


def _narrowed(text: str) -> str:
    """Full-width letters and digits as usual ones; punctuation too, where the text is not East Asian."""
    if not _WIDE.search(text):
        return text
    eastern = len(_EAST_ASIAN.findall(text)) > len(text) * 0.2

    def narrow(found: re.Match[str]) -> str:
        sign = found[0]
        plain = {"、": ",", "。": "."}.get(sign) or unicodedata.normalize("NFKC", sign)
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        if plain.isalnum():
            return plain
        if eastern or _EAST_ASIAN.match(before) or (plain == "(" and _EAST_ASIAN.match(after)):
            return sign
        if (
            plain in ",.:;?!)"
            and (after.isalnum() or after in ("（", "("))
            and not (plain in ",.:" and after.isdigit())
        ):
            return f"{plain} "
        return f" {plain}" if plain == "(" and before.isalnum() else plain

    return _WIDE.sub(narrow, text)
