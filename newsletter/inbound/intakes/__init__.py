"""Brings what came back to the one door: a Maildir, a mailbox over IMAP, LMTP, and webhooks of providers.

It decides nothing and opens no database: its caller passes the door. What was not taken stays where it is.
"""
