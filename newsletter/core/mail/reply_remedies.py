"""Says what an admin does about a relay that refuses us, by the reason of its reply."""

from __future__ import annotations

from newsletter.core.mail.reply_verdict import Reason

_CHECK = "then run `newsletter smtp check`"  # it ends the rest of a relay that is ready

_REMEDIES = {
    Reason.SENDER: "Set smtp.return_path, and sender where the server means From, to an address that this "
    f"login may send as; {_CHECK}.",
    Reason.LOGIN: f"Check smtp.username and the password, and that the server relays for you; {_CHECK}.",
    Reason.QUOTA: "A quota opens by itself: the mail goes on then. smtp.limit keeps below it. If the account "
    f"or the plan is what the server names, mend it there; {_CHECK}.",
    Reason.RATE: f"Lower smtp.connections, or set smtp.limit; {_CHECK}.",
    Reason.REPUTATION: "Let the list that the server names take this machine off, or set smtp.host to a "
    f"provider's server; {_CHECK}.",
    Reason.AUTHENTICATION: "`newsletter doctor` shows which DNS records of the sender's domain are wrong; "
    f"{_CHECK}.",
    Reason.UNCLEAR: "If it is the wrong server, set smtp.host and smtp.port; if the addresses are wrong, "
    f"`newsletter subscribers suppress ADDRESS`; {_CHECK}.",
}
_OTHERWISE = f"Mend what the server names; {_CHECK}."


def remedy_for(reason: str) -> str:
    """The next step, in whole sentences. reason: a `Reason`, or a word that an older version stored."""
    return _REMEDIES.get(Reason(reason), _OTHERWISE) if reason in set(Reason) else _OTHERWISE
