"""Defines what the door for inbound mail is given. Reads no settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.pipeline.content.transactional import TransactionalRenderer


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundOptions:
    """What judging inbound mail needs."""

    secret_keys: Sequence[str]  # the newest first; a signature of any of them counts
    suppression_key: bytes
    renderer: TransactionalRenderer | None = None  # of the goodbye to who leaves by mail; None: no goodbye
