"""Writes docs/reference/cli.md and settings.md from the code. `make docs` runs it; a test compares.

python docs/generate.py            write both pages
python docs/generate.py --check    exit 1 when a page is not what would be written
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel, SecretStr  # noqa: E402
from typer.main import get_command  # noqa: E402

from newsletter.cli import app  # noqa: E402
from newsletter.cli.command_list import COMMANDS  # noqa: E402
from newsletter.settings import Settings  # noqa: E402

NOTICE = "<!-- Made by docs/generate.py from the code: `make docs` writes it anew. -->\n"

CLI_HEAD = """\
# The command line

Every command takes `--help`. Those that list or act take `--json`: machine-readable on stdout, and
everything else on stderr. Those that look at the clock take `--at TIMESTAMP` and run as of that instant.

`--state-dir FOLDER` may stand anywhere on the line and says which newsletter is meant; without it
`NEWSLETTER_STATE_DIR` decides, then systemd's `$STATE_DIRECTORY`, then `./state`. Nothing is written
anywhere else.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | failed; with `--json`, stdout still holds JSON |
| 2 | wrong usage |
| 3 | done in part; each failure is named |
| 78 | bad configuration; the file or variable and the key are named |
| 130 | interrupted |

`NEWSLETTER_DEBUG=1` shows where an unexpected error happened.
"""

SETTINGS_HEAD = """\
# Settings

One setting is looked for in this order: the command line, the environment, the credential files,
`newsletter.toml` in the state directory, the default. An unknown key is refused by name, in every command
(exit code 78).

- **Environment**: `NEWSLETTER_` and the key in capitals; `__` between a table and its key:
  `NEWSLETTER_SMTP__HOST`.
- **Credential files**: one value a file, named like the key, `__` or `.` between a table and its key:
  `smtp__password`. They are looked for in systemd's `$CREDENTIALS_DIRECTORY`, then in the folder
  `credentials/` of the state directory, where `newsletter init` puts the two keys that it makes.
- **newsletter.toml**: TOML; `newsletter init` writes one with every line commented out.

Secrets are never printed.
"""


def cli_page() -> str:
    """The text of docs/reference/cli.md."""
    front: Any = get_command(app)
    parts = [CLI_HEAD, NOTICE]
    for listed in COMMANDS:
        parts.append(f"## `newsletter {listed.name}`\n")
        parts.extend(_command(f"newsletter {listed.name}", front.load(listed.name), level=3))
    return "\n".join(parts).rstrip() + "\n"


def _command(path: str, command: Any, *, level: int) -> Iterator[str]:
    yield f"{inspect.cleandoc(command.help or '')}\n"
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield f"{'#' * level} `{path} {name}`\n"
            yield from _command(f"{path} {name}", below, level=level + 1)
        return
    yield f"```text\n{' '.join([path, *_usage(command)])}\n```\n"
    rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield "| argument or option | meaning |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _usage(command: Any) -> Iterator[str]:
    """The words behind the command, made here: Typer's own differ from version to version."""
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = _argument(parameter) + ("…" if parameter.nargs == -1 else "")
            yield name if parameter.required else f"[{name}]"
    yield "[OPTIONS]"


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[].…")


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{_argument(parameter)}`".replace("|", "\\|")
    else:
        flag = getattr(parameter, "is_flag", False)
        names = ", ".join(parameter.opts)
        name = (
            f"`{names}`"
            if flag
            else f"`{names} {parameter.metavar or parameter.name.upper()}`".replace("|", "\\|")
        )
    text = (parameter.help or "").replace("|", "\\|")
    default = parameter.default
    if default not in (None, False, (), [], "") and not callable(default) and default is not ...:
        text += f" Default: `{getattr(default, 'value', default)}`."
    return f"| {name} | {text} |".replace("``", "`")


def settings_page() -> str:
    """The text of docs/reference/settings.md."""
    head = "| key | takes | default | meaning |\n| --- | --- | --- | --- |\n"
    tables: list[tuple[str, type[BaseModel]]] = []
    rows = []
    for key, field in Settings.model_fields.items():
        below = get_args(field.annotation)[0] if get_origin(field.annotation) is tuple else field.annotation
        if isinstance(below, type) and issubclass(below, BaseModel):
            tables.append((key if below is field.annotation else f"[{key}]", below))
        else:
            rows.append(_setting(key, field))
    parts = [SETTINGS_HEAD, NOTICE, "## At the top\n", head + "\n".join(rows) + "\n"]
    for key, model in tables:
        rows = [_setting(name, field) for name, field in model.model_fields.items()]
        parts.extend((f"## `[{key}]`\n", head + "\n".join(rows) + "\n"))
    return "\n".join(parts).rstrip() + "\n"


def _setting(key: str, field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        shown = "*needed*"
    elif default in (None, "", {}, ()):
        shown = ""
    elif isinstance(default, tuple):
        shown = f"`{json.dumps(default)}`"
    else:
        shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"| `{key}` | {_takes(field.annotation)} | {shown} | {field.description} |"


_NAMES = {str: "text", int: "number", float: "number", bool: "true, false", SecretStr: "secret text"}


def _takes(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return " or ".join(_takes(each) for each in get_args(annotation) if each is not NoneType)
    if get_origin(annotation) is dict:
        return "tables"
    if get_origin(annotation) is tuple:
        return f"list of {_takes(get_args(annotation)[0])}"
    if hasattr(annotation, "__metadata__"):
        return _takes(get_args(annotation)[0])
    return _NAMES.get(annotation, "text")


PAGES = {"docs/reference/cli.md": cli_page, "docs/reference/settings.md": settings_page}


def main() -> int:
    """Write the pages, or compare them."""
    stale = []
    for name, make in PAGES.items():
        file, text = ROOT / name, make()
        if not file.exists() or file.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                file.write_text(text, "utf-8")
    for name in stale:
        sys.stdout.write(f"{'stale' if '--check' in sys.argv else 'written'}: {name}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
