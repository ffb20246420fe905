"""Reads and writes rosters: lists of people as CSV files. Opens no transaction; the caller does.

`encoding`, `csv_records`, `columns` and `reader` turn bytes into rows. `other_tools` translates the words of
other programs. `row_parser` reads the request of a row, `importer` decides and stores it, `changes` describes
it for a dry run. `exporter` writes the canonical file.
"""
