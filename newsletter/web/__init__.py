"""Serves the web pages: sign-up, preferences, unsubscribing, digests. GET changes nothing; POST acts."""
