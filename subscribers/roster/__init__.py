"""Reads and writes rosters: lists of people as CSV files. Opens no transaction; the caller does.

`encoding`, `csv_records`, `columns`, `header` and `reader` turn bytes into rows. `formats` lists the exports
of other tools, `readings` what their words say; `consent_signs` finds columns that may say it and are not
understood. `other_tools` translates names and tags. `row_parser` reads the request of a row, `importer`
decides and stores it, `changes` describes it for a dry run. `exporter` writes the canonical file.
"""
