"""Lists the commands for `newsletter --help`: panel, name, one line.

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
class CommandEntry:
    """One command. Its code is `app` in the module of that name in newsletter.cli.commands."""

    panel: str
    name: str
    summary: str  # equals the first line of the command's own help


COMMANDS = (
    CommandEntry(START, "demo", "Watch it work: sample papers, three readers, a mail server."),
    CommandEntry(START, "init", "Make the state directory: settings, keys, inbox, database."),
    CommandEntry(
        START, "samples", "Copy the sample listings of five days to a folder, to try `ingest` with."
    ),
    CommandEntry(IN, "ingest", "Take in dumps of paper listings; tell what is new."),
    CommandEntry(IN, "sources", "Fetch listings by themselves; see which source is quiet, stale or failing."),
    CommandEntry(IN, "dumps", "Look after the dumps that were taken in."),
    CommandEntry(IN, "papers", "Look up papers; merge and split them."),
    CommandEntry(IN, "topics", "See what belongs to which topic, and why."),
    CommandEntry(
        OUT, "run", "Do all of it on one machine: watch the inbox, send what is due, serve the web pages."
    ),
    CommandEntry(
        OUT, "schedule", "Do what is due from now on: take dumps from the inbox, publish, compose, send."
    ),
    CommandEntry(OUT, "worker", "Work with other machines on one PostgreSQL database, each a worker."),
    CommandEntry(OUT, "editions", "Gather what is new into numbered editions."),
    CommandEntry(OUT, "preview", "Show the very mail that a reader would get now."),
    CommandEntry(OUT, "send", "Mail everybody what they are owed by now."),
    CommandEntry(OUT, "deliveries", "Follow each mail: sent, waiting, refused."),
    CommandEntry(OUT, "bounces", "Read and act on what comes back: bounces, complaints, replies."),
    CommandEntry(OUT, "archive", "Write the public archive as files."),
    CommandEntry(PEOPLE, "serve", "Serve the web pages: sign-up, preferences, leaving."),
    CommandEntry(PEOPLE, "subscribers", "Add, import, show and remove readers."),
    CommandEntry(PROOF, "why", "Explain what a reader got on a day, or why nothing."),
    CommandEntry(PROOF, "audit", "Prove that nobody got a paper twice or missed one."),
    CommandEntry(PROOF, "history", "Pack old mail month by month, and check the seals of packed months."),
    CommandEntry(PROOF, "stats", "Look at the numbers: papers, readers, mails; also as a page."),
    CommandEntry(UPKEEP, "watch", "Look for what an admin must hear of, and tell them what is new."),
    CommandEntry(
        UPKEEP, "doctor", "Look at everything that has to be right; say what is wrong and how to mend it."
    ),
    CommandEntry(UPKEEP, "templates", "Check the templates of the mails, your own ones among them."),
    CommandEntry(UPKEEP, "smtp", "Try the mail server without mailing anybody."),
    CommandEntry(UPKEEP, "dkim", "Make keys that sign the mail, and show what DNS must say."),
    CommandEntry(UPKEEP, "keys", "Change the secret key that signs links, and look after earlier ones."),
    CommandEntry(UPKEEP, "backup", "Copy everything into one file, while it runs."),
    CommandEntry(UPKEEP, "restore", "Put a backup in place of an empty state directory."),
    CommandEntry(UPKEEP, "migrate", "Bring the database up to this version, or move it to another database."),
)
