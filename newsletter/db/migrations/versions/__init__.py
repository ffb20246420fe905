"""Holds one migration a file, named NNNN_subject.py; NNNN is the revision."""
