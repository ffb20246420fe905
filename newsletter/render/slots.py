"""What is printed later: `{{ my.name }}` for one reader, `{{ digest.name }}` for all who get a digest.

In a template these can only be printed. Whatever changes the layout is an option of the digest, so a
test, a filter or a concatenation on a slot is refused, with the template's line.
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
        "because",  # "You get this daily at 07:00 (Europe/Berlin), because you signed up for it."
        "unsubscribe_url",
        "preferences_url",
        "pause_url",
        "web_url",  # this digest, to be read on the web
    }
)  # in digests; what letters print is in `newsletter.render.mail_kinds`
DIGEST_SLOTS = frozenset(
    {
        "number",  # of the edition
        "date",  # "Friday 17 April 2026"
        "lede",  # "Five new papers in the topics you follow, two of them with code."
        "title",  # "Paper Digest No. 12"
        "preheader",  # what a mailbox shows beside the subject
        "note",  # the editor's words
        "more",  # that some papers had no room
    }
)  # and, handed to cards and rows: count_…, width_…, bar_… of a topic, seen_… of a date
SLOT_NAMES = {"my": READER_SLOTS, "digest": DIGEST_SLOTS}


class TemplateSlot:
    """A place for a value that is not known yet."""

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
    """A name space of slots, as templates see it: `my` or `digest`."""

    def __init__(self, space: str, names: frozenset[str]) -> None:
        self._space = space
        self._names = names

    def __getattr__(self, name: str) -> TemplateSlot:
        if name.startswith("_") or name not in self._names:
            known = ", ".join(sorted(self._names)) or "none"
            raise TemplateRuntimeError(f"there is no {{{{ {self._space}.{name} }}}}; there are: {known}")
        return TemplateSlot(f"{self._space}.{name}")


class SlotMarker:
    """Marks slots in rendered text so that nothing a dump says can pass for one.

    The mark holds a random word of this process; it survives HTML and CSS processing unchanged.
    """

    def __init__(self) -> None:
        self.word = "z" + secrets.token_hex(8)
        self.pattern = re.compile(f"{self.word}-((?:my|digest)[.][a-z0-9_-]+?)-{self.word}")

    def mark(self, slot: TemplateSlot) -> str:
        """What stands for the slot in rendered text."""
        return f"{self.word}-{slot.name}-{self.word}"

    def finalize(self, value: Any) -> Any:
        """What Jinja prints for `value`: a slot becomes its mark; text loses what no mail may hold."""
        if isinstance(value, TemplateSlot):
            return Markup(self.mark(value))  # noqa: S704  # letters, digits, dots
        if isinstance(value, SlotNamespace):
            raise TemplateRuntimeError("a name space of slots cannot be printed, only the slots in it")
        if isinstance(value, str) and UNPRINTABLE.search(value):
            return type(value)(UNPRINTABLE.sub("", value))
        return value
