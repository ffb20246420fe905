"""Lines that are no title or abstract, and dumps full of such lines."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from newsletter.pipeline.intake.ingest import why_held
from newsletter.sources.registry import read_listing
from newsletter.sources.unreadable_lines import unreadable
from tests.shared_data import SHARED, needs_shared

NOISE: dict[str, Callable[[random.Random], str]] = {
    "letters of many scripts": lambda pick: "".join(chr(pick.randrange(0x1200, 0x1A00)) for _ in range(40)),
    "printable": lambda pick: "".join(pick.choice(string.printable[:94]) for _ in range(60)),
    "replacement characters": lambda pick: "\ufffd" * pick.randrange(5, 50),
    "markup": lambda pick: f'<div class="x{pick.randrange(99)}">',
    "a hash": lambda pick: f"{pick.getrandbits(128):032x}",
    "words": lambda pick: f"@@@@ garbage line {pick.randrange(1000)} @@@@",
}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("·", "no letter in it"),
        ("-- ** --", "no letter in it"),
        ("<div class='card'>", "markup"),
        ("</p>", "markup"),
        ("a\ufffd\ufffd\ufffdb\ufffd\ufffd", "characters that cannot be read"),
        ("P\x00N\x01G", "characters that cannot be read"),
        ("ኙᐲᦐ ᢽকኙᐲ", "letters of many scripts"),
        ("q#9{x}~!2@&^*(_+zz%$1", "hardly a word in it"),
    ],
)
def test_line_that_nobody_wrote_is_refused_with_its_reason(line: str, reason: str) -> None:
    assert unreadable(line) == reason


@pytest.mark.parametrize(
    "line",
    [
        "7",
        "GPT-4V(ision) Is a Generalist: 3D, 4-bit & O(n log n)",
        "<think> or Not: When Reasoning Helps",
        "量子计算 and the Überblick: naïve μ-Architectures 🧠",
        "\U0001d4d0 \U0001d4db\U0001d4fc-Norm for \u211d-Valued SNNs",
        "Tifinagh ⵣ OCR",
        "R1-Zero/Llama-3.1-8B-Instruct vs. DeepSeek-V3.2-Exp",
        "caf\ufffd latte: one character lost on the way to a text of forty letters",
    ],
)
def test_odd_titles_pass(line: str) -> None:
    assert unreadable(line) is None


@needs_shared
@pytest.mark.parametrize("way", ["replaced", "inserted", "in the middle"])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(
    "name", ["000_3e8dfadb474fb505.txt", "003_bd246a5e5982f752.txt", "004_83ea488732508b98.txt"]
)
def test_real_dump_of_which_a_third_is_noise_is_held(name: str, noise: str, way: str) -> None:
    pick = random.Random(f"{name} {noise} {way}")
    lines = (SHARED / "dumps" / name).read_text("utf-8").split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    third = len(filled) // 3
    chosen = filled[third : 2 * third] if way == "in the middle" else sorted(pick.sample(filled, third))
    for number in reversed(chosen):
        lines[number : number + (way != "inserted")] = [NOISE[noise](pick)]
    held = why_held(read_listing("\n".join(lines).encode(), name=name))
    assert held is not None
    assert "could not be read" in held


@needs_shared
@pytest.mark.parametrize("name", sorted(path.name for path in (SHARED / "dumps").glob("*.txt")))
def test_real_dump_is_not_held(name: str) -> None:
    assert why_held(read_listing((SHARED / "dumps" / name).read_bytes(), name=name)) is None
