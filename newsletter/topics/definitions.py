"""Loads topics from TOML: the built-in ones, changed by the `[topics.<slug>]` tables of the settings.

It matches no paper (`newsletter.topics.matcher` does) and reads no settings: the caller hands in the tables.

    [topics.robotics]
    title = "Robotics"
    description = "Machines that move about and handle things."
    phrases = ["robot", "quadruped"]

That is a whole topic. docs/how-to/add-a-topic.md explains every key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, NoReturn

from newsletter.core.errors import ConfigurationError
from newsletter.core.topics.matching import STRONG_AT, STRONG_SCORE, PhraseRule, TopicRules
from newsletter.core.topics.phrases import spellings_of

WEIGHTS = {"strong": 1.6, "phrases": 1.0, "weak": 0.4}  # points of one mention; STRONG_AT of them are a match
OPERATOR_POSITION = 100  # of an operator's topic: after the built-in ones, in the order of the settings

_LISTS = ("strong", "phrases", "weak", "ignore", "context", "unless")
KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "description": str,
    "accent": str,
    "enabled": bool,
    "public": bool,
    "holds_all": bool,
    "position": int,
    "strong_at": (int, float),
    "section_at": (int, float),
    "learned": bool,
    "rules": list,
    "add": dict,
    **dict.fromkeys(_LISTS, list),
}
RULE_KEYS: dict[str, type | tuple[type, ...]] = {
    "phrases": list,
    "weight": (int, float),
    "context": list,
    "unless": list,
    "only_with_strong": bool,
}
_NAMES = {str: "a text", bool: "true or false", int: "a whole number", list: "a list", dict: "a table"}
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = frozenset({"all"})  # /feeds/all.atom holds the papers of all topics
_ACCENT = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic that papers are grouped by and readers follow."""

    slug: str  # lower-case letters, digits and single hyphens; in URLs and rows
    title: str  # for readers
    description: str  # a sentence for the sign-up page
    accent: str | None = None  # "#rrggbb" of its heading; None: the brand's
    holds_all: bool = False  # holds every paper, matched or not; then no rules
    section_at: float = STRONG_SCORE  # score that puts a paper into its section
    learned: bool = True  # whether trained weights count; else the rules alone
    public: bool = True  # whether the web archive shows it to everybody; else to its readers alone
    rules: TopicRules


def load_topics(overrides: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Topic]:
    """The built-in topics, changed by `overrides` (slug → table of the settings), in reading order.

    A table for a built-in slug replaces the keys that it names, and its table `add` appends to lists.
    `enabled = false` removes a topic. Another slug adds a topic after the others. Raises ConfigurationError
    that names the topic and the key.
    """
    tables = _shipped()
    for slug, table in (overrides or {}).items():
        if not isinstance(table, Mapping):
            _refuse(slug, "", "is not a table", f"Write it as [topics.{slug}] with keys below.")
        _check_keys(slug, table, KEYS, "")
        tables[slug] = _overridden(slug, tables.get(slug, {}), table)
    topics = [
        (table.get("position", OPERATOR_POSITION), topic_of(slug, table))
        for slug, table in tables.items()
        if table.get("enabled", True)
    ]
    topics.sort(key=lambda placed: placed[0])  # stable: equal positions keep their order
    return {topic.slug: topic for _, topic in topics}


def topic_of(slug: str, table: Mapping[str, Any]) -> Topic:
    """Check a topic's table and make the topic. Raises ConfigurationError that names topic and key."""
    if not _SLUG.fullmatch(slug):
        _refuse(
            slug, "", "is no good name", "Use lower-case letters, digits and hyphens, like `power-grids`."
        )
    if slug in _TAKEN:
        _refuse(slug, "", "is a name of the archive's own", "A feed has it: name the topic otherwise.")
    _check_keys(slug, table, KEYS, "")
    for key in ("title", "description"):
        if not str(table.get(key, "")).strip():
            _refuse(slug, key, "is missing or empty", "Readers see it: every topic needs one.")
    accent = table.get("accent")
    if accent is not None and not _ACCENT.fullmatch(accent):
        _refuse(slug, "accent", f"is no colour: {accent!r}", 'Write it as "#5546b0".')
    strong_at = table.get("strong_at", STRONG_AT)
    if not 0 < strong_at <= 1000:
        _refuse(
            slug, "strong_at", f"is out of range: {strong_at}", f"Points, more than 0; {STRONG_AT} is usual."
        )
    section_at = table.get("section_at", STRONG_SCORE)
    if not 0 < section_at < 1:
        _refuse(
            slug,
            "section_at",
            f"is out of range: {section_at}",
            f"A score between 0 and 1; {STRONG_SCORE} is usual, more is stricter.",
        )
    holds_all = table.get("holds_all", False)
    rules = _rules(slug, table)
    if holds_all and rules:
        _refuse(slug, "holds_all", "and phrases exclude each other", "Take one of them away.")
    if not holds_all and not any(rule.weight > 0 for rule in rules):
        _refuse(slug, "phrases", "is missing or empty", "Name words that its papers use.")
    return Topic(
        slug=slug,
        title=table["title"].strip(),
        description=table["description"].strip(),
        accent=accent,
        holds_all=holds_all,
        section_at=float(section_at),
        learned=table.get("learned", True),
        public=table.get("public", True),
        rules=TopicRules(
            topic=slug,
            rules=rules,
            ignore=_phrases(slug, "ignore", table),
            context=_phrases(slug, "context", table),
            unless=_phrases(slug, "unless", table),
            strong_at=float(strong_at),
        ),
    )


def _shipped() -> dict[str, dict[str, Any]]:
    folder = resources.files("newsletter.topics") / "builtin"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda f: f.name)
    return {file.name.removesuffix(".toml"): tomllib.loads(file.read_text("utf-8")) for file in files}


def _overridden(slug: str, base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **override}
    added = merged.pop("add", {})
    _check_keys(slug, added, {key: KEYS[key] for key in (*_LISTS, "rules")}, "add.")
    for key, values in added.items():
        merged[key] = [*merged.get(key, ()), *values]
    return merged


def _rules(slug: str, table: Mapping[str, Any]) -> tuple[PhraseRule, ...]:
    strong = _phrases(slug, "strong", table)
    rules = [
        PhraseRule(
            phrases=phrases,
            weight=weight,
            # weak words ("hardware", "latency") count only with a strong phrase
            context=(strong or _phrases(slug, "phrases", table)) if key == "weak" else (),
        )
        for key, weight in WEIGHTS.items()
        if (phrases := _phrases(slug, key, table))
    ]
    for number, written in enumerate(table.get("rules", ()), start=1):
        where = f"rules[{number}]."
        if not isinstance(written, Mapping):
            _refuse(slug, where[:-1], "is not a table", f"Write it below [[topics.{slug}.rules]].")
        _check_keys(slug, written, RULE_KEYS, where)
        phrases = _phrases(slug, "phrases", written, where)
        weight = float(written.get("weight", 1.0))
        if not phrases:
            _refuse(slug, f"{where}phrases", "is missing or empty", "A rule without phrases says nothing.")
        only_with_strong = written.get("only_with_strong", False)
        if only_with_strong and (not strong or "context" in written):
            _refuse(
                slug,
                f"{where}only_with_strong",
                "needs a `strong` list, and takes the place of `context`",
                "Take one of them away.",
            )
        if weight == 0 or abs(weight) > 100:
            _refuse(
                slug,
                f"{where}weight",
                f"is out of range: {weight}",
                "Points, not 0; to let phrases count for nothing, list them under `ignore`.",
            )
        rules.append(
            PhraseRule(
                phrases=phrases,
                weight=weight,
                context=strong if only_with_strong else _phrases(slug, "context", written, where),
                unless=_phrases(slug, "unless", written, where),
            )
        )
    return tuple(rules)


def _phrases(slug: str, key: str, table: Mapping[str, Any], where: str = "") -> tuple[str, ...]:
    phrases: list[str] = []
    for phrase in table.get(key, ()):
        if not isinstance(phrase, str):
            _refuse(slug, where + key, f"holds {phrase!r}", "Every phrase is a text in quotes.")
        try:
            spellings_of(phrase)
        except ValueError as error:
            _refuse(slug, where + key, f"holds an unusable phrase: {error}", "Mend or remove it.")
        phrases.append(" ".join(phrase.split()))
    return tuple(dict.fromkeys(phrases))


def _check_keys(
    slug: str, table: Mapping[str, Any], known: Mapping[str, type | tuple[type, ...]], where: str
) -> None:
    for key, value in table.items():
        if key not in known:
            _refuse(slug, f"{where}{key}", "is unknown", f"Known here: {', '.join(known)}.")
        expected = known[key]
        is_bool = isinstance(value, bool)
        if not isinstance(value, expected) or (is_bool and expected is not bool):
            name = "a number" if isinstance(expected, tuple) else _NAMES[expected]
            _refuse(
                slug, f"{where}{key}", f"must be {name}, not {value!r}", "See docs/how-to/add-a-topic.md."
            )


def _refuse(slug: str, key: str, problem: str, hint: str) -> NoReturn:
    name = f"topics.{slug}.{key}" if key else f"topics.{slug}"
    raise ConfigurationError(f"{name} {problem}", hint=hint)
