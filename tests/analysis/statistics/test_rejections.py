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
    wilcoxon.TEST: (wilcoxon, "p_values"),
    sd_permutation.TEST: (sd_permutation, "permutation_test"),
    brown_forsythe.TEST: (brown_forsythe, "brown_forsythe_test"),
    superiority.TEST: (superiority, "rank_effect"),
    equivalence.TEST: (equivalence, "equivalence_test"),
    paired_difference.TEST: (paired_difference, "student"),
}


@pytest.fixture
def rejects():
    curves = rejections.of_curves(4, 99, SETTINGS, np.random.default_rng(0))
    return curves | rejections.of_scores(SETTINGS)


@pytest.mark.parametrize("name", TESTS)
def test_a_p_at_the_level_rejects_and_none_above_it(rejects, monkeypatch, name):
    p = np.array([0.5, np.nextafter(0.5, 1), np.nan])
    monkeypatch.setattr(*TESTS[name], lambda *arms, **options: p if name == wilcoxon.TEST else {"p": p})
    arms = np.ones((3, 4, 3)), np.ones((3, 4, 3))
    assert rejects[name](*arms).tolist() == [True, False, False]


def test_epochs_of_the_same_spread_are_half_a_success():
    share = rejections.of_curves(2, 9, SETTINGS._replace(confidence=0.95), np.random.default_rng(0))[rejections.WILSON]
    other = np.array([[[0.0] * 20, [1.0] * 20]])
    ours = np.array([[[0.0] * 20, [0.5] * 8 + [1.0] * 12]])  # lower in eight epochs, the same in twelve
    assert not share(ours, other).any()
    assert share(ours[..., :10], other[..., :10]).all()
    assert not share(other, other).any()
