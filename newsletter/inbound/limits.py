"""Says how much of a message that came back is read, so that none can cost much time or memory."""

from __future__ import annotations

MOST_BYTES = 1_000_000  # read of a message; what says why stands at its beginning
MOST_HEADER_BYTES = 200_000  # of one header; signatures and hops have 20,000
MOST_FIELDS = 1_000  # of one header
MOST_PARTS = 100  # of a message; a report has three, with alternatives and pictures eight
DEEPEST = 12  # lists of parts in one another
MOST_TEXT = 50_000  # characters of a text that are looked at
LONGEST_LINE = 2_000  # characters of a line of it
LONGEST_VALUE = 2_000  # characters of a header field
MOST_RECIPIENTS = 500  # of a report
LONGEST_ADDRESS = 320  # characters: 64, @ and 255 (RFC 5321, 4.5.3.1)
LONGEST_DIAGNOSTIC = 500  # characters that are kept
