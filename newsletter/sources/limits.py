"""Says how much a listing can hold, and refuses a file that holds more before it costs time.

docs/reference/listing-limits.md lists the limits.
"""

from __future__ import annotations

from newsletter.core.errors import DumpRefusedError

MOST_PAPERS = 20_000  # a day of arXiv has 3,000, an answer of its API at most 2,000
MOST_ROWS = 100_000  # lines with text of a page saved as text
MOST_OBJECTS = 200_000  # of JSON, or fields of BibTeX; 20 MB of the answers of any year have 66,000
MOST_VALUES = 500_000  # of JSON, or cells of a table; 20 MB of such answers have 360,000
MOST_BRACES = 400_000  # of BibTeX; 20 MB of entries with abstracts have 250,000
MOST_TAGS = 1_000_000  # of XML or HTML; 20 MB of arXiv's feeds have 750,000
MOST_ATTRIBUTES = 500  # of a tag
MOST_PROPS = 1_000  # elements of a page with JSON in an attribute; a real one has 20
MOST_COLUMNS = 1_000  # of a table, or fields of a record
MOST_LINES = 20_000  # of a record of RIS
MOST_AUTHORS = 10_000  # of a paper; the longest lists at CERN have some 5,000
LONGEST_TITLE = 2_000  # characters, with its markup
LONGEST_TEXT = 20_000  # characters of an abstract; arXiv takes 1,920
LONGEST_NAME = 1_000  # characters of an author
LONGEST_LINK = 2_000  # characters
SPLIT = "Split the file into several, and bring each in."


def check_number(number: int, what: str, *, most: int = MOST_PAPERS, name: str) -> None:
    """Raise DumpRefusedError when the file of this name holds more than `most` of `what`."""
    if number > most:
        raise DumpRefusedError(
            f"the file has {number:,} {what}, and a listing has at most {most:,}", hint=SPLIT, file=name
        )
