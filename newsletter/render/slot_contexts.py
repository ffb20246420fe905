"""Checks the places of slots in a finished HTML document. It changes nothing.

Values are filled in later and escaped for text and attributes. They are safe nowhere else: not in a style, a
script or a comment. A link may start only with a slot whose name says that it is a link; after another
beginning it may hold a slot called …_token.
"""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from newsletter.render.slots import SlotMarker

_LINKS = ("href", "src", "action", "background", "cite", "formaction", "poster", "srcset")


def misplaced_slot(document: str, slot_marker: SlotMarker) -> str | None:
    """The fault in the place of a slot, in words, or None."""
    reader = _ContextFinder(slot_marker)
    reader.feed(document)
    reader.close()
    return reader.found


class _ContextFinder(HTMLParser):
    def __init__(self, slot_marker: SlotMarker) -> None:
        super().__init__(convert_charrefs=True)
        self._slot_marker = slot_marker
        self.found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._slot_marker.word in tag:
            self.found = "a slot stands in the name of an element"
        for name, value in attrs:
            if self._slot_marker.word in name:
                self.found = f"a slot stands in <{tag}> outside of an attribute's value"
            if not value or self._slot_marker.word not in value:
                continue
            slots = [found[1] for found in self._slot_marker.pattern.finditer(value)]
            shown = f"{{{{ {slots[0] if slots else '…'} }}}}"
            if name == "style" or name.startswith("on"):
                self.found = f"{shown} stands in the attribute {name} of <{tag}>, where no value is safe"
            elif name in _LINKS and not self._safe_link(value, slots):
                self.found = f"{shown} stands in a link that does not start with a slot called …_url"

    def _safe_link(self, value: str, slots: Sequence[str]) -> bool:
        if value.startswith(("https://", "http://")):
            return all(slot.endswith("_token") for slot in slots)
        return value.startswith(self._slot_marker.word) and all(slot.endswith("_url") for slot in slots)

    def handle_data(self, data: str) -> None:
        if self._slot_marker.word in data and self.cdata_elem is not None:
            self.found = f"a slot stands inside <{self.cdata_elem}>, where no value is safe"

    def handle_comment(self, data: str) -> None:
        if self._slot_marker.pattern.search(data):
            self.found = "a slot stands in a comment"
