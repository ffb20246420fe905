"""Joins mails: contents are read and prepared once, each mail is a join. Sends nothing, records nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from sqlalchemy import Engine

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail import Envelope
from newsletter.core.retry import Fate, Next
from newsletter.db.engine import reading
from newsletter.delivery.claims import Claimed
from newsletter.delivery.contents import Shelf
from newsletter.delivery.outbox import Result
from newsletter.pipeline.links import recipient_of
from newsletter.pipeline.outcomes import untried
from newsletter.pipeline.post import Post, Prepared

PREPARED = 64  # contents kept ready to be joined


class Envelopes:
    """Makes the envelopes of one run."""

    def __init__(self, engine: Engine, post: Post) -> None:
        self._engine = engine
        self._post = post
        self._shelf = Shelf()
        self._prepared: OrderedDict[int, Prepared] = OrderedDict()

    def assemble(self, mails: Sequence[Claimed]) -> tuple[list[Envelope], list[Result]]:
        """(envelopes, results of mails that cannot be joined). Raises what `prepare` does."""
        envelopes: list[Envelope] = []
        results: list[Result] = []
        self.prepare(mails)
        for mail in mails:
            try:
                envelopes.append(self.join(mail))
            except ConfigurationError:
                raise
            except Exception as error:  # one mail that cannot be joined must not hold up the others
                following = Next(fate=Fate.RETURNED, reason=f"cannot be assembled: {error}")
                results.append(untried(mail, str(error), following))
        return envelopes, results

    def prepare(self, mails: Iterable[Claimed]) -> None:
        """Have the contents of these mails ready. Raises StorageError, NotFoundError."""
        wanted = {mail.digest_id for mail in mails}
        missing = wanted.difference(self._prepared)
        if missing:
            with reading(self._engine) as connection:
                contents = self._shelf.contents(connection, sorted(missing))
            for digest_id, content in contents.items():
                self._prepared[digest_id] = self._post.builder.prepare(content)
        for digest_id in wanted:
            self._prepared.move_to_end(digest_id)
        while len(self._prepared) > PREPARED:
            self._prepared.popitem(last=False)

    def join(self, mail: Claimed) -> Envelope:
        """One mail, its content prepared before. Raises what a template or an address can get wrong."""
        return self._prepared[mail.digest_id].assemble(recipient_of(mail, self._post.links))
