"""Checks an open page against the accessibility rules of axe-core. Undecided rules do not count."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tests import npm

if TYPE_CHECKING:
    from playwright.sync_api import Page

# A mail is shown inside the page of a mail program, which has the landmarks.
LANDMARKS = ("landmark-one-main", "region")

# Without scripts timers never fire, and axe waits for them: it gets its own timer. axe also skips the content
# of <noscript>, although that is shown then: it is moved out.
_WITHOUT_SCRIPT = """
for (const it of document.querySelectorAll('noscript')) it.replaceWith(...it.childNodes);
(setTimeout => {%s})((work, _, ...rest) => { Promise.resolve().then(() => work(...rest)); return 0 });
"""
_RUN = """
async ([without, script]) => {
  const rules = Object.fromEntries(without.map(id => [id, { enabled: false }]));
  const found = await axe.run(document, { rules, resultTypes: ['violations'], preload: script });
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\\s*\\n\\s*/g, ' ')}`));
}
"""


def violations(page: Page, *, without: Collection[str] = ()) -> list[str]:
    """`rule: element: what is wrong`, one for each element; [] without violations.

    without: ids of rules that are not asked. Where scripts are off, the page's <noscript> is opened for good.
    """
    path = npm.folder("axe-core") / "axe.min.js"
    script = not page.evaluate("matchMedia('(scripting: none)').matches")
    from_disk = page.url.startswith("file:")  # there a page may not read its style sheets
    if not page.evaluate("'axe' in window"):
        source = path.read_text("utf-8")
        page.evaluate(source if script else _WITHOUT_SCRIPT % source)
    found: list[str] = page.evaluate(_RUN, [list(without), script and not from_disk])
    return found
