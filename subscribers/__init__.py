"""Who may be mailed: sign-up, consent, preferences, suppression, tokens, audience, rosters.

A package of its own. It imports nothing from `newsletter`, knows nothing about papers or mail, and
hands out selectables that others join without naming its tables.
"""
