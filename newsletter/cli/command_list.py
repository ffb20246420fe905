"""The commands, as the front page shows them: panel, name, one line.

Holds no code of a command: `newsletter --help` must not load any.
"""

from __future__ import annotations

from dataclasses import dataclass

START = "Start here"
IN = "What comes in"
OUT = "What goes out"
PEOPLE = "People"
PROOF = "What happened, and why"
UPKEEP = "Upkeep"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the front page. The code is `app` in the module of that name, below newsletter.cli."""

    panel: str
    name: str
    summary: str  # also the first line of the command's own help: a test compares


COMMANDS = (
    Listed(START, "demo", "Watch it work: sample papers, three readers, a mail server."),
    Listed(START, "init", "Make the state directory: settings, keys, inbox, database."),
    Listed(IN, "ingest", "Take in dumps of paper listings; tell what is new."),
    Listed(IN, "dumps", "Look after the dumps that were taken in."),
    Listed(IN, "papers", "Look up papers; merge and split them."),
    Listed(IN, "topics", "See what belongs to which topic, and why."),
    Listed(
        OUT, "run", "Do all of it on one machine: watch the inbox, send what is due, serve the web pages."
    ),
    Listed(OUT, "schedule", "Do what is due from now on: take dumps from the inbox, publish, compose, send."),
    Listed(OUT, "editions", "Gather what is new into numbered editions."),
    Listed(OUT, "preview", "Show the very mail that a reader would get now."),
    Listed(OUT, "send", "Mail everybody what they are owed by now."),
    Listed(OUT, "deliveries", "Follow each mail: sent, waiting, refused."),
    Listed(PEOPLE, "serve", "Serve the web pages: sign-up, preferences, leaving."),
    Listed(PEOPLE, "subscribers", "Add, import, show and remove readers."),
    Listed(PROOF, "why", "Explain what a reader got on a day, or why nothing."),
    Listed(PROOF, "audit", "Prove that nobody got a paper twice or missed one."),
    Listed(PROOF, "stats", "Look at the numbers: papers, readers, mails; also as a page."),
    Listed(UPKEEP, "watch", "Look for what an admin must hear of, and tell them what is new."),
    Listed(
        UPKEEP, "doctor", "Look at everything that has to be right; say what is wrong and how to mend it."
    ),
    Listed(UPKEEP, "templates", "Check the templates of the mails, your own ones among them."),
    Listed(UPKEEP, "smtp", "Try the mail server without mailing anybody."),
    Listed(UPKEEP, "dkim", "Make keys that sign the mail, and show what DNS must say."),
    Listed(UPKEEP, "backup", "Copy everything into one file, while it runs."),
    Listed(UPKEEP, "restore", "Put a backup in place of an empty state directory."),
    Listed(UPKEEP, "migrate", "Bring the database up to this version."),
)
