"""Shows pages and mail in a real browser and checks them, for all tests of HTML."""
