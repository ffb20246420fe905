"""The site that is attacked, and a reader with one link of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from subscribers import tokens
from tests.web.newsletter_site import NewsletterSite, ReceivedMail

EVIL = "evil.example"


class AttackedSite:
    """A confirmed reader, with one link of each kind."""

    visitors = count(1)

    def __init__(self, website: NewsletterSite) -> None:
        self.website = website
        self.person = website.subscribed("ada@example.org", "circuits", "quantum", name="Ada")
        self.preferences = website.preferences(self.person)
        website.post(f"{self.preferences}/account")
        (mail,) = website.messages()
        self.account = mail.link("/account/")
        self.leave = f"/u/{self.person.leave_id}"
        self.before = self.stored()

    def signed(self, purpose: str, *, days_ago: int = 0, **payload: str) -> str:
        """A token that we sign."""
        at = self.website.now - timedelta(days=days_ago)
        return tokens.sign(purpose, payload, keys=self.website.site.keys, now=at)

    def mailed(self, email: str, name: str = "") -> list[ReceivedMail]:
        """The messages that a new visitor's sign-up brings."""
        self.website.messages()  # what other tests asked for goes first
        visitor = self.website.visitor(f"10.9.{next(self.visitors)}.1")
        self.website.sign_up(email, "circuits", browser=visitor, name=name)
        return self.website.messages()

    def stored(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Every row, but those that count requests."""
        return {name: rows for name, rows in self.website.everything().items() if "limit" not in name}

    def is_as_before(self) -> bool:
        return self.stored() == self.before
