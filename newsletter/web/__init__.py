"""The web pages: sign-up, preferences, leaving, digests to read. GET changes nothing; POST acts."""
