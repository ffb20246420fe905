"""Fills the tables with rows in the shape of a year: 200 readers got a digest on each of 365 days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, text

from newsletter.db.schema import dumps, editions, runs
from subscribers.tables import ConsentEvent, Subscriber, Subscription

READERS = 200
DAYS = 365
PAPERS = 20  # a day
GROUPS = 5  # distinct digests a day
JOINED = datetime(2025, 4, 1, 12, tzinfo=UTC)
LAST = date(2026, 4, 12)

# Cross joins of what is there; the same on both databases.
PAPERS_OF = f"""
WITH RECURSIVE place(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < {PAPERS})
"""
ID = f"(dumps.id - 1) * {PAPERS} + place.n"
DIGEST = f"(editions.number - 1) * {GROUPS} + grp.n"
GROUP = f"WITH RECURSIVE grp(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM grp WHERE n < {GROUPS})"
FROM_PAPERS = "FROM papers JOIN editions ON editions.number = papers.edition"
STATEMENTS = (
    # {papers} etc. come first: SQLite takes WITH before SELECT in an INSERT, and so does PostgreSQL
    f"""INSERT INTO papers (id, title, abstract, first_listed_on, first_dump_id, first_position, backfill,
        ingested_at, edition, revision)
    {PAPERS_OF} SELECT {ID}, 'Paper ' || ({ID}), 'Abstract ' || ({ID}), dumps.listed_on, dumps.id, place.n,
        {{false}}, dumps.ingested_at, dumps.id, 1 FROM dumps CROSS JOIN place WHERE {{true}}""",
    """INSERT INTO listed_entries (dump_id, position, paper_id, line, title)
    SELECT first_dump_id, first_position, id, 1, title FROM papers""",
    """INSERT INTO paper_revisions (paper_id, number, title, abstract, dump_id, recorded_at)
    SELECT id, 1, title, abstract, first_dump_id, ingested_at FROM papers""",
    "INSERT INTO paper_keys (scheme, key, paper_id) SELECT 'title', 'paper' || id, id FROM papers",
    "INSERT INTO paper_bands (band, paper_id) SELECT id * 7919, id FROM papers",
    "INSERT INTO paper_bands (band, paper_id) SELECT id * 104729 + 1, id FROM papers",
    f"""INSERT INTO edition_papers (edition, paper_id, topic, score, place)
    SELECT edition, papers.id, 'everything', 0, first_position {FROM_PAPERS}""",
    f"""INSERT INTO edition_papers (edition, paper_id, topic, score, place)
    SELECT edition, papers.id, 'circuits', 0.9, first_position {FROM_PAPERS} WHERE papers.id % 4 = 0""",
    f"""INSERT INTO edition_maybes (edition, paper_id, topic, score)
    SELECT edition, papers.id, 'quantum', 0.3 {FROM_PAPERS} WHERE papers.id % 9 = 0""",
    """INSERT INTO paper_topics (paper_id, topic, score, strength, evidence, "by")
    SELECT id, 'circuits', 0.9, 'strong', '[]', 'rules' FROM papers WHERE id % 4 = 0""",
    f"""INSERT INTO digests (id, key, kind, edition, date, composed_at, subject, parts, "values",
        has_left_out)
    {GROUP} SELECT {DIGEST}, 'key ' || ({DIGEST}), 'digest', editions.number, editions.date,
        editions.ready_at, 'Papers', '{{{{}}}}', '{{{{}}}}', {{false}}
    FROM editions CROSS JOIN grp WHERE {{true}}""",
    """INSERT INTO digest_papers (digest_id, position, paper_id, topic, also_in, form, role, edition)
    SELECT digests.id, papers.first_position, papers.id, 'everything', '[]', 'full', 'news', papers.edition
    FROM digests JOIN papers ON papers.edition = digests.edition""",
    """INSERT INTO digest_maybes (digest_id, position, paper_id, topic)
    SELECT digests.id, 1, papers.id, 'quantum'
    FROM digests JOIN papers ON papers.edition = digests.edition WHERE papers.first_position = 9""",
    f"""INSERT INTO deliveries (subscriber_id, kind, key, digest_id, state, stamp, slot_at, composed_at,
        next_attempt_at, expires_at, finished_at, attempts, relay, reply_code, reply_status, reply_text)
    SELECT subscribers.id, 'digest', cast(editions.date AS varchar),
        (editions.number - 1) * {GROUPS} + subscribers.id % {GROUPS} + 1, 'sent', 1, editions.ready_at,
        editions.ready_at, editions.ready_at, editions.ready_at, editions.ready_at, 1, '127.0.0.1:25', 250,
        '2.0.0', 'OK' FROM editions CROSS JOIN subscribers ORDER BY editions.number, subscribers.id""",
    """INSERT INTO inbound_messages (id, sha256, source, recipient, received_at, size, kind, form, feedback,
        done, why)
    SELECT id, 'sha ' || id, 'file', '', composed_at, 1, 'bounce', '', '', 'noted', '' FROM deliveries
    WHERE id % 20 = 0""",
    """INSERT INTO inbound_recipients (message_id, subscriber_id, delivery_id, kind, status, reason,
        diagnostic, domain, address_hash, found_by, done, why)
    SELECT id, 1, id, 'bounce', '', '', '', '', '', 'return path', 'noted', '' FROM inbound_messages""",
    """INSERT INTO reader_debts (subscriber_id, paper_id, topic, kind, made_at, from_delivery_id, carried_by,
        ended, ended_at)
    SELECT subscriber_id, digest_id, 'everything', 'returned', composed_at, id, id + 200, 'given', composed_at
    FROM deliveries WHERE id % 5 = 0 AND id < 72000""",
)


def fill_with_a_year(connection: Connection) -> None:
    """Fill an empty database, and let it count what its tables hold."""
    people = range(1, READERS + 1)
    person = {"state": "confirmed", "created_at": JOINED, "confirmed_at": JOINED, "cadence_since": JOINED}
    until = datetime(LAST.year, LAST.month, LAST.day, 7, tzinfo=UTC)
    table: Any = Subscriber.__table__  # type: ignore[attr-defined]
    connection.execute(
        insert(table),
        [
            {
                "ref": f"ref{n}",
                "leave_id": f"leave{n}",
                "address": f"reader{n}@readers.example",
                "address_key": f"reader{n}@readers.example",
                "slots_done_to": until,
                **person,
            }
            for n in people
        ],
    )
    table = Subscription.__table__  # type: ignore[attr-defined]
    topics = ("everything", "circuits", "interpretability")
    connection.execute(
        insert(table), [{"subscriber_id": n, "topic": topics[n % 3], "since": JOINED} for n in people]
    )
    table = ConsentEvent.__table__  # type: ignore[attr-defined]
    consent = {"at": JOINED, "what": "confirmed", "how": "admin", "topics": [], "detail": {}}
    connection.execute(insert(table), [{"subscriber_id": n, **consent} for n in people for _ in range(5)])
    days = [LAST - timedelta(days=DAYS - n) for n in range(1, DAYS + 1)]
    at = [datetime(day.year, day.month, day.day, 5, tzinfo=UTC) for day in days]
    connection.execute(
        insert(dumps),
        [
            {
                "sha256": f"sha {n}",
                "file": f"{day}.txt",
                "size": 1,
                "status": "ingested",
                "listed_on": day,
                "received_at": at[n],
                "ingested_at": at[n],
                "backfill": False,
            }
            for n, day in enumerate(days)
        ],
    )
    connection.execute(
        insert(editions),
        [{"date": day, "published_at": at[n], "ready_at": at[n]} for n, day in enumerate(days)],
    )
    connection.execute(
        insert(runs),
        [
            {"verb": verb, "at": one, "done": READERS}
            for one in at
            for verb in ("publish", "compose", "deliver")
            for _ in range(10)
        ],
    )
    on_sqlite = connection.dialect.name == "sqlite"
    words = {"false": "0", "true": "1"} if on_sqlite else {"false": "false", "true": "true"}
    for statement in STATEMENTS:
        connection.execute(text(statement.format(**words)))
    if not on_sqlite:
        for name in ("papers", "digests", "inbound_messages"):  # their ids were given
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
            )
    connection.exec_driver_sql("ANALYZE")
