"""Checks for `newsletter doctor`: each returns a finding and how to correct it.

Corrects nothing, and reads no settings: the command line passes their values.
"""
