"""Sets up Jinja for mail: sandboxed, strict, escaping HTML. An operator's templates come before the shipped.

It renders no whole mail (`newsletter.render.document` does). A fault in a template becomes a
ConfigurationError that names the file and the line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.core.errors import ConfigurationError
from newsletter.core.mail.text_wrap import wrapped
from newsletter.render.slots import SlotMarker

GLOBALS = ("range", "dict", "joiner", "namespace")  # of Jinja's own; templates get no others


def templates_root() -> Path:
    """The folder of the shipped templates: inside the installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "templates", package.parent / "templates"):
        if (root / "email").is_dir():
            return root
    raise ConfigurationError(
        "the templates are missing from this installation", hint="Install the package again."
    )


def _is_html(name: str | None) -> bool:
    # Not select_autoescape: it looks for ".html.j2", and the layout itself is named html.j2.
    return name is None or not name.endswith(("txt.j2", ".css"))


class _Folders(FileSystemLoader):
    """Folders of templates, of which the first wins; records which templates were loaded."""

    def __init__(self, folders: Sequence[Path], used: set[str]) -> None:
        super().__init__(folders)
        self._used = used

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        found = super().get_source(environment, template)
        self._used.add(template)
        return found


class MailEnvironment(ImmutableSandboxedEnvironment):
    """The environment of mail templates, with the marker of its slots."""

    def __init__(self, overrides: Sequence[Path] = ()) -> None:
        """overrides: folders that override the shipped templates (`<state>/templates`); the first wins."""
        self.slot_marker = SlotMarker()
        self.folders = (*overrides, templates_root())
        self.used: set[str] = set()  # names of templates that were read so far
        self.templates = _Folders(self.folders, self.used)
        super().__init__(
            loader=self.templates,
            autoescape=_is_html,
            undefined=StrictUndefined,
            finalize=self.slot_marker.finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self.filters["wrapped"] = wrapped
        self.globals = {name: self.globals[name] for name in GLOBALS}

    def own(self) -> list[str]:
        """Names of the operator's mail templates, sorted, without the backup files of editors."""
        return sorted(
            {
                path.relative_to(folder).as_posix()
                for folder in self.folders[:-1]
                for path in folder.glob("email/**/*")
                if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~")
            }
        )

    def part(self, name: str, context: Mapping[str, Any]) -> str:
        """One template rendered. Raises ConfigurationError with its `template` and `line`."""
        try:
            return self.get_template(name).render(context)
        except ConfigurationError:
            raise
        except TemplateNotFound as error:
            missing = error.name or name
            raise ConfigurationError(
                f"the template {missing} is missing",
                hint="Restore it, or remove your own template that asks for it.",
                template=name,
            ) from error
        except Exception as error:  # a template can raise anything; its author needs the line
            template, line = _place(error, name)
            raise ConfigurationError(
                f"the template {template} cannot be used: {error}",
                hint=f"Mend line {line}, or remove your own template to use the shipped one.",
                template=template,
                line=line,
            ) from None


def _place(error: BaseException, name: str) -> tuple[str, int | None]:
    """(template, line) of an error; Jinja's tracebacks hold the lines of templates."""
    if isinstance(error, TemplateSyntaxError):
        return error.name or name, error.lineno
    template, line = name, None
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.suffix in (".j2", ".css"):
            email = len(file.parts) - 1 - file.parts[::-1].index("email") if "email" in file.parts else -2
            template, line = "/".join(file.parts[email:]), trace.tb_lineno
        trace = trace.tb_next
    return template, line
