"""Calls the pipeline's steps at their times. Decides nothing: what is due is rows in the database."""
