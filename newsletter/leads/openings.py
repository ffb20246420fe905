"""Finds the opening of a sentence that says nothing without the sentences before it.

"To address this gap, in this paper, we propose lamps." begins to speak at "we". A condition
("In dark rooms, …") is no such opening.
"""

from __future__ import annotations

import re

LEAST_LEFT = 40  # characters of a sentence after its opening
_MOST = 3  # openings in a row

_PATTERN = (
    # "In this technical report"
    r"(?:[Ii]n (?:this|our|the present|the current) (?:[\w-]+ )?(?:paper|work|study|report|article|survey|"
    r"letter|research|contribution|review|tutorial|thesis|way|context|direction|regard)"
    # "To address these critical gaps", "Building on this insight"
    r"|(?:[Tt]o|[Bb]uilding|[Dd]rawing|[Bb]ased|[Mm]otivated|[Ii]nspired|[Gg]uided|[Dd]riven|[Ii]nformed|"
    r"[Pp]rompted|[Ll]everaging|[Uu]sing|[Ff]rom|[Ii]n light|[Ii]n response|[Rr]ecogni[sz]ing|[Ff]ollowing|"
    r"[Ww]ith|[Tt]hrough|[Bb]eyond)(?: [\w-]+){0,4}? (?:this|these|such|those)"
    r"(?: (?!(?:with|without|in|for|of|on|under|from|by|at|that) )[\w-]+){0,3}"
    r"|[Tt]o (?:[a-z]+ly )?[a-z]+ (?:the|both) (?:[\w-]+ )?"
    r"(?:challenges?|limitations?|issues?|gaps?|problems?|bottlenecks?|shortcomings?)"
    r"|[Tt]o do so|[Ff]or this (?:purpose|reason)"
    # "Furthermore"
    r"|[Hh]owever|[Yy]et|(?:[Mm]ore )?[Ss]pecifically|[Ff]urther(?:more)?|[Mm]oreover|[Aa]dditionally|"
    r"[Ii]n (?:addition|particular|response|summary|conclusion|contrast)|[Ff]inally|[Ff]irst(?:ly)?|"
    r"[Ss]econd(?:ly)?|[Tt]hird(?:ly)?|[Tt]hen|[Nn]ext|[Tt]herefore|[Tt]hus|[Hh]ence|[Cc]onsequently|"
    r"[Aa]ccordingly|[Hh]ere(?:in)?|[Cc]oncretely|[Nn]otably|(?:[Mm]ore )?[Ii]mportantly|[Cc]rucially|"
    r"[Oo]verall|[Bb]esides|[Aa]lso|[Ii]nstead|[Ss]ubsequently|[Uu]ltimately|[Aa]s a result|[Mm]eanwhile|"
    r"[Cc]onversely|[Ss]imilarly|[Ii]ndeed|[Ll]astly|[Nn]evertheless|[Nn]onetheless|[Ii]nterestingly|"
    r"[Ss]urprisingly|[Cc]ollectively|[Tt]ogether)"
    r"(?:,\s+|\s+(?=we\s))"
)
_OPENING = re.compile(_PATTERN.replace(" ", r"\s"))  # a line may end between two words


def begin_after_opening(text: str, begin: int, end: int) -> int:
    """Where the sentence text[begin:end] begins to speak; `begin` where it has no empty opening."""
    for _ in range(_MOST):
        found = _OPENING.match(text, begin, end)
        if found is None or end - found.end() < LEAST_LEFT:
            break
        begin = found.end()
    return begin
