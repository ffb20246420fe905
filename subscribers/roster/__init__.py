"""Rosters: lists of people as CSV files, read from any spreadsheet's hand and written in one canonical form.

`decoding`, `records`, `columns` and `reading` know bytes, lines and columns; `foreign` the words of other
programs; `wanting` what a row asks for; `taking` what becomes of it, `difference` how that is told; `writing`
the canonical file. None of them opens a transaction: whoever calls decides how many rows go into one.
"""
