"""Builds signed mail: a builder around the builder, so that a signature is the last thing done to a mail.

Knows no kind of signature; `newsletter.delivery.message.dkim` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from newsletter.core.mail.values import Content, Envelope, Recipient
from newsletter.delivery.message.builder import MessageBuilder, PreparedMessage


class Signer(Protocol):
    """Vouches for finished mail."""

    def sign(self, mail: bytes) -> bytes:
        """The mail with its signature in front: CRLF, not dot-stuffed, the same bytes for the same mail."""


@dataclass(frozen=True, slots=True)
class SigningBuilder:
    """Builds the mails of one newsletter, signed."""

    builder: MessageBuilder
    signer: Signer

    def prepare(self, content: Content) -> SignedPrepared:
        """Do once what all mails with this content share."""
        return SignedPrepared(self.builder.prepare(content), self.signer)


@dataclass(frozen=True, slots=True)
class SignedPrepared:
    """A content that is ready to become many people's signed mail."""

    prepared: PreparedMessage
    signer: Signer

    def assemble(self, recipient: Recipient) -> Envelope:
        """One person's mail. Raises UnsendableAddressError for an address that SMTP cannot carry."""
        envelope = self.prepared.assemble(recipient)
        return replace(envelope, data=self.signer.sign(envelope.data))
