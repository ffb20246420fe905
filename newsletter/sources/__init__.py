"""One module per dump format: bytes in, listing out.

It stores nothing and decides no year; `newsletter.core.papers.dating` does.
"""
