"""Reads what mail providers post to the web pages: who signed it, whether it is new, and what it says."""
