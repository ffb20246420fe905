"""Tests of the ways by which messages come in."""
