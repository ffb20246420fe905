"""Writes the archive as files: `newsletter archive build OUT`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.workspace import workspace
from newsletter.core.errors import UsageError

if TYPE_CHECKING:
    from newsletter.cli.workspace import Workspace
    from newsletter.pipeline.archive.static_build import StaticSite

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write the public archive as files.\n\n"
    "Any web server can show them, and so can a browser from a disk: pages, exports, feeds and a search.",
)


@app.callback()
def _group() -> None:
    """Keeps `build` a subcommand."""


@app.command()
def build(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, or one of an earlier build.")],
    *,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where the folder will be found on the web.")
    ] = "",
    at: At = None,
    json: Json = False,
) -> None:
    """Bring a static copy of the archive up to date. Only what changed is written."""
    if base_url:
        from newsletter.settings.checks import public_link

        try:
            base_url = public_link(base_url).rstrip("/")
        except ValueError as error:
            raise UsageError(f"--base-url: {error}", hint="For example: https://papers.example.org") from None
    work = workspace(ctx)
    from newsletter.pipeline.archive.static_build import build_archive

    report = build_archive(work.engine, out, static_site(work, base_url), now=now(at))
    if json:
        output.print_json(report)
        return
    output.say(f"{report.pages:,} files in {out}; {report.changed:,} changed, in {report.seconds:.1f} s.")
    output.note(f"Open {out / 'index.html'}, or let any web server show the folder.")


def static_site(work: Workspace, base_url: str) -> StaticSite:
    """What a static copy is made from. base_url: of its folder; may be empty."""
    from newsletter.cli.wiring import Wiring
    from newsletter.pipeline.archive.static_build import StaticSite
    from newsletter.render.page_renderer import PageRenderer

    wiring, site_url = Wiring(work), work.settings.base_url
    public = {slug: view for slug, view in wiring.topic_views.items() if work.topics[slug].public}
    return StaticSite(
        pages=PageRenderer(
            brand=wiring.brand, topics=public, base_url=site_url, own_templates=[work.templates_dir]
        ),
        topics=work.topics,
        newsletter=wiring.brand.name,
        language=wiring.brand.language,
        site_url=site_url,
        base_url=base_url,
    )
