"""Makes the links between the pages of the archive: paths below the base URL, or names of files.

One object makes them all, so that a page does not know whether a server or a folder of files shows it. A
permanent address is the same for both: it never has a reader's token.
"""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import relpath
from urllib.parse import quote, urlencode

MAX_SLUG = 60  # characters; an address that is read aloud or breaks in a mail helps nobody
READER = "reader"  # the query field that carries a reader's token
EXPORTS = {"bib": "BibTeX", "ris": "RIS", "csl.json": "CSL-JSON", "md": "Markdown"}  # by suffix
FEEDS = {"atom": "Atom", "json": "JSON Feed"}  # by suffix
ALL = "all"  # the feed of every topic


def slug_of(title: str) -> str:
    """The words of a title for an address: ASCII letters, digits and single hyphens; may be empty."""
    apart = re.sub(r"[^\w\s]", " ", re.sub(r"['’]", "", title))  # a dash between words may not join them
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))
    if len(slug) <= MAX_SLUG:
        return slug
    return slug[: MAX_SLUG + 1].rpartition("-")[0] or slug[:MAX_SLUG]


def paper_path(paper_id: int, title: str) -> str:
    """The permanent path of a paper: /papers/12-what-it-is-called."""
    slug = slug_of(title)
    return f"/papers/{paper_id}-{slug}" if slug else f"/papers/{paper_id}"


def edition_path(number: int) -> str:
    """The permanent path of an edition: /editions/7."""
    return f"/editions/{number}"


def month_path(month: str) -> str:
    """The permanent path of a month (2026-04)."""
    return f"/archive/{month}"


def topic_path(slug: str) -> str:
    """The permanent path of a topic."""
    return f"/topics/{slug}"


class ArchiveLinks(ABC):
    """The links of one page: what they lead to stands in the name of the method."""

    @abstractmethod
    def to(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """The link to a path of the archive, as `paper_path` and its neighbours make them."""

    @abstractmethod
    def permanent(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """The absolute address of a path, for everybody; empty where none is known."""

    @abstractmethod
    def asset(self, name: str) -> str:
        """The link to a style sheet or script."""

    @abstractmethod
    def site(self, path: str) -> str:
        """The link to a page that only a server has, such as the sign-up page; empty without one."""

    @property
    def hidden_fields(self) -> Mapping[str, str]:
        """What a form sends along beside its own fields; not empty where links carry a reader's token."""
        return {}

    def paper(self, paper_id: int, title: str) -> str:
        """The page of a paper."""
        return self.to(paper_path(paper_id, title))

    def edition(self, number: int) -> str:
        """The page of an edition."""
        return self.to(edition_path(number))

    def archive(self) -> str:
        """The months, newest first."""
        return self.to("/archive")

    def month(self, month: str, page: int = 1) -> str:
        """The papers of a month (2026-04)."""
        return self.to(month_path(month), _page(page))

    def topic(self, slug: str, page: int = 1) -> str:
        """The papers of a topic."""
        return self.to(topic_path(slug), _page(page))

    def search(self, query: Mapping[str, str | int] | None = None) -> str:
        """The search page. query: q, topic, author, organization, from, to, page."""
        return self.to("/search", query)

    def export(self, path: str, suffix: str, query: Mapping[str, str | int] | None = None) -> str:
        """What a page lists, as a file. path: without the slug of a paper. suffix: of EXPORTS."""
        return self.to(f"{path}.{suffix}", query)

    def feed(self, slug: str = ALL, suffix: str = "atom") -> str:
        """The feed of a topic, or of all."""
        return self.to(f"/feeds/{slug}.{suffix}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLinks(ArchiveLinks):
    """Links of pages that a server shows."""

    base_url: str  # without a slash at the end
    root: str = ""  # the path of base_url; empty at the root of a host
    assets: str = ""  # the version of style sheet and scripts, part of their paths
    reader: str = ""  # the token of a reader; every link carries it on

    def to(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """A path, with the path of the base URL before it."""
        return self.root + _with(path, {**(query or {}), **self.hidden_fields})

    def permanent(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """The address below the base URL."""
        return self.base_url + _with(path, query or {})

    def asset(self, name: str) -> str:
        """The path of a file that browsers may keep for ever."""
        return f"{self.root}/assets/{self.assets}/{name}"

    def site(self, path: str) -> str:
        """The path of another page."""
        return self.root + path

    @property
    def hidden_fields(self) -> Mapping[str, str]:
        """The reader's token."""
        return {READER: self.reader} if self.reader else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticLinks(ArchiveLinks):
    """Links between files in a folder, relative to the file of one page."""

    page: str  # the file that the links stand in, such as papers/12-a-title.html
    base_url: str = ""  # where the folder will be found; empty when nobody knows
    site_url: str = ""  # of the server with sign-up and preferences; empty without one

    def to(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """The relative path of the file. Only the page number of a query makes a file of its own."""
        return quote(relpath(file_of(path, query), start=self.page.rpartition("/")[0] or "."))

    def permanent(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """The address of the file, where the folder's is known; else the one on the server."""
        if self.base_url:
            return f"{self.base_url}/{quote(file_of(path, query))}"
        return self.site_url + _with(path, query or {}) if self.site_url else ""

    def asset(self, name: str) -> str:
        """The relative path of an asset's file."""
        return self.to(f"/assets/{name}")

    def site(self, path: str) -> str:
        """The absolute address of a page of the server."""
        return self.site_url + path if self.site_url else ""


def file_of(path: str, query: Mapping[str, str | int] | None = None) -> str:
    """The file, relative to the folder, that shows a path of the archive in a static copy."""
    page = int((query or {}).get("page", 1))
    numbered = f"-{page}" if page > 1 else ""
    if path == "/archive":
        return f"index{numbered}.html"
    folder, _, name = path.strip("/").rpartition("/")
    file = name if "." in name else f"{name}{numbered}.html"
    return f"{folder}/{file}" if folder else file


def _page(page: int) -> dict[str, str | int] | None:
    return {"page": page} if page > 1 else None


def _with(path: str, query: Mapping[str, str | int]) -> str:
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{quote(path)}?{urlencode(given)}" if given else quote(path)
