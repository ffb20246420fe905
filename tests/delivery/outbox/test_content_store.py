from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from newsletter.core.errors import NotFoundError
from newsletter.core.mail.values import Content
from newsletter.db.engine import reading, writing
from newsletter.db.schema import pieces
from newsletter.delivery.outbox.content_store import ContentCache, load_content, store_pieces
from tests.delivery.outbox.scenario import NOW, Outbox


def test_pieces_are_stored_once_and_keep_their_order(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    bodies = [f"piece {n % 700}".encode() for n in range(1500)]
    with writing(box.engine) as connection:
        ids = store_pieces(connection, bodies)
        assert store_pieces(connection, iter(bodies[:3])) == ids[:3]
        stored = {row.id: row.body for row in connection.execute(select(pieces.c.id, pieces.c.body))}
    assert [stored[id_] for id_ in ids] == bodies
    assert len(stored) == 700


def test_content_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    digest = box.digest(body=b"caf=C3=A9 \x00my.greeting\x00\r\n")
    with reading(box.engine) as connection:
        assert load_content(connection, digest) == Content(
            subject="Digest 1",
            date=NOW,
            html=(b"caf=C3=A9 \x00my.greeting\x00\r\n",),
            text=(b"caf=C3=A9 \x00my.greeting\x00\r\n",),
            values={},
        )
        with pytest.raises(NotFoundError, match="no such digest: 9"):
            load_content(connection, 9)


def test_cache_stays_within_its_size_and_right(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    digests = [box.digest(body=bytes([65 + n]) * 100) for n in range(5)]
    cache = ContentCache(size=250)
    with reading(box.engine) as connection:
        for _ in range(3):
            for n, digest in enumerate(digests):
                assert cache.contents(connection, [digest])[digest].html == (bytes([65 + n]) * 100,)
                assert cache._size == sum(map(len, cache._pieces.values())) <= 250
        assert connection.execute(select(func.count()).select_from(pieces)).scalar_one() == 5
