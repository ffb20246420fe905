"""Decides from the outcomes so far whether to believe a relay's refusals, and when a relay or domain rests.

It counts one run only and stores nothing.
"""

from __future__ import annotations

from collections import Counter

from newsletter.core.mail.reply_verdict import About
from newsletter.core.mail.retry import Fate, NextStep, ShutScope, verdict_of
from newsletter.core.mail.values import Outcome, Verdict

PROBATION = 50  # outcomes of a relay that are judged together before an address is suppressed
ENOUGH_OUTCOMES = 20  # outcomes from which on a relay is called wrong
MAX_REFUSALS = 5  # refused recipients that even a relay that accepts little may name
MAX_POLICY_REFUSALS = 3  # policy refusals of one domain in a row; then it rests
EVERYBODY = 3  # domains that refuse alike while nobody accepts: then it is about us


class CircuitBreaker:
    """The counts of one run."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()  # by relay
        self._accepted: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()  # about the recipient
        self._in_a_row: Counter[str] = Counter()  # of these, since the last accepted mail
        self._policy: dict[str, int] = {}  # domain to policy refusals in a row
        self._policy_domains: dict[str, set[str]] = {}  # relay to the domains that refused because of us
        self.shut: dict[str, str] = {}  # domains to rest, with the server's words; the caller empties it
        self.wrong: dict[str, str] = {}  # relays whose refusals are not believed, with the reason
        self.refuses_all: dict[str, Outcome] = {}  # relays that refuse everybody because of us

    def on_probation(self, relay: str) -> bool:
        """Whether refusals of this relay do not count yet."""
        return self._seen[relay] < PROBATION or relay in self.wrong or not self._row_is_usual(relay)

    def is_credible(self, relay: str) -> bool:
        """Whether the refusals of a relay count at the end of its probation or of the run.

        It is believed when it accepted as many as it refused, in lists of 2 as in lists of 6,000. A relay
        that accepts nobody is never believed: a wrong relay and one dead address alone look the same.
        """
        if relay in self.wrong or not self._row_is_usual(relay):
            return False
        return self._accepted[relay] >= self._refused[relay]

    def refused_alone(self, relay: str, domain: str) -> bool:
        """Whether a policy refusal in this domain is one recipient's: the relay accepted others."""
        return self._accepted[relay] > 0 and self._policy.get(domain, 0) < MAX_POLICY_REFUSALS

    def note(self, outcome: Outcome, following: NextStep, *, domain: str) -> None:
        """Count one outcome."""
        if outcome.code is None:
            return
        relay = outcome.relay
        self._seen[relay] += 1
        if outcome.verdict is Verdict.ACCEPTED:
            self._accepted[relay] += 1
            self._in_a_row[relay] = 0
            self._policy.pop(domain, None)
        elif following.is_strike or following.fate is Fate.REFUSED:
            self._refused[relay] += 1
            self._in_a_row[relay] += 1
            self._look_for_wrong(relay, outcome)
        elif following.pause is ShutScope.DOMAIN:
            self._note_policy(relay, outcome, domain)

    def _note_policy(self, relay: str, outcome: Outcome, domain: str) -> None:
        self._policy[domain] = self._policy.get(domain, 0) + 1
        if self._policy[domain] == MAX_POLICY_REFUSALS:
            self.shut[domain] = " ".join(f"{outcome.code} {outcome.status or ''} {outcome.text}".split())
        if verdict_of(outcome).about is not About.US:
            return  # the message: the edition guard judges it
        domains = self._policy_domains.setdefault(relay, set())
        domains.add(domain)
        if len(domains) >= EVERYBODY and not self._accepted[relay]:
            self.refuses_all.setdefault(relay, outcome)

    def _look_for_wrong(self, relay: str, outcome: Outcome) -> None:
        refused, seen = self._refused[relay], self._seen[relay]
        little = self._accepted[relay] < refused and seen >= ENOUGH_OUTCOMES and refused > MAX_REFUSALS
        if little or not self._row_is_usual(relay, limit=ENOUGH_OUTCOMES):
            self.wrong.setdefault(
                relay,
                f"{refused} of {seen} mails were refused because of their recipients: "
                f"{outcome.code} {outcome.text}",
            )

    def _row_is_usual(self, relay: str, limit: int = 0) -> bool:
        """Whether so many refusals in a row can be chance; else the relay has changed its mind about us."""
        usual = max(MAX_REFUSALS, min(ENOUGH_OUTCOMES, self._accepted[relay] // 2))
        return self._in_a_row[relay] <= max(limit, usual)
