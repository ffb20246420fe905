"""When to stop a run, or to spare a domain: judged from the outcomes as they come.

It keeps counts of one run only and writes nothing down.
"""

from __future__ import annotations

from newsletter.core.errors import NewsletterError
from newsletter.core.mail import Outcome, Verdict
from newsletter.core.retry import Fate, Next, Pause

PROBATION = 50  # outcomes at the start of a run that are judged together before anybody is blamed
TOO_MANY = PROBATION // 10  # more hard refusals among them than this: the relay is wrong, not the people
SHUT_AFTER = 3  # policy refusals of one domain in a row: it is given a rest


class Brakes:
    """The counts of one run."""

    def __init__(self) -> None:
        self._seen = 0
        self._hard = 0
        self._refusals: dict[str, int] = {}  # domain to policy refusals in a row
        self.shut: dict[str, str] = {}  # domains to rest, with the server's words; the caller takes them
        self.error: NewsletterError | None = None  # why the run must stop

    @property
    def on_probation(self) -> bool:
        """Whether a hard refusal must not yet be believed."""
        return self._seen < PROBATION or self.error is not None

    def note(self, outcome: Outcome, following: Next, *, domain: str) -> None:
        """Count one outcome."""
        if self._seen < PROBATION and outcome.code is not None:
            self._seen += 1
            self._hard += following.fate is Fate.REFUSED
            if self._hard > TOO_MANY:
                self.error = NewsletterError(
                    f"{self._hard} of the first {self._seen} mails were refused as unknown addresses: "
                    f"{outcome.code} {outcome.text}",
                    hint="That looks like a misconfigured mail server, so sending has stopped and nobody was "
                    "suppressed. Look at `newsletter deliveries list --state deferred`, then send again.",
                )
        if outcome.verdict is Verdict.ACCEPTED:
            if self._refusals:
                self._refusals.pop(domain, None)
        elif following.pause is Pause.DOMAIN:
            self._refusals[domain] = self._refusals.get(domain, 0) + 1
            if self._refusals[domain] == SHUT_AFTER:
                self.shut[domain] = f"{outcome.code} {outcome.status or ''} {outcome.text}".replace("  ", " ")


def domain_of(address: str) -> str:
    """The part behind the last @, in lower case."""
    return address.rpartition("@")[2].lower()
