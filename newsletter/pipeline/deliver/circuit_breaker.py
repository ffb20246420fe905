"""Decides when a run stops using a relay or pauses a domain, from the outcomes so far.

It counts one run only and stores nothing.
"""

from __future__ import annotations

from collections import Counter

from newsletter.core.mail.retry import Fate, NextStep, ShutScope
from newsletter.core.mail.values import Outcome, Verdict

PROBATION = 50  # outcomes of a relay that are judged together before an address is suppressed
MAX_HARD_REFUSALS = (
    PROBATION // 10
)  # more hard refusals among them than this: the relay is wrong, not the people
MAX_POLICY_REFUSALS = 3  # policy refusals of one domain in a row; then it is paused


class CircuitBreaker:
    """The counts of one run.

    several: there are other relays. Then a relay that refused most of its few messages is not believed: the
    others accepted theirs.
    """

    def __init__(self, *, several: bool = False) -> None:
        self._several = several
        self._seen: Counter[str] = Counter()  # by relay, while on probation
        self._hard: Counter[str] = Counter()
        self._refusals: dict[str, int] = {}  # domain to policy refusals in a row
        self.shut: dict[str, str] = {}  # domains to pause, with the server's words; the caller empties it
        self.wrong: dict[str, str] = {}  # relays that must not be used any more, with the reason

    def on_probation(self, relay: str) -> bool:
        """Whether hard refusals of this relay do not count yet."""
        return self._seen[relay] < PROBATION or relay in self.wrong

    def is_credible_at_end(self, relay: str) -> bool:
        """Whether a relay's refusals count at the end of a run that was too short to judge it."""
        most = self._several and 2 * self._hard[relay] > self._seen[relay]
        return relay not in self.wrong and not (most and self._seen[relay] < PROBATION)

    def note(self, outcome: Outcome, following: NextStep, *, domain: str) -> None:
        """Count one outcome."""
        relay = outcome.relay
        if outcome.code is not None and self._seen[relay] < PROBATION:
            self._seen[relay] += 1
            self._hard[relay] += following.fate is Fate.REFUSED
            if self._hard[relay] > MAX_HARD_REFUSALS:
                self.wrong[relay] = (
                    f"{self._hard[relay]} of its first {self._seen[relay]} mails were refused as unknown "
                    f"addresses: {outcome.code} {outcome.text}"
                )
        if outcome.verdict is Verdict.ACCEPTED:
            if self._refusals:
                self._refusals.pop(domain, None)
        elif following.pause is ShutScope.DOMAIN:
            self._refusals[domain] = self._refusals.get(domain, 0) + 1
            if self._refusals[domain] == MAX_POLICY_REFUSALS:
                self.shut[domain] = f"{outcome.code} {outcome.status or ''} {outcome.text}".replace("  ", " ")
