"""The simultaneous band: by hand, and how often it holds the whole curve."""

import numpy as np
import pytest
from scipy import stats

from analysis.coverage import processes
from analysis.statistics.simultaneous_band import band, simultaneous_band


def test_bonferronis_quantile_by_hand():
    curves = np.array([[0.1, 0.5], [0.2, 0.4], [0.6, 0.3]])
    low, high = band(curves + 0.2, np.full_like(curves, 0.2), 0.95)
    # t(1 - 0.05 / 4, 2) = 6.205347; SD of 0.1, 0.2, 0.6 is √0.07.
    assert high[0] == pytest.approx(0.3 + 6.205347 * np.sqrt(0.07 / 3), rel=1e-6)
    assert low[0] == pytest.approx(0.6 - high[0])


def test_one_epoch_is_students_interval():
    values = np.random.default_rng(2).normal(size=(20, 1))
    expected = stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.95)
    np.testing.assert_allclose(np.concatenate(band(values, 0 * values, 0.95)), expected)


def test_a_single_run_has_no_band():
    assert np.isnan(band(np.array([[0.1, 0.2]]), np.zeros((1, 2)), 0.95)).all()


@pytest.mark.parametrize(("n", "rho"), [(20, 0.0), (5, 0.7)])
def test_the_whole_curve_is_held_as_often_as_said(n, rho):
    ours, reference = processes.runs("normal", rho, (2, 400, n), np.random.default_rng(5))
    low, high = band(ours, reference, 0.95)
    pointwise = [band(ours[..., [epoch]], reference[..., [epoch]], 0.95) for epoch in range(processes.EPOCHS)]
    assert 0.92 <= ((low <= 0) & (high >= 0)).all(axis=-1).mean() <= 0.99
    assert np.mean(np.all([(a <= 0) & (b >= 0) for a, b in pointwise], axis=0)) < 0.8  # so that the test can tell


def test_the_table(two_variants):
    rng = np.random.default_rng(6)
    ours, baseline = rng.random((12, 3)), rng.random((12, 3))
    table = simultaneous_band(two_variants(ours, baseline, diverged={0}), "dense", confidence=0.95)
    assert table["variant"].tolist() == ["sparse"] * 3
    assert table["epoch"].tolist() == [1, 2, 3]
    assert (set(table["n"]), set(table["n_diverged"])) == ({12}, {1})
    assert table["mean"].tolist() == pytest.approx((ours - baseline).mean(axis=0))
    assert (table["low"] < table["mean"]).all()
    assert (table["high"] - table["mean"]).tolist() == pytest.approx((table["mean"] - table["low"]).tolist())
    assert set(table["interval"]) == {"Bonferroni, Student t"}
