"""A self-hosted research-paper newsletter: from listing dumps to digests on the wire."""

__version__ = "0.1.0"
