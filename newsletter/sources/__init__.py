"""One module per dump format: bytes in, listing out.

It stores nothing and decides no year; `newsletter.core.papers.dating` does.
"""

from newsletter.sources.decoding import MAX_SIZE, check_size
from newsletter.sources.registry import formats, read_listing

__all__ = ["MAX_SIZE", "check_size", "formats", "read_listing"]
