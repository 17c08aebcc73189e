"""Mean ranks over seeds, by hand and against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.holm import corrected
from analysis.statistics.ranks import ranks


def scores(**accuracies):
    """The statistic ``run_scores`` of variants with these last accuracies; peaks are a point higher."""
    rows = [
        {"study": "s", "variant": name, "seed": seed, "score": score, "accuracy": accuracy + higher, "diverged": False}
        for score, higher in (("peak", 0.02), ("peak_final", 0.01), ("last", 0.0))
        for name, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    return pd.DataFrame(rows)


def of(frame, score="last"):
    return frame[frame["score"] == score].set_index("variant")


def test_ranks_by_hand():
    found = ranks(scores(a=[0.9, 0.8, 0.7], b=[0.8, 0.8, 0.9], c=[0.1, 0.2, 0.3]))
    last = of(found)
    assert last["rank"].to_dict() == {"a": pytest.approx(1.5), "b": pytest.approx(1.5), "c": 3.0}
    assert (last["n"] == 3).all()
    assert (last["variants"] == 3).all()
    assert of(found, "peak_final")["rank"].to_dict() == last["rank"].to_dict()
    # Medians are 0.8, 0.8 and 0.2; b has two runs at its median, a and c one each.
    steady = of(found, "deviation")
    assert steady["rank"].to_dict() == pytest.approx({"a": 13 / 6, "b": 5 / 3, "c": 13 / 6})


def test_differences_that_are_equal_but_for_rounding_are_ties():
    # Exact p of a and b is 0.0234, Holm's of the least of three 0.07; with ties broken by rounding 0.047.
    a, b = [0.08, 0.08, 0.02, 0.02, 0.04, 0.03, 0.06, 0.0], [0.1, 0.11, 0.06, 0.03, 0.07, 0.1, 0.05, 0.02]
    found = of(ranks(scores(a=a, b=b, c=[0.0, 0.2] * 4)))
    assert found.loc["a", "alike"] == "b c"


def test_p_is_friedmans_and_pairs_are_wilcoxons_by_holm():
    rng = np.random.default_rng(0)
    values = {name: rng.normal(mean, 0.02, 15) for name, mean in (("a", 0.9), ("b", 0.89), ("c", 0.8), ("d", 0.805))}
    found = of(ranks(scores(**values)))
    assert found["p"].iloc[0] == pytest.approx(stats.friedmanchisquare(*values.values()).pvalue)
    pairs = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    p = corrected(np.array([stats.wilcoxon(values[one], values[other], method="exact").pvalue for one, other in pairs]))
    alike = {frozenset(pair) for pair, value in zip(pairs, p, strict=True) if value >= 0.05}
    assert {frozenset((one, other)) for one, row in found.iterrows() for other in row["alike"].split()} == alike
    assert 0 < len(alike) < 6


def test_variants_can_be_left_out_and_seeds_that_not_all_have_are():
    frame = scores(dense=[1.0, 1.0, 1.0], a=[0.9, 0.8, 0.7], b=[0.8, 0.7], c=[0.7, 0.9, 0.9])
    found = of(ranks(frame, left_out=("dense",)))
    assert [*found.index] == ["a", "b", "c"]
    assert found["rank"].to_dict() == {"a": 1.5, "b": 2.5, "c": 2.0}
    assert (found["n"] == 2).all()


def test_two_variants_or_one_seed_have_no_rows():
    assert ranks(scores(a=[0.9, 0.8], b=[0.8, 0.7])).empty
    assert ranks(scores(a=[0.9], b=[0.8], c=[0.7])).empty


def test_variants_that_are_all_the_same_are_alike():
    found = of(ranks(scores(a=[0.5, 0.6], b=[0.5, 0.6], c=[0.5, 0.6])))
    assert (found["rank"] == 2).all()
    assert (found["p"] == 1).all()
    assert found.loc["a", "alike"] == "b c"
