"""When to stop using a relay, or to spare a domain: judged from the outcomes as they come.

It keeps counts of one run only and writes nothing down.
"""

from __future__ import annotations

from collections import Counter

from newsletter.core.mail.retry import Fate, NextStep, ShutScope
from newsletter.core.mail.values import Outcome, Verdict

PROBATION = 50  # outcomes of a relay that are judged together before anybody is blamed
TOO_MANY = PROBATION // 10  # more hard refusals among them than this: the relay is wrong, not the people
SHUT_AFTER = 3  # policy refusals of one domain in a row: it is given a rest


class CircuitBreaker:
    """The counts of one run.

    several: there are other relays. Then one that refused most of the few mails it was given is not believed
    either: the others were.
    """

    def __init__(self, *, several: bool = False) -> None:
        self._several = several
        self._seen: Counter[str] = Counter()  # by relay, while on probation
        self._hard: Counter[str] = Counter()
        self._refusals: dict[str, int] = {}  # domain to policy refusals in a row
        self.shut: dict[str, str] = {}  # domains to rest, with the server's words; the caller takes them
        self.wrong: dict[str, str] = {}  # relays that must not be used on, with words

    def on_probation(self, relay: str) -> bool:
        """Whether a hard refusal of this relay must not yet be believed."""
        return self._seen[relay] < PROBATION or relay in self.wrong

    def believed_at_last(self, relay: str) -> bool:
        """Whether its refusals count at the end of a run that was too short to judge it."""
        most = self._several and 2 * self._hard[relay] > self._seen[relay]
        return relay not in self.wrong and not (most and self._seen[relay] < PROBATION)

    def note(self, outcome: Outcome, following: NextStep, *, domain: str) -> None:
        """Count one outcome."""
        relay = outcome.relay
        if outcome.code is not None and self._seen[relay] < PROBATION:
            self._seen[relay] += 1
            self._hard[relay] += following.fate is Fate.REFUSED
            if self._hard[relay] > TOO_MANY:
                self.wrong[relay] = (
                    f"{self._hard[relay]} of its first {self._seen[relay]} mails were refused as unknown "
                    f"addresses: {outcome.code} {outcome.text}"
                )
        if outcome.verdict is Verdict.ACCEPTED:
            if self._refusals:
                self._refusals.pop(domain, None)
        elif following.pause is ShutScope.DOMAIN:
            self._refusals[domain] = self._refusals.get(domain, 0) + 1
            if self._refusals[domain] == SHUT_AFTER:
                self.shut[domain] = f"{outcome.code} {outcome.status or ''} {outcome.text}".replace("  ", " ")
