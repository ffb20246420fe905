"""Pages and mails in a real browser and before real checkers: for the tests of whatever makes HTML."""
