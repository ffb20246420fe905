"""Reads dumps: one module for each format, bytes in, listing out.

It stores nothing and decides no year (`newsletter.core.papers.dating` does).
"""
