"""Decides whether a line is text, or misread bytes, markup or noise. It knows no format and reads one line.

A line that passes may still be nonsense; a refused line cannot be a title or part of an abstract.
"""

from __future__ import annotations

import re
import unicodedata

BAD_SHARE = 0.1  # of a line's characters that are replacement, control, private or unassigned
WORDS_SHARE = 0.5  # of a line's characters that are in words or numbers; at least 0.8 in the real dumps
ODD_SHARE = 0.3  # of a line's letters that are of scripts in which no papers are titled
ODD_SCRIPTS = 3  # so many of them in one line are noise; a title may be about one of them
SHORTEST_JUDGED = 12  # characters; a shorter line has too few words to be judged by them
_BAD = frozenset({"Cc", "Co", "Cn", "Cs"})
_WORD = re.compile(r"(?<![^\s(\[{“\"'/—–-])[^\W_]+(?:[-'’./][^\W_]+)*(?![^\s)\]}”\"'’.,:;!?/—–-])")
_MARKUP = re.compile(r"</?[A-Za-z!][^>]*>.*>|</?[A-Za-z!][^<>]*>")
_COMMON = frozenset(
    {"LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "HEBREW", "DEVANAGARI"}
    | {"BENGALI", "THAI", "TAMIL"}
)
_MATHS = ("MATHEMATICAL", "MODIFIER", "SUPERSCRIPT", "SUBSCRIPT", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER")


def unreadable(text: str) -> str | None:
    """Why a line (stripped, not blank) is no text; None when it may be text."""
    if not any(char.isalnum() for char in text):
        return "no letter in it"
    if _MARKUP.fullmatch(text):
        return "markup"
    if not text.isascii():
        bad = sum(char == "\ufffd" or unicodedata.category(char) in _BAD for char in text)
        if bad > BAD_SHARE * len(text):
            return "characters that cannot be read"
        if _of_odd_scripts(text):
            return "letters of many scripts"
    elif any(char < " " for char in text):
        return "characters that cannot be read"
    if len(text) >= SHORTEST_JUDGED:
        words = sum(len(word) for word in _WORD.findall(text))
        if words < WORDS_SHARE * sum(not char.isspace() for char in text):
            return "hardly a word in it"
    return None


def _of_odd_scripts(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    odd: list[str] = []
    for char in letters:
        script = unicodedata.name(char, "UNNAMED").split()[0]
        if script not in _COMMON and not script.startswith(_MATHS):
            odd.append(script)
    return len(set(odd)) >= ODD_SCRIPTS and len(odd) > ODD_SHARE * len(letters)
