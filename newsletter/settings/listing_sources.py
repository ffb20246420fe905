"""Defines the tables `[sources.<name>]`: what brings dumps by itself. Fetches nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from newsletter.settings import checks
from newsletter.settings.table import SettingsTable

MOST_RESULTS = 2000  # of one request; arXiv asks for slices of at most this size


class SourceSettings(SettingsTable):
    """A source that is fetched by itself."""

    kind: Literal["hf-daily", "arxiv-feed", "arxiv-api", "url", "folder"] = Field(
        description="What it is: Hugging Face's Daily Papers, arXiv's feeds, a query of arXiv's API, "
        "any address of a listing, or a folder of files."
    )
    url: Annotated[str, AfterValidator(checks.listing_link)] | None = Field(
        default=None,
        description="For `url`: its address; `{date}` stands for the day. For others: instead of their own.",
    )
    path: str | None = Field(default=None, min_length=1, description="For `folder`: where the files are.")
    categories: tuple[Annotated[str, AfterValidator(checks.arxiv_category)], ...] = Field(
        default=(), description="For arXiv: the categories, such as `cs.ET` and `quant-ph`."
    )
    query: str = Field(
        default="", description="For `arxiv-api`: a query such as `all:memristor`, instead of `categories`."
    )
    max_results: int = Field(
        default=200, ge=1, le=MOST_RESULTS, description="For `arxiv-api`: the newest so many papers."
    )
    hours: tuple[Annotated[int, Field(ge=0, le=23)], ...] = Field(
        default=(5, 9, 13, 17, 21), min_length=1, description="The hours, UTC, at which it is fetched."
    )
    format: str | None = Field(
        default=None, description="The format of what it brings; not set: the contents decide."
    )

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> SourceSettings:
        if self.kind == "url" and self.url is None:
            raise ValueError("a source of kind url needs url")
        if self.kind == "folder" and self.path is None:
            raise ValueError("a source of kind folder needs path")
        if self.kind == "arxiv-feed" and not self.categories:
            raise ValueError("a source of kind arxiv-feed needs categories")
        if self.kind == "arxiv-api" and not (self.categories or self.query):
            raise ValueError("a source of kind arxiv-api needs categories or query")
        return self
