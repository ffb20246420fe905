"""Makes envelopes: contents are read and prepared once, then joined for each message.

It sends nothing and records nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Engine

from newsletter.core.errors import ConfigurationError, NewsletterError, StorageError
from newsletter.core.mail.retry import Fate, NextStep
from newsletter.core.mail.values import Content, Envelope, Prepared
from newsletter.db.engine import reading
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.content_store import ContentCache
from newsletter.delivery.outbox.handover import AttemptResult
from newsletter.pipeline.content.personalization import recipient_of
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.outcomes import untried

MAX_PREPARED = 64  # prepared contents kept, the least recently used make room

log = logging.getLogger("newsletter.delivery")


class Envelopes:
    """Makes the envelopes of one run."""

    def __init__(self, engine: Engine, options: DeliveryOptions) -> None:
        self._engine = engine
        self._options = options
        self._cache = ContentCache()
        self._prepared: OrderedDict[int, Prepared] = OrderedDict()
        self._unreadable: dict[int, str] = {}  # digests that cannot be read or prepared, with the reason

    def assemble(self, mails: Sequence[ClaimedMail]) -> tuple[list[Envelope], list[AttemptResult]]:
        """(envelopes, results of messages that cannot be joined). Raises what `prepare` does."""
        envelopes: list[Envelope] = []
        results: list[AttemptResult] = []
        self.prepare(mails)
        for mail in mails:
            words = self._unreadable.get(mail.digest_id)
            if words is None:
                try:
                    envelopes.append(self.join(mail))
                    continue
                except ConfigurationError:
                    raise
                except Exception as error:  # one message that cannot be joined must not stop the others
                    words = str(error)
            following = NextStep(fate=Fate.RETURNED, reason=f"cannot be assembled: {words}")
            results.append(untried(mail, words, following))
        return envelopes, results

    def prepare(self, mails: Iterable[ClaimedMail]) -> None:
        """Prepare the contents of these messages, except damaged ones. Raises StorageError."""
        wanted = {mail.digest_id for mail in mails}.difference(self._unreadable)
        missing = wanted.difference(self._prepared)
        for digest_id, content in self._contents(sorted(missing)).items():
            try:
                self._prepared[digest_id] = self._options.builder.prepare(content)
            except ConfigurationError:
                raise
            except Exception as error:  # as above
                self._set_aside(digest_id, error)
        for digest_id in wanted.difference(self._unreadable):
            self._prepared.move_to_end(digest_id)
        while len(self._prepared) > MAX_PREPARED:
            self._prepared.popitem(last=False)

    def join(self, mail: ClaimedMail) -> Envelope:
        """One message, whose content is prepared. Raises the errors of templates and addresses."""
        return self._prepared[mail.digest_id].assemble(recipient_of(mail, self._options.links))

    def _contents(self, digest_ids: Sequence[int]) -> Mapping[int, Content]:
        """The contents that can be read: in one query, or one by one if that fails."""
        if not digest_ids:
            return {}
        try:
            with reading(self._engine) as connection:
                return self._cache.contents(connection, digest_ids)
        except (StorageError, ConfigurationError):  # it concerns every content
            raise
        except Exception as error:  # damaged rows, or rows written by hand
            if len(digest_ids) == 1:
                self._set_aside(digest_ids[0], error)
                return {}
        found: dict[int, Content] = {}
        for digest_id in digest_ids:
            found |= self._contents([digest_id])
        return found

    def _set_aside(self, digest_id: int, error: Exception) -> None:
        words = error.message if isinstance(error, NewsletterError) else f"{type(error).__name__}: {error}"
        self._unreadable[digest_id] = f"its content is damaged ({words})"
        log.error("digest=%d cannot be read, its mails are set aside: %s", digest_id, words)
