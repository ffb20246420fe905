"""IMAP servers of the tests: a real Dovecot, and one that says what it is told."""
