"""Makes previews and trials from the settings, and says what they show."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from newsletter.cli import output
from newsletter.cli.notices import of_editions, of_newcomer, print_notes
from newsletter.cli.wiring import Wiring, make_sample_digest
from newsletter.cli.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.pipeline.trial.preview import Preview, Previewer


def previewer(wiring: Wiring) -> Previewer:
    """What previews and trials of this newsletter are made with."""
    from newsletter.pipeline.trial.preview import Previewer

    return Previewer(
        engine=wiring.work.engine,
        options=wiring.send_options,
        builder=wiring.builder,
        sample_digest=make_sample_digest(wiring),
        links=wiring.links,
    )


def about_preview(work: Workspace, shown: Preview, *, now: datetime, address: str = "") -> None:
    """Say on stderr what a preview or a trial shows, where it is not simply the next digest.

    address: of the reader whose mail it is; empty for a stranger.
    """
    if shown.released:
        print_notes([each for each in of_editions(work, now=now) if each.edition in shown.released])
        they = "it is" if len(shown.released) == 1 else "they are"
        output.note(f"Shown here is what goes out once {they} released.")
    if shown.sample:
        output.note("Nothing is owed to this reader: this is a sample, not their mail.")
        print_notes(of_newcomer(work, address, now=now) if address else ())
    elif not shown.owed:
        output.note(
            f"Edition {shown.edition} brings this reader nothing more: this is what it holds for them."
        )
