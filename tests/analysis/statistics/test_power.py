"""Power: against R, against simulation of the very tests, and where it has no answer."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from analysis.coverage import processes
from analysis.statistics import resampling
from analysis.statistics.paired_difference import paired_test
from analysis.statistics.power import detectable_mean, power, pseudovalue_sd, t_test_power, values_needed
from analysis.statistics.sd_permutation import permutation_test


def test_against_r():
    # power.t.test(n = 20, sd = 1, power = 0.8, type = "one.sample")$delta, and with delta = 0.5 the n
    assert detectable_mean(1, 20) == pytest.approx(0.66044090857, rel=1e-5)  # to the tolerance of R's root
    assert detectable_mean(0.03, 20) == pytest.approx(0.03 * 0.66044090857, rel=1e-5)
    assert values_needed(-0.5, 1) == math.ceil(33.367204088)


def by_definition(effect, n):
    """Probability that |mean / (SD / √n)| is beyond the critical value, integrated over the SD."""
    critical, mean = stats.t.isf(0.025, n - 1), effect * math.sqrt(n)
    scale = 1 / math.sqrt(n - 1)

    def density(sd):
        beyond = stats.norm.sf(critical * sd - mean) + stats.norm.cdf(-critical * sd - mean)
        return beyond * stats.chi.pdf(sd, n - 1, scale=scale)

    return integrate.quad(density, 0, 20, points=[mean / critical], limit=500)[0]


@pytest.mark.parametrize("n", [2, 3, 20])
def test_the_power_is_that_of_the_definition(n):
    for effect in np.logspace(-2, 1.3, 16):
        assert t_test_power(effect, n) == pytest.approx(by_definition(effect, n), abs=1e-9)


@pytest.mark.parametrize("n", [2, 3, 20])
@pytest.mark.parametrize("share", [0.05001, 0.5, 0.9, 0.99])
def test_what_is_detectable_is_found_that_often(n, share):
    assert by_definition(detectable_mean(1, n, share), n) == pytest.approx(share, abs=1e-9)


def test_the_seeds_needed_for_what_is_detectable_are_those_there_are():
    assert values_needed(detectable_mean(0.02, 37) * (1 + 1e-9), 0.02) == 37


def test_large_and_tiny_effects():
    assert values_needed(50, 1) == values_needed(1e9, 1) == 2
    # power.t.test(delta = 0.05, …)$n, and 0.0999, 0.1001 on either side of where Guenther's formula takes over
    assert [values_needed(delta, 1) for delta in (0.05, 0.0999, 0.1001)] == [3142, 789, 786]
    assert values_needed(1e-17, 1) > 1e30


def test_no_answer():
    assert values_needed(0, 1) == math.inf
    assert np.isnan([values_needed(0.1, np.nan), values_needed(0.1, 0), values_needed(np.nan, 1)]).all()
    assert np.isnan([detectable_mean(1, 1), detectable_mean(np.nan, 20)]).all()
    assert detectable_mean(1, 20, power=0.05) == 0  # of the tests of nothing at all as many find something


def test_pseudovalues_by_hand():
    # SDs 1 and 2 of three runs; without a run, those of two: differences over √2.
    ours, reference = np.array([[1.0], [2.0], [3.0]]), np.array([[0.0], [4.0], [2.0]])
    ratio, sd = pseudovalue_sd(ours, reference)
    assert ratio == pytest.approx(np.log(1 / 2))
    leaving_one_out = np.log([1 / 2, 2 / 2, 1 / 4])
    pseudovalues = 3 * ratio - 2 * leaving_one_out
    assert sd == pytest.approx(pseudovalues.std(ddof=1))


def test_a_mean_difference_that_is_detectable_is_detected_in_80_percent():
    rng = np.random.default_rng(0)
    mean = detectable_mean(1, 20)
    found = [paired_test(sample + mean, np.zeros(20))["p"] <= 0.05 for sample in rng.standard_normal((1000, 20))]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_an_sd_ratio_that_is_detectable_is_detected_in_80_percent():
    # The detectable ratio is an estimate from each sample; its mean is tried on the permutation test itself.
    rng = np.random.default_rng(1)
    ours, reference = processes.runs("normal", 0.7, (2, 300, 20), rng)
    detectable = np.mean([detectable_mean(pseudovalue_sd(*pair)[1], 20) for pair in zip(ours, reference, strict=True)])
    tested = permutation_test(np.exp(-detectable) * ours, reference, *resampling.flips(20, 199, rng))
    found = tested["p"] <= 0.05
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


def test_the_table(two_variants):
    rng = np.random.default_rng(2)
    ours, baseline = 0.7 + 0.01 * rng.normal(size=(9, 4)), 0.69 + 0.02 * rng.normal(size=(9, 4))
    result = power(two_variants(ours, baseline), "dense").set_index(["metric", "quantity"])
    assert result.index.get_level_values("metric").tolist() == [
        "val_accuracy",
        "train_accuracy",
        "peak",
        "peak_final",
        "last",
    ]
    last = result.loc[("last", "mean_difference")]
    assert last["effect"] == pytest.approx((ours - baseline)[:, -1].mean())
    assert last["detectable"] == pytest.approx(detectable_mean((ours - baseline)[:, -1].std(ddof=1), 9))
    assert result.loc[("val_accuracy", "log_sd_ratio"), "effect"] < 0
