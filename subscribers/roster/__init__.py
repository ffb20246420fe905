"""Rosters: lists of people as CSV files, read from any spreadsheet's hand and written in one canonical form.

`reading` knows bytes and columns, `taking` what becomes of each row, `writing` the canonical file. None of
them opens a transaction: whoever calls decides how many rows go into one.
"""
