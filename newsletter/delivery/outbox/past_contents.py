"""Reads what digests held whose rows are packed (docs/explanation/history.md). Changes nothing."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from newsletter.core.debts.packed_bytes import DamagedHistoryError
from newsletter.core.debts.packed_content import PastContent, unpack
from newsletter.core.errors import StorageError
from newsletter.db.schema import history_contents

IDS_PER_STATEMENT = 400  # far below any database's limit of parameters


def past_contents(connection: Connection, digest_ids: Collection[int]) -> dict[int, PastContent]:
    """The packed contents of these digests by digest id; a digest that is not packed has no key.

    Raises StorageError for a row that was changed.
    """
    found: dict[int, PastContent] = {}
    ids = sorted(digest_ids)
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        page = ids[start : start + IDS_PER_STATEMENT]
        chosen = select(history_contents.c.digest_id, history_contents.c.body)
        for row in connection.execute(chosen.where(history_contents.c.digest_id.in_(page))):
            try:
                found[row.digest_id] = unpack(row.body)
            except DamagedHistoryError as error:
                raise StorageError(
                    f"the packed content of digest {row.digest_id} is damaged: {error}",
                    hint="`newsletter history verify` tells more; restore a backup whose seals match.",
                ) from None
    return found
