"""Gathers what an admin should know, for every command that tells of it, and prints it in the same words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.cli import output
from newsletter.cli.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.core.notices import Notice


def gather(work: Workspace, *, now: datetime, reader: int | None = None) -> list[Notice]:
    """Editions that wait, who joined too late, held dumps, files of the inbox, papers that look alike.

    reader: as in `newsletter.pipeline.explain.notices.of_editions`.
    """
    from newsletter.db.engine import reading
    from newsletter.pipeline.explain import notices

    with reading(work.engine) as connection:
        of_editions = notices.of_editions(connection, now=now, reader=reader)
        of_rows = notices.of_dumps_and_papers(connection)
    return [*of_editions, *of_inbox(work), *of_rows]


def of_editions(work: Workspace, *, now: datetime) -> list[Notice]:
    """Editions that wait, and who joined too late."""
    from newsletter.db.engine import reading
    from newsletter.pipeline.explain import notices

    with reading(work.engine) as connection:
        return notices.of_editions(connection, now=now)


def of_newcomer(work: Workspace, address: str, *, now: datetime) -> list[Notice]:
    """What a reader does not get, because it came in before they joined."""
    from newsletter.db.engine import reading
    from newsletter.pipeline.explain import notices
    from subscribers import queries

    with reading(work.engine) as connection:
        person = queries.require(connection, address)
        return notices.of_newcomer(
            connection,
            reader=person.id,
            address=person.address,
            hold=timedelta(minutes=work.settings.hold),
            now=now,
        )


def of_inbox(work: Workspace) -> list[Notice]:
    """Files that lie in the inbox."""
    from newsletter.core.alarms import notice_of_file
    from newsletter.ops.alarms.stuck_files import find_stuck_files
    from newsletter.ops.state_dir import INBOX
    from newsletter.sources.inbox_files import REFUSED_FOLDER

    inbox = work.state_dir / INBOX
    return [
        notice_of_file(
            stuck, path=shlex.quote(str((inbox / REFUSED_FOLDER if stuck.is_refused else inbox) / stuck.file))
        )
        for stuck in find_stuck_files(inbox)
    ]


def print_notes(found: Sequence[Notice]) -> None:
    """Print them for people, on stderr."""
    for notice in found:
        output.note(notice.line)
