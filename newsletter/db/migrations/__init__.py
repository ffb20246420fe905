"""Holds the migrations, one file each in `versions`; `newsletter.db.migrate` runs them."""
