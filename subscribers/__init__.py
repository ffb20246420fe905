"""Keeps subscribers: sign-up, consent, preferences, suppression, tokens, audience, rosters.

It imports nothing from `newsletter` and knows nothing about papers or messages. Others join the selects of
`subscribers.audience` and never name the tables.
"""
