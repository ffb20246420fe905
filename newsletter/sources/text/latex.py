r"""Turns LaTeX residue into readable Unicode: `85\%`, `caf\'e`, `{\deg}`, `$O(n^2)$`, `textbf{Gen}erat...`.

Only spans with a backslash or a pair of dollars change, and a few commands that lost their backslash. It does
not read LaTeX: `%` is a per cent sign, `$5` is money, and a span with an unknown command stays unchanged.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

MAX_SPANS = 500  # of one text; prose has fewer, and each may cost 0.1 ms
_ATOM = r"[^{}\\]|\\."
_ARGUMENT = (
    rf"\{{(?:{_ATOM}|\{{(?:{_ATOM}|\{{[^{{}}]{{0,100}}+\}}){{0,200}}+\}}){{0,400}}+\}}"  # three braces deep
)
_IN_MATH = r"(?:[^$\\]|\\[^()\[\]]){1,300}+"
_LETTER = r"[A-Za-z](?![A-Za-z])"
_ACCENTED = (
    r"""\\(?:['"`^~=.](?:\{\\?[A-Za-z]\}|\\[ij](?![A-Za-z])|[A-Za-z])"""
    rf"""|[cvuHkr](?:\{{[A-Za-z]\}}|\ {_LETTER}))"""
)
_SPAN = re.compile(
    rf"""(?=[\\$^{{])(?:
      (?P<quoted>(?<![A-Za-z])\\"(?P<quotation>[^"\\]{{1,100}})\\"(?![A-Za-z{{\\]))
    | (?P<apostrophe>(?<=[A-Za-z])\\'(?=(?:s|t|re|ve|ll|d|m)\b))
    | (?P<accent>\{{{_ACCENTED}\}}|{_ACCENTED})
    | (?P<math>\$\$(?!\s){_IN_MATH}\$\$|\$(?=[\\^_]){_IN_MATH}(?<!\s)\$|\$[^\w\s$\\]\$
        |\$(?![\s$]){_IN_MATH}(?<!\s)\$(?![\d$])|\$\s?(?=[^$]{{0,300}}\\[A-Za-z]){_IN_MATH}\$(?!\$)
        |\\\({_IN_MATH}\\\)|\\\[{_IN_MATH}\\\])
    | (?P<degree>\^\{{?\\circ(?![A-Za-z])\}}?)
    | (?P<font>\{{\\(?:em|bf|it|tt|sc|rm|sl|sf)\s+(?P<set>[^{{}}\\]{{1,400}}+)(?:\\/)?\}})
    | (?P<braced>\{{\\(?P<bare>[A-Za-z]+)\s?\}})
    | (?P<macro>\\(?P<name>[A-Za-z]+)\*?(?:\[[^\[\]{{}}\\]{{0,80}}+\](?=\{{))?
        (?P<arguments>(?:{_ARGUMENT}){{0,3}}+))
    | (?P<escape>\\[%&\#_${{}}])
    | (?P<slash>(?<=[\w:/])\\/(?=[\w/\\]))
    | (?P<space>\\(?:[ ,;]|\\(?=\s|$)))
    )""",
    re.VERBOSE,
)
# Commands that lost their backslash on the way to the page. "mathcal O" too: no English word is "mathcal".
_LOST = re.compile(
    r"(?<!\\)(?:text(?:bf|it|tt|sc|rm|sf|sl)|emph|underline|boldsymbol|math(?:cal|bb|bf|rm|it|sf|frak|scr))"
    r"\{(?P<inside>[^{}]{1,300}+)\}"
    r"|(?<![\\A-Za-z])math(?:cal|bb|bf|rm|frak|scr)\ ?(?=[A-Za-z](?![A-Za-z]))"
)
_LOST_ALPHABETS = ("mathcal", "mathbb", "mathbf", "mathrm", "mathfrak", "mathscr")
# Commands of paper styles (\eg of CVPR) and of arXiv ({\deg}) that the library does not know or reads
# differently.
_EXTRA_COMMANDS = {
    "aka": "a.k.a.",
    "bot": "⊥",
    "celsius": "°C",
    "cf": "cf.",
    "circledR": "®",
    "colon": ":",
    "ddagger": "‡",
    "deg": "°",
    "degree": "°",
    "eg": "e.g.",
    "Eg": "E.g.",
    "etal": "et al.",
    "etc": "etc.",
    "gets": "←",
    "Ie": "I.e.",
    "ie": "i.e.",
    "iff": "⇔",
    "iid": "i.i.d.",
    "Im": "Im",
    "implies": "⇒",
    "land": "∧",
    "LaTeX": "LaTeX",
    "lor": "∨",
    "micro": "µ",
    "models": "⊨",
    "ne": "≠",
    "percent": "%",
    "Pr": "Pr",
    "Re": "Re",
    "TeX": "TeX",
    "textalpha": "α",
    "textasciitilde": "~",
    "textgreater": ">",
    "textless": "<",
    "textmu": "μ",
    "textunderscore": "_",
    "thinspace": " ",
    "triangle": "△",
    "upmu": "μ",
    "vs": "vs.",
    "wrt": "w.r.t.",
    "xspace": "",
}
_FONTS = frozenset(  # commands that only change the font of their argument
    f"{kind}{font}"
    for kind, fonts in {
        "text": (
            "",
            "bf",
            "it",
            "md",
            "normal",
            "rm",
            "sc",
            "sf",
            "sl",
            "tt",
            "up",
            "subscript",
            "superscript",
        ),
        "math": ("bb", "bf", "cal", "frak", "it", "rm", "scr", "sf", "tt"),
    }.items()
    for font in fonts
)
_MARKS = frozenset({"bar", "breve", "check", "ddot", "dot", "hat", "tilde", "vec", "widehat", "widetilde"})
_IN_A_LINE = frozenset({"bra", "braket", "dfrac", "ensuremath", "frac", "ket", "nicefrac", "sqrt", "tfrac"})
_TAKES_TEXT = (
    _FONTS
    | _MARKS
    | _IN_A_LINE
    | {"bm", "boldsymbol", "emph", "fbox", "mbox", "operatorname", "overline", "uline", "underline"}
)
_NOT_IN_LIBRARY = re.compile(
    r"\\(?:fbox|mbox|textmd|textsf|texttt|textup|uline)(?=\{)"
)  # it drops their arguments
_SIZES = frozenset({"left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "limits"})
_OPERATORS = re.compile(
    r"(?P<before>(?<=[\w)}])\s*)?\\(?P<name>log|ln|lg|exp|sin|cos|tan|tanh|max|min|arg|argmax|argmin|poly|polylog"
    r"|det|dim|sup|inf|gcd|mod)(?![A-Za-z])(?P<after>\s*(?=[\w\\]))?"
)
_SWITCH = re.compile(  # of the font, the size or the gap; it has no argument
    r"\\(?:rm|sf|tt|bf|it|cal|em|sl|sc|frak|displaystyle|textstyle|scriptstyle|mkern-?\d+mu)(?![A-Za-z])\s*"
)
_CODE_POINT = re.compile(r"\\unicode\{x([0-9A-Fa-f]{2,4})\}")
_SCRIPT = re.compile(r"(?<!\\)(?P<kind>[\^_])(?:\{(?P<group>[^{}]*)\}|(?P<one>\\[A-Za-z]+|[A-Za-z0-9+*'-]))")
_RAISED = {
    "\\circ": "°",
    "∘": "°",
    "\\circledR": "®",
    "\\prime": "′",
    "\\dagger": "†",
    "\\top": "ᵀ",
    "T": "ᵀ",
    "*": "*",
    "\\ast": "*",
    "\\star": "*",
}
_UP = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_DOWN = str.maketrans("0123456789+-=()ijkmntx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ᵢⱼₖₘₙₜₓ")
_PROSE = re.compile(r"[A-Za-z]{4,}\s|\s[A-Za-z][a-z]+\s")  # words between dollars: no formula
# mathematical alphabets: fonts lack them, searches miss them
_STYLED = re.compile("[\U0001d400-\U0001d7ff\u2102-\u2138]")
_KEPT_STYLED = "ℂℍℕℙℚℝℤℏℓ℃℉№™Ω℘"


def readable(text: str) -> str:
    r"""Return `text` with LaTeX residue as Unicode; text without residue stays unchanged.

    Never raises. The time depends on the length of the text alone.
    """
    if "\\" in text or text.count("$") > 1:
        text = _SPAN.sub(_replacement, text, count=MAX_SPANS)
    if "{" in text or any(word in text for word in _LOST_ALPHABETS):
        text = _LOST.sub(lambda match: match["inside"] or "", text, count=MAX_SPANS)
    return text


def _replacement(match: re.Match[str]) -> str:
    whole = match[0]
    match match.lastgroup:
        case "quoted":
            return f'"{match["quotation"]}"'
        case "apostrophe":
            return "'"
        case "accent":
            letter = _converted(whole)
            return letter if letter is not None and len(letter) == 1 else whole
        case "math":
            return _formula(whole)
        case "degree":
            return "°"
        case "font":
            return match["set"]
        case "escape":
            return whole[1]
        case "slash":
            return "/"
        case "space":
            return " "
        case _:
            text = _command(whole, match["name"] or match["bare"], match["arguments"] or "")
            twice = text.endswith(".") and match.string.startswith(".", match.end())  # "\\etal."
            return text[:-1] if twice else text


def _command(whole: str, name: str, arguments: str) -> str:
    if name in _EXTRA_COMMANDS:
        return _EXTRA_COMMANDS[name] + ("" if arguments in ("", "{}") else arguments)
    if name in ("cite", "citep", "citet", "citealp") and arguments:
        return f"[{arguments.strip('{}')}]"
    if name == "url" and arguments:
        return arguments[1:-1]
    if name == "href" and arguments.count("}{") == 1:
        address, _, shown = arguments[1:-1].partition("}{")
        shown = readable(shown)
        return shown if shown == address else f"{shown} ({address})"
    if len(name) == 1 and not arguments and name not in "oOlLijS":
        return whole  # "\n", "\t", "C:\d": an escape or a path rather than a command
    if name in _TAKES_TEXT:
        if not arguments or arguments == "{}":
            return whole
    elif name not in _symbols():
        return whole
    elif arguments not in ("", "{}"):  # a symbol has no argument: text in braces follows it
        symbol = _converted(f"\\{name}")
        return whole if symbol is None else symbol + arguments
    converted = _formula_text(whole) if name in _IN_A_LINE else _converted(whole)
    return whole if converted is None else converted


def _formula(whole: str) -> str:
    if len(whole) == 3 and whole[0] == "$":
        return whole[1]  # "$∼$"
    inside = whole[2:-2] if whole.startswith(("$$", "\\")) else whole[1:-1]
    if whole[0] == "$" and _PROSE.search(re.sub(r"\\[A-Za-z]+(?:\{[A-Za-z \-]*\})?", "", inside)):
        return whole
    converted = _formula_text(inside)
    return whole if converted is None else converted


def _formula_text(formula: str) -> str | None:
    """Return a formula as text with superscript and subscript digits; None when it cannot be read."""
    formula = _SWITCH.sub("", _CODE_POINT.sub(lambda found: chr(int(found[1], 16)), formula))
    text = _OPERATORS.sub(
        lambda m: (
            (" " if m["before"] is not None else "") + m["name"] + (" " if m["after"] is not None else "")
        ),
        formula,
    )
    for _depth in range(3):
        text, changes = _SCRIPT.subn(_script, text)
        if not changes:
            break
    return _converted(text.replace("\x02", "^").replace("\x03", "_"), in_math=True)


def _script(match: re.Match[str]) -> str:
    inner = (match["group"] if match["group"] is not None else match["one"]).strip()
    text = script(match["kind"], inner)
    mark = {"^": "\x02", "_": "\x03"}.get(text[:1])  # placeholders that the next round does not match
    return f"{mark}{text[1:]}" if mark else text


def script(kind: str, inner: str) -> str:
    """A superscript (kind "^") or subscript ("_") as text: “²”, “_max”, “^(2k)”."""
    raised = kind == "^"
    if raised and inner in _RAISED:
        return _RAISED[inner]
    mapped = inner.translate(_UP if raised else _DOWN)
    if inner and all(ord(char) > 127 for char in mapped) and inner.isascii():
        return mapped
    if inner.startswith("\\"):
        inner += " "  # a letter after it must not become part of the command's name
    single = (
        len(inner) < 2
        or inner[0] + inner[-1] == "()"
        or re.fullmatch(r"\\[A-Za-z]+ |[A-Za-z]+|\d+\.\d+", inner)
    )
    return f"{kind}{inner}" if single else f"{kind}({inner})"


def _converted(span: str, *, in_math: bool = False) -> str | None:
    """Convert a span with the library; None for an unknown command or a span that cannot be read."""
    return _by_library(span.replace("\\%", "%").replace("%", "\\%"), in_math)


@lru_cache(maxsize=4096)
def _by_library(span: str, in_math: bool) -> str | None:
    for name in re.findall(r"\\([A-Za-z]+)", span):
        known = (
            name in _TAKES_TEXT
            or name in _EXTRA_COMMANDS
            or name in _symbols()
            or (len(name) == 1 and name in "cvuHkr")
        )
        if not known and not (in_math and name in _SIZES):
            return None
    span = _NOT_IN_LIBRARY.sub("", span)
    span = re.sub(r"\\([A-Za-z]+)", lambda match: _EXTRA_COMMANDS.get(match[1], match[0]), span)
    try:
        text: str = _library().latex_to_text(span)
    except Exception:  # the library fails in many ways on residue; readers then get the source
        return None
    text = _STYLED.sub(_plain_letter, " ".join(text.split()))
    if "%s" in text or unicodedata.combining(text[:1] or " "):
        return None  # "\\frac" or "\\hat" without an argument
    text = re.sub(r"√\((\w)\)", r"√\1", text)
    return unicodedata.normalize("NFC", text)


def _plain_letter(match: re.Match[str]) -> str:
    char = match[0]
    return char if char in _KEPT_STYLED else unicodedata.normalize("NFKC", char)


@cache
def _library() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text  # 40 ms: only for text that has residue

    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)  # it warns of every odd formula
    return LatexNodes2Text(math_mode="text", keep_comments=True, strict_latex_spaces=False)


@cache
def _symbols() -> frozenset[str]:
    """The commands that the library turns into characters: Greek, arrows, relations, foreign letters."""
    from pylatexenc.latex2text import get_default_latex_context_db

    database = get_default_latex_context_db()
    names = {name for category in database.d.values() for name in category["macros"]}
    return frozenset(
        name
        for name in names
        if name.isalpha()
        and isinstance(shown := database.get_macro_spec(name).simplify_repl, str)
        and shown
        and len(shown) <= 8
        and "%" not in shown
        and "<" not in shown
    )
