"""Fetches dumps: one module for each kind of source. It reads no listing and stores nothing."""
