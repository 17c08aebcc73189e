"""Tables in LaTeX keep to the page and are escaped."""

import re

import pandas as pd

from analysis.tables import latex

WIDE = pd.DataFrame(
    [{"Model": "NIST, 98 %", "Test": "Konietschke–Pauly", "Note": "a long remark " * 8, "p": "< 0.0001"}]
)


def test_columns_of_a_wide_table_share_a_line_by_their_words_and_texts():
    shares = [float(share) for share in re.findall(r"\\dimexpr([0-9.]+)\\linewidth", latex.render(WIDE, "", "t"))]
    assert len(shares) == 4
    assert abs(sum(shares) - 1) < 0.005
    words = [len("NIST,"), len("Konietschke–Pauly"), len("remark"), len("0.0001")]
    assert all(share * latex.LINE["\\footnotesize"] >= word for share, word in zip(shares, words, strict=True))
    assert max(shares) == shares[2]


def test_a_narrow_table_is_as_wide_as_its_text():
    assert r"\begin{tabular}{ll}" in latex.render(WIDE[["Model", "p"]], "", "t")


def test_a_long_table_continues_on_the_next_page_with_its_note_at_the_end():
    text = latex.render(pd.concat([WIDE] * (latex.PAGE + 1)), "Not run: 98 %.", "t")
    assert text.endswith("\\end{longtable}\n\\par Not run: 98~\\%.\n")
    assert r"\begin{table}" not in text
    assert "longtable}" not in latex.render(WIDE, "", "t").removeprefix(latex.NEEDS)


def test_signs_that_latex_would_take_for_others_are_escaped():
    text = latex.render(pd.DataFrame([{"p_1": r"< 0.05 & > 0 \ # $ ~ ^ {} ±1"}]), "", "50 % → 10⁹")
    assert r"$<$ 0.05 \& $>$ 0 \textbackslash{} \# \$ \textasciitilde{} \textasciicircum{} \{\} $\pm$1 \\" in text
    assert r"\caption{50~\% $\to$ 10\textsuperscript{9}}" in text
    assert r"p\_1 \\" in text
