"""The HTTP server of `newsletter serve` and `run`, and how it bounds its connections."""
