"""Searches stored papers and editions: `parse_query` reads what was typed, `search` answers it."""

from newsletter.papers.search.query import SearchQuery, parse_query
from newsletter.papers.search.results import EditionHit, PaperHit, SearchPage, Snippet
from newsletter.papers.search.search import search

__all__ = ["EditionHit", "PaperHit", "SearchPage", "SearchQuery", "Snippet", "parse_query", "search"]
