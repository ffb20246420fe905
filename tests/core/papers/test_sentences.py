"""Where the sentences of an abstract end, and where they do not."""

from __future__ import annotations

import pytest

from newsletter.core.papers.sentences import MOST_READ, clause_ends, sentence_spans


def split(text: str) -> list[str]:
    return [text[begin:end] for begin, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Lamps by Smith et al. (2020) burn.",
        "As Smith et al. Show, lamps burn.",
        "See Fig. 2 and Figs. 3 of it.",
        "By Eq. (4) and Eqs. 5 it holds.",
        "Many lamps, e.g. LED ones, burn.",
        "Many lamps (e.g. LED ones) burn.",
        "Lamps, i.e. LEDs, burn.",
        "We compare LED vs. OLED lamps.",
        "It converges w.r.t. L2 loss.",
        "Dr. Ada and Prof. Bo agree.",
        "The lamp of J. A. Smith burns.",
        "The lamp of J.-P. Serre burns.",
        "It took 3.5 hours and 1.2e-3 J.",
        "Version v2.1.3 and GPT-3.5 Turbo burn.",
        "It is on https://lamps.example.org/a.B?c=D. and elsewhere, too.",
        "Node.js and torch.nn.Module burn.",
        "The bound is $x. Y < 3$ of it.",
        "The bound is $$a! B$$ of it.",
        r"The bound is \(x. Y\) of it.",
        "Lamps burn ... and burn.",
        "Lamps burn… and burn.",
        "The U.S. Department of lamps.",
        "It burns (Sec. 3).",
        "It burns (we show it. Twice) well.",
        'We ask "does it burn?" of lamps.',
        "It has (i) wires; (ii) bulbs.",
        "It has two parts: 1. Wires and 2. Bulbs.",
        "Lamps No. 5 and No. 6 burn.",
        "It is sold by Lamps Inc. Berlin.",
        "no end",
        "Lamp",
    ],
)
def test_this_is_one_sentence(sentence: str) -> None:
    assert split(sentence) == [sentence]
    following = split(f"{sentence} We follow.")
    assert following == ([sentence, "We follow."] if sentence[-1] == "." else [f"{sentence} We follow."])


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It burns. We follow.", ["It burns.", "We follow."]),
        ("It burns in the U.S. We follow.", ["It burns in the U.S.", "We follow."]),
        ("Wires, bulbs, etc. The rest follows.", ["Wires, bulbs, etc.", "The rest follows."]),
        ("So say Smith et al. However, it burns.", ["So say Smith et al.", "However, it burns."]),
        ("It needs vitamin C. We follow.", ["It needs vitamin C.", "We follow."]),
        ("It beats GPT-4. It burns.", ["It beats GPT-4.", "It burns."]),
        ("It gains 12.5%. 3 lamps burn.", ["It gains 12.5%.", "3 lamps burn."]),
        ("It burns.We follow.", ["It burns.", "We follow."]),
        ("It burns (well).We follow it.", ["It burns (well).", "We follow it."]),
        ("It “burns.” We follow.", ["It “burns.”", "We follow."]),
        ('It "burns." We follow.', ['It "burns."', "We follow."]),
        ("Does it burn? Yes! It does.", ["Does it burn?", "Yes!", "It does."]),
        ("It burns... We follow.", ["It burns...", "We follow."]),
        ("It burns. vLLM follows.", ["It burns.", "vLLM follows."]),
        ("It burns. zip2zip follows.", ["It burns.", "zip2zip follows."]),
        ("It burns. % We follow.", ["It burns.", "We follow."]),
        ("It burns. • We follow.", ["It burns.", "We follow."]),
        ("It burns. $x$ follows.", ["It burns.", "$x$ follows."]),
        ("It costs $5. We pay $10.", ["It costs $5.", "We pay $10."]),
        ("It burns.\nWe\nfollow.", ["It burns.", "We\nfollow."]),
        ("A heading\n\nWe follow.", ["A heading", "We follow."]),
        ("灯が光る。次に続く。", ["灯が光る。", "次に続く。"]),
        ("(It burns.) We follow.", ["(It burns.)", "We follow."]),
        ("It burns (a stray one. We follow.", ["It burns (a stray one.", "We follow."]),
        ("1. First it burns. 2. Then it ends.", ["1. First it burns.", "2. Then it ends."]),
        ("Code: https://a.example/b.c. We follow.", ["Code: https://a.example/b.c.", "We follow."]),
        ("", []),
        (" \n ", []),
        ("...", ["..."]),
    ],
)
def test_text_is_split_after_sentences(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_long_text_is_read_up_to_a_limit() -> None:
    assert sentence_spans("語" * 100_000) == [(0, MOST_READ)]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("It burns, and it glows; it ends", ["It burns", "It burns, and it glows"]),
        ("It burns (wires, bulbs), and ends", ["It burns (wires, bulbs)"]),
        ("It costs 1,000 at 12:30 or $f(x, y)$", []),
        ("It burns — well", ["It burns"]),
        ("灯が光る，次に続く", ["灯が光る"]),
    ],
)
def test_clause_ends_before_its_sign(text: str, clauses: list[str]) -> None:
    assert [text[:end] for end in clause_ends(text, 0, len(text))] == clauses
