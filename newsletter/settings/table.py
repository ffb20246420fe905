"""Defines what every table of newsletter.toml has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SettingsTable(BaseModel):
    """A table of newsletter.toml. It refuses unknown keys, and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
