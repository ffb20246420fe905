from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.text.latex import readable
from tests.growth import assert_linear

CASES = {
    # seen in real dumps
    r"below -150{\deg}C": "below -150°C",
    r"over 85\% and below 19\%, 100% sure": "over 85% and below 19%, 100% sure",
    r"mock caf\'e domains": "mock café domains",
    r"overparameterized ans\"atze.": "overparameterized ansätze.",
    r"non-uniform, \eg, hexagonal": "non-uniform, e.g., hexagonal",
    r"wafer), \$184M, then \$2 and \$3": "wafer), $184M, then $2 and $3",
    "a textbf{Gen}erattextbf{i}ve textbf{e}ngine": "a Generative engine",
    "mathcal O_i(u) = sigmaleft( sum_j mathcal W_{ij} u": "O_i(u) = sigmaleft( sum_j W_{ij} u",
    "train 5--12times faster": "train 5--12times faster",
    r"(sim1\% robustness)": "(sim1% robustness)",
    # fonts, letters, signs
    r"\textbf{85% of} \emph{it, \textit{all}}": "85% of it, all",
    r"{\em some words} {\bf x}": "some words x",
    r"{\'e}t\'{e} na\"{\i}ve \c{c}a \v s Erd\H{o}s": "été naïve ça š Erdős",
    r"\L{}ukasz \O rsted \ss": "Łukasz Ø rsted ß",
    r"\LaTeX{} at 30^\circ and 5 \textdegree": "LaTeX at 30° and 5 °",
    r"10\,000 lines \\ more": "10 000 lines   more",
    r"\etal. say so, \ie. no": "et al. say so, i.e. no",
    r"\url{https://github.com/a/b_c}": "https://github.com/a/b_c",
    r"\href{https://x.y}{here}": "here (https://x.y)",
    r"https:\/\/github.com\/a": "https://github.com/a",
    r"as in \cite{one,two}": "as in [one,two]",
    # formulas
    r"in $O(n^{2})$, $\mathcal{O}(n\log n)$": "in O(n²), O(n log n)",
    r"$\alpha$-decay $10^{-3}$ $x_{\max}$ $x^{2k}$": "α-decay 10⁻³ x_max x^(2k)",
    r"$\sqrt{2}$ $\frac{a}{b}$ 5$\times$ $85\%$": "√2 a/b 5× 85%",
    r"$\ell_1$ $\mathbb{R}^d$ $\mathcal{L}$": "ℓ₁ ℝ^d L",
    r"\(x^2\) and \[ y_i \] and $$E=mc^2$$": "x² and yᵢ and E=mc²",
    r"30$^\circ$C, $|\psi\rangle$, \ket{0}": "30°C, |ψ⟩, |0⟩",
    r"Bi$_2$Sr$_2$CaCu$_2$O$_{8+\delta}$": "Bi₂Sr₂CaCu₂O_(8+δ)",
    r"$p < 0.05$ if $n=5$": "p < 0.05 if n=5",
    r"a $\sim$5\% gain, Readability $\ne$ Learnability": "a ∼5% gain, Readability ≠ Learnability",
    r"$D^2GS$, SAEs $\textit{Can}$, $^{13}$C, Mobi-$π$": "D²GS, SAEs Can, ¹³C, Mobi-π",
    r"$\frac$ \frac{a} $\hat$ $\frac12$": r"$\frac$ \frac{a} $\hat$ 1/2",
    # no LaTeX at all
    "costs $5 and $6, US$5 million to US$6 million": "costs $5 and $6, US$5 million to US$6 million",
    r"the model\'s \"best\" thing": 'the model\'s "best" thing',
    "f(context{a}, {b})": "f(context{a}, {b})",
    r"C:\data\new, \n and \t": r"C:\data\new, \n and \t",
    r"\foo{bar} and $\foo x$": r"\foo{bar} and $\foo x$",
    r"{\unknown} \textbf \sqrt 2 $ \ {": r"{\unknown} \textbf \sqrt 2 $  {",
    "100% of it # and & _ ~ ^": "100% of it # and & _ ~ ^",
}


@pytest.mark.parametrize(("source", "expected"), CASES.items(), ids=CASES)
def test_residue_becomes_readable_and_the_rest_stays(source: str, expected: str) -> None:
    assert readable(source) == expected


HARD = {
    "backslashes": "\\" * 20_000,
    "braces": "{" * 20_000,
    "closing braces": "}" * 20_000,
    "open commands": "\\textbf{" * 20_000,
    "commands": "\\alpha{x}" * 20_000,
    "open options": "\\a[" * 20_000,
    "accents": "\\'" * 20_000,
    "umlauts": '\\"a' * 20_000,
    "braced accents": "{\\'e" * 20_000,
    "dollars": "$a" * 20_000,
    "double dollars": "$$" * 20_000,
    "brackets": "\\(" * 20_000,
    "lost commands": "textbf{" * 20_000,
    "lost alphabets": "mathcal" * 20_000,
    "deep scripts": "$" + "x^{" * 90 + "}" * 90 + "$",
    "deep braces": "$" + "{" * 140 + "}" * 140 + "$",
    "deep roots": ("$" + "\\sqrt" * 50 + "$ ") * 100,
    "different formulas": "".join(f"$x_{{{n}}}\\alpha$ " for n in range(10_000)),
}


@pytest.mark.parametrize("source", HARD.values(), ids=HARD)
def test_hard_text_costs_no_more_a_character(source: str) -> None:
    assert_linear(readable, source, source * 8)


pieces = st.sampled_from(
    [
        *(
            "\\",
            "$",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            "^",
            "_",
            "%",
            "~",
            "&",
            "#",
            "'",
            '"',
            "`",
            " ",
            "\n",
            "a",
        ),
        *(
            "textbf{",
            "mathcal ",
            "\\alpha",
            "\\frac",
            "\\sqrt",
            "\\'e",
            "\\begin{x}",
            "\\end{x}",
            "\\\\",
            "\\[",
        ),
        *(
            "\\verb|",
            "\\item",
            "\\input{x}",
            "\\today",
            "é",
            "\ud800",
            "\x00",
            "\\left",
            "\\right",
            "\\mathbb",
        ),
    ]
)


@given(st.lists(pieces, max_size=60).map("".join) | st.text())
def test_no_text_raises(source: str) -> None:
    assert isinstance(readable(source), str)


@given(st.text(st.characters(exclude_characters="\\${}")))
def test_text_without_marks_comes_back_as_it_is(source: str) -> None:
    if not any(word in source for word in ("mathcal", "mathbb", "mathbf", "mathrm", "mathfrak", "mathscr")):
        assert readable(source) == source


plain = st.text(st.characters(categories=["L", "N"], include_characters=" ,.%-"), max_size=40)


@given(
    plain,
    st.sampled_from([(r"{\deg}", "°"), (r"\%", "%"), (r"$\alpha$", "α"), (r"\foo{x}", r"\foo{x}")]),
    plain,
)
def test_text_around_a_span_is_untouched(before: str, span: tuple[str, str], after: str) -> None:
    assert readable(f"{before} {span[0]} {after}") == f"{before} {span[1]} {after}"
