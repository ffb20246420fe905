"""Texts as papers and people bring them, and as attackers do: generated, the same on every run."""

from __future__ import annotations

import random
import re
import unicodedata

SUBJECTS = 1_500

_WORDS = [
    "Graph",
    "Neural",
    "Networks",
    "für",
    "Schaltungen:",
    "état",
    "de",
    "l'art",
    "résumé",
    "über",
    "naïve",
    "Σύνθεση",
    "αναλογικών",
    "кванτовых",
    "вычислений",
    "нейроморфные",
    "схемы",
    "量子计算",
    "神经形态",
    "電路設計",
    "インタープリタビリティ",
    "해석가능성",
    "회로",
    "שלום",
    "मशीन",
    "العصبية",
    "𝔼[𝑥]",
    "∇·E=ρ/ε₀",
    "Schrödinger–Ångström",
    "O(n²)",
    "“quoted”",
    "‘n’",
    "—",
    "…",
    "naïve",
    "café",
    "crème",
    "Ł1",
    "β-VAE",
    "5G/6G",
    "40nm",
    "(ICs)",
    "A/B",
    "C++",
    "e.g.,",
    "i.e.;",
    "Qubit-wise",
    "<b>bold</b>",
    "a=b",
    "50%",
    "_under_",
    "?=",
    "=?",
    "x=?y",
    "<script>",
    "½",
    "№",
    "™",
    "ﬁne",
    "ＦＵＬＬ",
]
_EMOJI = ["😀", "👩‍🔬", "🇩🇪", "🧠", "⚡️", "👍🏽", "𝒳", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
_COMBINING = ["e\u0301", "n\u0303o", "Z\u0351\u036b\u0343a", "ก็", "नि", "a\u0328\u0301"]
_TRAPS = ["=?utf-8?q?x?=", "=?", "?=", '"', "\\", "(", ")", "<a@b.example>", ",", ";", ":", "@"]

INJECTIONS = (
    "x\r\nBcc: evil@example.org",
    "x\nBcc: evil@example.org",
    "x\rBcc: evil@example.org",
    "x\r\n\r\n<script>alert(1)</script>",
    "=?utf-8?q?a=0ABcc:_evil@example.org?=",
    "=?utf-8?b?YQ0KQmNjOiBldmlsQGV4YW1wbGUub3Jn?=",
    "=?utf-8?q?=0D=0ABcc:_evil@example.org?= =?utf-8?q?x?=",
    "x\x00\nBcc: evil@example.org",
    "x\x0bBcc: evil@example.org",
    "x\x0cBcc: evil@example.org",
    "x\x85Bcc: evil@example.org",
    "x\u2028Bcc: evil@example.org",
    "x\u2029Bcc: evil@example.org",
    "x\x1c\x1d\x1eBcc: evil@example.org",
    'x" <evil@example.org>\r\nBcc: evil@example.org',
    "x\ud800\udc0a\nBcc: evil@example.org",
    "x%0d%0aBcc: evil@example.org\u202e\r\n\tBcc: evil@example.org",
)


def odd_texts(count: int = SUBJECTS, *, seed: int = 2047, most: int = 24) -> list[str]:
    """`count` one-line texts, printable and without doubled spaces, nearly all with non-ASCII in them."""
    dice = random.Random(seed)
    found: list[str] = []
    while len(found) < count:
        kinds = (_WORDS, _WORDS, _WORDS, _WORDS, _EMOJI, _COMBINING, _TRAPS)
        words = [dice.choice(dice.choice(kinds)) for _ in range(dice.randint(1, most))]
        if dice.random() < 0.1:
            words.append(dice.choice(words) * dice.randint(20, 60))
        found.append(" ".join(words))
    return found


def is_decent(text: str) -> bool:
    """Whether a text holds no control character and no stray space."""
    return text == " ".join(text.split()) and not re.search(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text
    )


def same(one: str, other: str) -> bool:
    """Whether two texts are the same code points (not merely canonically equal)."""
    return one == other and unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
