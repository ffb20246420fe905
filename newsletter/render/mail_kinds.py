"""Lists the kinds of transactional mail and the slots of each. A digest is none of them.

Each kind has a folder of templates (`email/<kind>/`). This module renders and queues nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.core.states import MailKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalKind:
    """One kind of transactional mail."""

    links: tuple[str, ...]  # slots `my.…` that it must print: a reader needs them to act
    extra_values: frozenset[str] = frozenset()  # names of further values that the caller hands in
    link_values: frozenset[str] = frozenset()  # the same, for its links only: no template prints them
    sentences: frozenset[str] = frozenset()  # names of values that have a default
    shows_papers: bool = False  # whether its templates are handed `papers`
    for_anybody: bool = False  # another person may have asked for it: it prints nothing that was typed

    @property
    def slots(self) -> frozenset[str]:
        """The slots `my.…` that its templates may print."""
        return self.extra_values.union(self.links, self.sentences)


TRANSACTIONAL_KINDS: dict[str, TransactionalKind] = {
    # confirm_url: confirms the address. preferences_url, unsubscribe_url: as in a digest. account_url: change
    # of address, export, erasure. undo_url: takes leaving back. topics: "Circuits and Quantum". first: "Your
    # first digest comes on Friday 17 April at 07:00 (Europe/Berlin), or …", a sentence. asked: a sentence
    # that says who asked for it. choice: the ref of what the sign-up asks for.
    MailKind.CONFIRM: TransactionalKind(
        links=("confirm_url",),
        link_values=frozenset({"choice"}),
        sentences=frozenset({"asked"}),
        for_anybody=True,
    ),
    MailKind.ALREADY: TransactionalKind(links=("preferences_url", "unsubscribe_url"), for_anybody=True),
    MailKind.WELCOME: TransactionalKind(
        links=("preferences_url", "unsubscribe_url"),
        extra_values=frozenset({"topics", "first"}),
        shows_papers=True,
    ),
    MailKind.GOODBYE: TransactionalKind(links=("undo_url",)),
    MailKind.NOTHING_NEW: TransactionalKind(links=("preferences_url", "unsubscribe_url")),
    # To an address that is not the reader's yet. of: the reader's ref.
    MailKind.ADDRESS: TransactionalKind(
        links=("confirm_url",), link_values=frozenset({"of"}), for_anybody=True
    ),
    MailKind.LINK: TransactionalKind(links=("preferences_url", "unsubscribe_url"), for_anybody=True),
    MailKind.ACCOUNT: TransactionalKind(links=("account_url",), for_anybody=True),
}
