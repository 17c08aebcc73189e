"""Where a test rejects, and where exactly it stops doing so."""

import numpy as np
import pytest

from analysis.statistics import (
    brown_forsythe,
    equivalence,
    paired_difference,
    rejections,
    sd_permutation,
    superiority,
    wilcoxon,
)

# A level of one half is exact in binary, so that a p can lie on it.
SETTINGS = rejections.Settings(alternative="two-sided", confidence=0.5, margin=0.005)
TESTS = {
    wilcoxon.TEST: (wilcoxon, "signed_rank"),
    sd_permutation.TEST: (sd_permutation, "permutation_test"),
    brown_forsythe.TEST: (brown_forsythe, "brown_forsythe_test"),
    superiority.TEST: (superiority, "superiority_test"),
    equivalence.TEST: (equivalence, "equivalence_test"),
    paired_difference.TEST: (paired_difference, "paired_test"),
}


@pytest.fixture
def rejects():
    curves = rejections.of_curves(4, 99, SETTINGS, np.random.default_rng(0))
    return curves | rejections.of_scores(SETTINGS)


@pytest.mark.parametrize(("p", "is_rejected"), [(0.5, True), (np.nextafter(0.5, 1), False)])
@pytest.mark.parametrize("name", TESTS)
def test_a_p_at_the_level_rejects_and_none_above_it(rejects, monkeypatch, name, p, is_rejected):
    monkeypatch.setattr(*TESTS[name], lambda *arms, **options: {"p": p})
    arms = np.ones((4, 3)), np.ones((4, 3))
    assert rejects[name](*arms) == is_rejected


def test_epochs_of_the_same_spread_are_not_lower():
    share = rejections.of_curves(2, 9, SETTINGS._replace(confidence=0.95), np.random.default_rng(0))[
        "Wilson interval over epochs"
    ]
    other = np.array([[0.0] * 20, [1.0] * 20])
    ours = np.array([[0.0] * 20, [0.5] * 10 + [1.0] * 10])  # lower in ten epochs, the same in ten
    assert not share(ours, other)
    assert share(ours[:, :10], other[:, :10])


@pytest.mark.parametrize(
    ("low", "high", "is_left_out"), [(0, 1, False), (-1, 0, False), (0.1, 1, True), (-1, -0.1, True)]
)
def test_an_interval_that_ends_at_zero_has_it(low, high, is_left_out):
    assert rejections._leaves_out_zero({"low": low, "high": high}) == is_left_out
