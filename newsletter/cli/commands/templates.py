"""Checks the mail templates: `newsletter templates …`."""

from __future__ import annotations

import typer

from newsletter.cli import output
from newsletter.cli.options import Json
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import workspace

BAD_CONFIGURATION = 78  # the exit code of a broken template in every command that renders one

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Check the templates of the mails, your own ones among them.\n\n"
    "A file below templates/ in the state directory wins over the shipped template of the same name.",
)


@app.callback()
def _group() -> None:
    """Make `check` a command of its own although it is the only one."""


@app.command()
def check(ctx: typer.Context, *, json: Json = False) -> None:
    """Render every template with odd papers; say what is wrong, with file and line.

    Looks at more than whether they can be rendered: links that lead nowhere, a missing way out, styles that
    mail programs drop or that depend on what stands beside them. Exit code 78 when something is wrong.
    """
    wiring = Wiring(workspace(ctx))
    from newsletter.render.check.templates import check as find_problems

    environment = wiring.mail_templates
    problems = find_problems(environment, brand=wiring.brand, topics=wiring.topic_views)
    own = environment.own()
    if json:
        output.print_json({"templates": sorted(environment.used), "own": own, "problems": problems})
    else:
        output.print_table(
            ("template", "line", "what is wrong"),
            [(problem.template, problem.line, problem.words) for problem in problems],
            empty=f"{len(environment.used)} templates, {len(own)} of them your own: nothing wrong",
        )
    if problems:
        raise typer.Exit(BAD_CONFIGURATION)
