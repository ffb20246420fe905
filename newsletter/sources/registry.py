"""Reads the bytes of a dump into a listing: finds the format and calls its module.

It opens no file and decides no year. A format is one module of `newsletter.sources.formats` with the names
of `DumpFormat`, and a sample with its expected value in tests/sources/samples. There is no list to edit.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.formats.no_listings import known_kind
from newsletter.sources.gate import admit
from newsletter.sources.text.cleaning import CLIPPED, has_columns, is_clipped, is_listed_by_tool, unix_lines

BY_TEXT_ALONE = 0.5  # how sure a format is that sees no banner, no link and no block of authors

FORMATS_HINT = "`newsletter ingest --help` lists the known formats, to be named with --format."


class DumpFormat(Protocol):
    """The names that the module of a format has."""

    NAME: str  # for `--format`, and stored with the dump
    ABOUT: str  # one line for messages and help

    def recognise(self, dump: DumpFile) -> float:
        """How surely the dump is of this format, from 0 (not at all) to 1 (surely)."""

    def parse(self, dump: DumpFile) -> Listing:
        """Read the dump; each part of it is header, part of an entry, or unread with a reason.

        May raise DumpRefusedError for a dump that says itself that it is none, such as an error page.
        """


@cache
def formats() -> dict[str, DumpFormat]:
    """Return the known formats by name, in alphabetical order."""
    package = importlib.import_module("newsletter.sources.formats")
    found: dict[str, DumpFormat] = {}
    for module_info in pkgutil.iter_modules(package.__path__, "newsletter.sources.formats."):
        module = importlib.import_module(module_info.name)
        if all(hasattr(module, name) for name in ("NAME", "ABOUT", "recognise", "parse")):
            found[module.NAME] = cast(DumpFormat, module)
    return dict(sorted(found.items()))


def read_listing(data: bytes, *, name: str, format: str | None = None) -> Listing:
    """Read the bytes of a dump.

    name: the file's name, for messages only. format: a name from `formats()`; without it the contents decide.
    Raises DumpRefusedError, with a hint, for a dump that is empty, too large, binary, of no known format or
    without any paper, and for an unknown format name.
    """
    named = _named(format, name) if format is not None else None
    dump = DumpFile(data, name=name)
    decoded = dump.decoded
    chosen, score = _recognised(dump, named)
    listing = admit(chosen.parse(dump), sure=score > BY_TEXT_ALONE)
    if listing.doubt is None:
        listing = dataclasses.replace(listing, doubt=_doubt(dump))
    if not listing.entries and listing.empty_because is None:
        message = f"there is no paper in this {chosen.NAME} dump"
        if listing.unread:
            first = listing.unread[0]
            message += f" (line {first.line}: {first.reason})"
        elif format is None:
            message += ", only the page's header"
        raise DumpRefusedError(
            message, hint="Open the page, wait until its papers are shown, and save it again.", file=name
        )
    if decoded.unread:
        unread = tuple(sorted((*listing.unread, *decoded.unread), key=lambda item: item.line))
        listing = dataclasses.replace(listing, unread=unread)
    return listing


def _doubt(dump: DumpFile) -> str | None:
    """What is wrong with the lines of the whole file, whatever its format."""
    lines = unix_lines(dump.text).split("\n")
    if is_clipped(lines):
        return CLIPPED
    if is_listed_by_tool(lines):
        return "the lines begin with numbers or with the marks of a comparison"
    return "two columns were copied as one" if has_columns(lines) else None


def _named(format: str, name: str) -> DumpFormat:
    chosen = formats().get(format.strip().lower().replace("_", "-"))
    if chosen is None:
        raise DumpRefusedError(
            f"unknown format {format!r}", hint=f"Known: {', '.join(formats())}.", file=name
        )
    return chosen


def _recognised(dump: DumpFile, named: DumpFormat | None) -> tuple[DumpFormat, float]:
    """The format to read the dump with, and how sure it is. A name decides between formats that recognise it.

    A format with `BY_NAME` may also be named for a dump that no format recognises.
    """
    scores = {format_name: candidate.recognise(dump) for format_name, candidate in formats().items()}
    best = max(scores, key=scores.__getitem__)
    if named is not None:
        if scores[named.NAME] > 0 or (scores[best] <= 0 and getattr(named, "BY_NAME", False)):
            return named, scores[named.NAME]
        if scores[best] > 0:
            raise DumpRefusedError(
                f"this is no {named.NAME} dump but {formats()[best].ABOUT}",
                hint=f"Leave --format away, or say --format {best}.",
                file=dump.name,
            )
        raise DumpRefusedError(
            f"this is not {named.ABOUT}", hint="Look at the file, and save the page again.", file=dump.name
        )
    if scores[best] <= 0 and (kind := known_kind(dump)) is not None:
        raise DumpRefusedError(
            f"this is no listing of a known format but {kind[0]}", hint=kind[1], file=dump.name
        )
    if scores[best] <= 0:
        raise DumpRefusedError("this is no listing of a known format", hint=FORMATS_HINT, file=dump.name)
    return formats()[best], scores[best]
