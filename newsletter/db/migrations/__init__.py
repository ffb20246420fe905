"""The history of the tables: one file a step in `versions`, run by `newsletter.db.migrate`."""
