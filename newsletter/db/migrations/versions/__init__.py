"""One step a file, named NNNN_what.py; NNNN is the revision."""
