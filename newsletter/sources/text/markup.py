r"""Turns markup and misread bytes into characters: `&amp;lt;`, `H<sub>2</sub>O`, `â€™`, `\u00e9`, `=C3=A9`.

It does not read LaTeX (`latex` does), and leaves angle brackets that are no tags of HTML: `<think>`, `<i|j>`.
"""

from __future__ import annotations

import html
import re
import unicodedata

import ftfy

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_DEEPEST = 3  # times that a text was escaped
_ATTRIBUTES = (
    r"""(?:\s{1,9}[\w:-]{1,40}\s{0,9}=\s{0,9}(?:"[^"<>]{0,300}"|'[^'<>]{0,300}'|[^\s<>"']{1,300})){0,9}"""
)
_SCRIPT = re.compile(
    rf"<(?P<kind>su[bp]){_ATTRIBUTES}\s*>(?P<inner>[^<>]{{1,40}})</(?P=kind)>", re.IGNORECASE
)
_BLOCKS = r"p|br|div|h[1-6]|[uo]l|li|table|t[rdh]|hr|blockquote|(?:jats|mml):(?:p|title|sec)"
_INLINE = (
    r"i|b|em|strong|sub|sup|span|a|tt|code|u|font|small|big|mark|scp|sc|img|inline-formula"
    r"|tex-math|math|mi|mo|mn|mrow|msu[bp]|(?:jats|mml):\w+"
)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCKS}){_ATTRIBUTES}\s*/?>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}\s*/?>", re.IGNORECASE)
_CONTINUED = (
    "[\x80-\xbf\u0152-\u0178\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"  # 80 to BF, as Windows-1252 has it
)
_MISREAD = re.compile(f"[\xc2-\xdf\xe2\xe3]{_CONTINUED}|[\xe0-\xef]{_CONTINUED}{{2}}|\xf0{_CONTINUED}{{3}}")
_FIX = ftfy.TextFixerConfig(
    unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False,
    remove_terminal_escapes=False, remove_control_chars=False, normalization=None,
)  # fmt: skip
_ESCAPED = re.compile(r"\\u(?P<code>[0-9a-fA-F]{4})(?:\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2}))?")
_QUOTED_PRINTABLE = re.compile(r"(?:=[C-F][0-9A-F](?:=[89AB][0-9A-F]){1,3})+")
_UP = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_DOWN = str.maketrans("0123456789+-=()ijkmntx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ᵢⱼₖₘₙₜₓ")


def without_markup(text: str) -> str:
    """Return `text` without entities, tags and escapes, and with misread bytes read again."""
    for _ in range(_DEEPEST):
        if "&" not in text or (plain := _ENTITY.sub(lambda found: html.unescape(found[0]), text)) == text:
            break
        text = plain
    if "<" in text:
        text = _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", _SCRIPT.sub(_script, text)))
    if "\\u" in text:
        text = _ESCAPED.sub(_unescaped, text)
    if "=" in text:
        text = _QUOTED_PRINTABLE.sub(_decoded, text)
    return reread(text)


def reread(text: str) -> str:
    """Return `text` with UTF-8 read as such where it was read as Windows-1252 or Latin-1, also twice."""
    return text if text.isascii() or not _MISREAD.search(text) else ftfy.fix_text(text, _FIX)


def _script(found: re.Match[str]) -> str:
    inner = html.unescape(found["inner"]).strip().replace("−", "-")
    raised = found["kind"].lower() == "sup"
    mapped = inner.translate(_UP if raised else _DOWN)
    if inner.isascii() and mapped and not any(char.isascii() for char in mapped):
        return mapped
    if inner in ("th", "st", "nd", "rd", "TM", "®", "°", "o", "*", ""):
        return {"o": "°", "TM": "™"}.get(inner, inner)
    return (
        f"{'^' if raised else '_'}{inner}"
        if len(inner) == 1 or inner.isalnum()
        else f"{'^' if raised else '_'}({inner})"
    )


def _unescaped(found: re.Match[str]) -> str:
    code = int(found["code"], 16)
    if 0xD800 <= code < 0xDC00 and found["low"]:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(found["low"], 16) - 0xDC00)
    if code < 0xA0 or 0xD800 <= code < 0xE000 or unicodedata.category(chr(code)) == "Cn":
        return found[0]
    return chr(code) + (found[0][6:] if found["low"] else "")


def _decoded(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("=", "")).decode()
    except UnicodeDecodeError:
        return found[0]
