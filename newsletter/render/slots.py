"""Defines slots: `{{ my.name }}` for one reader, `{{ digest.name }}` for all readers of a digest.

Their values are filled in after rendering, so a template can only print them. A test, a filter or a
concatenation on a slot is refused with the template's line; an option of the digest changes the layout.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, NoReturn

from jinja2 import TemplateRuntimeError
from markupsafe import Markup

from newsletter.core.mail.quoted_printable import UNPRINTABLE

READER_SLOTS = frozenset(
    {
        "greeting",  # "Good morning, Ada." or "Good morning."
        "because",  # "You get this daily at 07:00 (UTC), because …": by how the reader came to get it
        "unsubscribe_url",
        "preferences_url",
        "pause_url",
        "web_url",  # this digest, to be read on the web
        "reader_token",  # ends links to pages that only readers of a private topic may see
    }
)  # in digests; the slots of transactional mail are in `newsletter.render.mail_kinds`
DIGEST_SLOTS = frozenset(
    {
        "number",  # of the edition
        "date",  # "Friday 17 April 2026"
        "lede",  # "Five new papers in the topics you follow, two of them with code."
        "title",  # "Paper Digest No. 12"
        "preheader",  # a mailbox shows it next to the subject
        "note",  # the editor's words
        "more",  # the sentence that some papers had no room
    }
)  # cards and rows get further ones: count_…, width_…, bar_… of a topic, seen_… of a date
SLOT_NAMES = {"my": READER_SLOTS, "digest": DIGEST_SLOTS}


class TemplateSlot:
    """A place for a value that is filled in later."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TemplateRuntimeError(
            f"{{{{ {self.name} }}}} can only be printed as it is: no test, filter or concatenation; "
            "its value is not known when the template is rendered"
        )

    __str__ = __html__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __getattr__ = _refuse
    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __rmul__ = __sub__ = __rsub__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __neg__ = __pos__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __format__ = _refuse
    __int__ = __float__ = __index__ = __round__ = __abs__ = __call__ = _refuse
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Slot({self.name})"


class SlotNamespace:
    """A name space of slots in templates: `my` or `digest`."""

    def __init__(self, space: str, names: frozenset[str]) -> None:
        self._space = space
        self._names = names

    def __getattr__(self, name: str) -> TemplateSlot:
        if name.startswith("_") or name not in self._names:
            known = ", ".join(sorted(self._names)) or "none"
            raise TemplateRuntimeError(f"there is no {{{{ {self._space}.{name} }}}}; there are: {known}")
        return TemplateSlot(f"{self._space}.{name}")


class SlotMarker:
    """Marks slots in rendered text, with a random word so that no text of a dump can look like a slot.

    HTML and CSS processing leave the mark unchanged.
    """

    def __init__(self) -> None:
        self.word = "z" + secrets.token_hex(8)
        self.pattern = re.compile(f"{self.word}-((?:my|digest)[.][a-z0-9_-]+?)-{self.word}")

    def mark(self, slot: TemplateSlot) -> str:
        """The mark of the slot in rendered text."""
        return f"{self.word}-{slot.name}-{self.word}"

    def finalize(self, value: Any) -> Any:
        """Convert a value for Jinja: a slot to its mark; text loses characters that no mail may hold."""
        if isinstance(value, TemplateSlot):
            return Markup(self.mark(value))  # noqa: S704  # letters, digits, dots
        if isinstance(value, SlotNamespace):
            raise TemplateRuntimeError("a name space of slots cannot be printed, only the slots in it")
        if isinstance(value, str) and UNPRINTABLE.search(value):
            return type(value)(UNPRINTABLE.sub("", value))
        return value
