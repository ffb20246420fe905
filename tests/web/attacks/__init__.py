"""Attacks on the web pages, by kind: each is refused, or does nothing that its sender may not do.

Connections are in `tests/cli/http/test_connections.py`, archives and links in
`tests/cli/commands/test_hostile_archives.py`, what reaches a terminal in `tests/cli/test_printable.py`.
"""
