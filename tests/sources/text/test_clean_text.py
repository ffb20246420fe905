"""Texts as pages, mails and exports hold them, and what readers of the newsletter see of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.entries import clean_text
from tests.sources.shapes.records import real_records, shipped_records

MENDED = {
    # TeX that lost its backslashes
    "8.2times less, 250times faster, 10x": "8.2× less, 250× faster, 10x",
    "ImageNet 256times256, 1024 times 768 px, 64times64times4": "ImageNet 256×256, 1024 × 768 px, 64×64×4",
    "a single 8timesA800 GPU, 15timessim50times": "a single 8×A800 GPU, 15×∼50×",
    "10timesfaster": "10× faster",
    "an N times N grid": "an N × N grid",
    "2 times 2 design, a 12^3 times 4 grid": "2 × 2 design, a 12³ × 4 grid",
    "R^2 and m^2, M^3Bench, 10^{-3}, 10^-6": "R² and m², M³Bench, 10⁻³, 10⁻⁶",
    "x^{2k}, n^{th}, 360^circ, 20^{circ}, R^{m times n}": "x^(2k), nth, 360°, 20°, R^(m × n)",
    "pi_0 and pi_{0.5}, ell_1, G_{stack}, X_{12}": "π₀ and π_0.5, ℓ₁, G_stack, X₁₂",
    "nabla^2DFT": "∇²DFT",
    "5.7% rightarrow 25.4%, (0.73rightarrow0.90)": "5.7% → 25.4%, (0.73→0.90)",
    "ENleftrightarrowFR, +20%uparrow, A Rightarrow B": "EN↔FR, +20%↑, A ⇒ B",
    "a (sim100B) model, sim1% and {sim}20%": "a (∼100B) model, ∼1% and ∼20%",
    "leq50K documents, geq 5, infty-LLMs, O(N cdot T)": "≤50K documents, ≥ 5, ∞-LLMs, O(N · T)",
    "7{times} faster": "7× faster",
    "binary (pm1) layers": "binary (±1) layers",
    # TeX with them
    r"$\alpha$-divergence of \emph{many} \textbf{kinds}": "α-divergence of many kinds",
    r"$10^{-3}$, $R^2$, a $\sim$4,693 and $>$92%": "10⁻³, R², a ∼4,693 and >92%",
    r"when $\beta = 0^{ \circ} $ and $ \left| GHZ \right\rangle$": "when β= 0° and | GHZ ⟩",
    r"$A_{\sf{vac}}$, ${\rm GL}(N)$, a $\unicode{x2013}$ b": "A_vac, GL(N), a – b",
    r"3$d\rightarrow\ $2$p$ and $\sim$$4{,}693\times$": "3d→2p and ∼4,693×",
    r"{\em a priori\/} bounds": "a priori bounds",
    r"\texttt{Tool}: \textsf{a} \textup{b} \textmd{c} \mbox{d} \uline{e} \fbox{f}": "Tool: a b c d e f",
    r"at \href{https://x.org/a}{\texttt{https://x.org/a}}": "at https://x.org/a",
    r"$\mathbb{C}^{q^n}$ and a name$^\circledR$": "ℂ^(qⁿ) and a name®",
    # quotes, ties, dashes, marks of Markdown
    "``quoted'' and ``fake\" and `lazy' words": "“quoted” and “fake” and ‘lazy’ words",
    "a ''staircase'' of ''Shift-Left''": "a “staircase” of “Shift-Left”",
    "``Let's think'' and `don't'": "“Let's think” and ‘don't’",
    "Models~(LLMs), 22~nm, IEEE~754, Fig.~3, 256~×~256": "Models (LLMs), 22 nm, IEEE 754, Fig. 3, 256 × 256",
    "code at~https://example.org/a": "code at https://example.org/a",
    "Runge--Kutta, 5--12times, and---so": "Runge–Kutta, 5–12×, and—so",
    "a **bold** claim": "a bold claim",
    # characters
    "soft\u00adhyphen, zero\u200bwidth, e\u0301t\u00e9, a\u00a0b": "softhyphen, zerowidth, été, a b",
    "e\ufb03cient \ufb01ne-tuning \ufb02ow": "efficient fine-tuning flow",
    "Ｄｅｅｐ　Ｌｅａｒｎｉｎｇ，２０２５：a（short）survey。": "Deep Learning,2025: a (short) survey.",
    # bytes read in a wrong encoding, once or twice
    "caf\u00c3\u00a9, it\u00e2\u20ac\u2122s, na\u00c3\u00afve": "café, it’s, naïve",
    "it\u00e2\u0080\u0099s \u00e2\u0080\u009cso\u00e2\u0080\u009d": "it’s “so”",
    "caf\u00c3\u0192\u00c2\u00a9": "café",
    "\u00ce\u00b1-decay, 5 \u00c2\u00b5m, 10 \u00c3\u2014 20": "α-decay, 5 µm, 10 × 20",
    "\u00e4\u00bd\u00a0\u00e5\u00a5\u00bd": "你好",
    "\u00f0\u0178\u02dc\u20ac": "😀",
    r"caf\u00e9 \ud83d\ude00": "café 😀",
    "Andr=C3=A9 =E2=80=93 so": "André – so",
    # entities and tags
    "A &amp; B, &lt;5, &#233;t&#xe9;, &amp;amp; &amp;lt;": "A & B, <5, été, & <",
    "H<sub>2</sub>O, 10<sup>&minus;3</sup>, x<sup>n</sup>, <i>in vitro</i>": "H₂O, 10⁻³, xⁿ, in vitro",
    "<p>One.</p><p>Two <a href='https://x.org'>link</a>.<br/>": "One. Two link.",
    "<jats:p>A <jats:italic>word</jats:italic></jats:p>": "A word",
    "&lt;b&gt;G&lt;/b&gt;en": "Gen",
}
KEPT = (
    "many times faster, 5 times a day, at times, 3 times 2 days later, in times of need, New York Times 2024",
    "sim2real and sim2sim transfer, a sim of it, approx 30 items, the SIM7000",
    "arrows point right, an arrowhead, Right Arrow, rightarrows",
    "alpha and beta, alpha1, snake_case_0, file_1.txt, f_1",
    "<think> … </think>, <s>, <EOS>, <i|j>, <u|v>, x<b and c>d, a < b > c, <subject, object>",
    "https://example.org/~me/a--b^2_{x}``y''",
    "see example.github.io/x--y and www.example.org/~a",
    "about ~2%, 5~10, 75%~89%, p~x, y ~ x, z~1",
    "use --flag and -v, a --> b, C-- and C++, so -- they say -- it is, word-- next",
    "`code` and `more code`, users' data, 'single', the model's, f''(x), 5'10''",
    "2^0.5 and k^1/2, 2^n, ^_^, a^b",
    "AT&T, R&D, a&b;, 50% & more",
    "Poincaré–Bendixson, naïve, Ångström, Ã, “so”, façade—café",
    "大模型（LLM）：一个研究，很好。日本語、テスト。韓国",
    "x = 5 and y=A0, a=C3",
    "{0, 1}, {-1, 1}, {a}, set {x: x > 0}",
    "2**3, *a*, ** and **, a**b**c",
    "infinity, equal, sequel, colleague, transaction, LEQ",
    "2 pm 5 pm, 3 pm",
    "ΔE, λ, π, µm, №5, ½, 10³",
)


@pytest.mark.parametrize(("source", "expected"), MENDED.items(), ids=MENDED)
def test_leftovers_become_readable(source: str, expected: str) -> None:
    assert clean_text(source) == expected


@pytest.mark.parametrize("source", KEPT, ids=KEPT)
def test_right_text_stays(source: str) -> None:
    assert clean_text(source) == source


def test_cleaned_text_is_not_changed_again() -> None:
    cleaned = [clean_text(text) for text in (*MENDED, *KEPT)]
    cleaned += [
        clean_text(text)
        for paper in (*shipped_records(), *real_records()[7::20])
        for text in (paper.title, paper.abstract)
    ]
    assert [clean_text(text) for text in cleaned] == cleaned


PIECES = (
    *(
        "1times",
        "times 2",
        "^{",
        "_{1}",
        "}",
        "``",
        "''",
        "`a",
        "~",
        "--",
        "**",
        "<sub",
        "<a b=c",
        "</",
        ">",
        "&amp;",
    ),
    *(
        "\u00c3",
        "\u00a9",
        "\uff08",
        "=C3",
        "\\u00",
        "pi_0",
        "rightarrow",
        "sim10",
        "https://",
        " ",
        "a",
        "'",
        '"',
    ),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text())
def test_no_text_raises(source: str) -> None:
    assert isinstance(clean_text(source), str)
