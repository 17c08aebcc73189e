"""The statistics of which images each run got right."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from analysis.metrics import hits, runs
from analysis.metrics.hits import Hits
from analysis.statistics import churn, run_scores
from analysis.statistics import distributionwise_variance as dv
from analysis.statistics.__main__ import main
from nist import correctness, metrics_file
from nist.errors import InputError
from nist.studies import study

RNG = np.random.default_rng(7)
FOUND = RNG.random((5, 40)) < RNG.random(40)
OTHER = RNG.random((5, 40)) < RNG.random(40)
SEEDS = list(range(5))


def variant(name, found, seeds=SEEDS, epochs=()):
    by_epoch = dict.fromkeys(epochs, found)
    return Hits("small", name, list(seeds), dict.fromkeys(correctness.SCORES, found), by_epoch)


def by_definition(found):
    """The variance over runs, and its distribution-wise part as the mean covariance of two different images."""
    covariances = np.cov(found.T.astype(float))
    n = len(covariances)
    return np.var(found.mean(1), ddof=1), (covariances.sum() - covariances.trace()) / (n * (n - 1))


def test_the_distributionwise_variance_is_the_mean_covariance_of_two_images():
    part = dv.parts(FOUND)
    assert (part.total, part.distributionwise) == pytest.approx(by_definition(FOUND))


def generated(rng, n, images, sd):
    """Runs on images of a distribution, all of whose chances a run moves alike."""
    chance = np.clip(rng.normal(0.7, 0.05, images) + rng.normal(0, sd, (n, 1)), 0, 1)
    return rng.random((n, images)) < chance


@pytest.mark.parametrize("sd", [0, 0.03])
def test_it_is_unbiased_where_the_variance_of_accuracies_is_not(sd):
    found = [dv.parts(generated(np.random.default_rng(seed), 4, 100, sd)) for seed in range(3000)]
    estimates = np.array([part.distributionwise for part in found])
    error = estimates.std() / np.sqrt(len(found))
    assert abs(estimates.mean() - sd**2) < 4 * error
    assert np.mean([part.total for part in found]) > sd**2 + 20 * error


def test_what_cannot_be_told_is_not():
    single, same = dv.parts(FOUND[:1]), dv.parts(FOUND[[0, 0, 0]])
    assert np.isnan([single.total, single.distributionwise]).all()
    assert same.distributionwise == 0


def test_a_row_for_every_reading_and_epoch_and_the_mean_of_these():
    epochs = {epoch: generated(RNG, 5, 100, 0.05) for epoch in range(1, 6)}
    ours = Hits("small", "a", SEEDS, dict.fromkeys(correctness.SCORES, epochs[5]), epochs)
    frame = dv.distributionwise_variance([ours, variant("dense", FOUND, epochs=range(1, 6))])
    rows = frame[frame["variant"] == "a"].set_index("score")
    assert rows.index.tolist() == ["peak", "peak_final", "last", "mean", *["epoch"] * 5]
    every = rows.loc["epoch"]
    assert every["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert rows.loc["mean", "distributionwise"] == pytest.approx(every["distributionwise"].mean())
    assert rows.loc["mean", "variance"] == pytest.approx(every["variance"].mean())
    assert (rows["variance_of_images"] + rows["distributionwise"]).tolist() == pytest.approx(rows["variance"].tolist())
    assert set(rows["n"]) == {5}
    assert set(rows["images"]) == {100}


def test_churn_is_the_mean_over_pairs():
    pairs = [np.mean(a != b) for a, b in combinations(FOUND, 2)]
    assert churn.within(FOUND) == pytest.approx(np.mean(pairs))
    assert churn.between(FOUND, OTHER) == pytest.approx(np.mean([np.mean(a != b) for a, b in product(FOUND, OTHER)]))


def test_runs_of_two_variants_that_are_one_disagree_no_more_than_its_own():
    estimates, held = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        chance = rng.random(200)
        arms = [variant(name, rng.random((6, 200)) < chance, range(6)) for name in ("dense", "a")]
        row = churn.churn(arms, "dense").query("variant == 'a' and score == 'last'").iloc[0]
        estimates.append(row["excess"])
        held.append(row["low"] <= 0 <= row["high"])
    assert abs(np.mean(estimates)) < 4 * np.std(estimates) / np.sqrt(100)
    assert np.mean(held) > 0.9


def test_churn_of_the_baseline_stands_alone():
    frame = churn.churn([variant("dense", FOUND), variant("a", OTHER)], "dense").set_index(["variant", "score"])
    own, ours = frame.loc["dense", "last"], frame.loc["a", "last"]
    assert own[["churn_baseline", "between", "excess", "low", "high"]].isna().all()
    assert own["churn"] == ours["churn_baseline"] == churn.within(FOUND)
    assert ours["excess"] == pytest.approx(ours["between"] - (ours["churn"] + ours["churn_baseline"]) / 2)
    assert ours["low"] < ours["excess"] < ours["high"]
    assert ours[["n", "images"]].tolist() == [5, 40]


def test_runs_of_other_seeds_have_an_excess_without_bounds():
    frame = churn.churn([variant("dense", FOUND), variant("a", OTHER, range(1, 6))], "dense").set_index("variant")
    assert frame.loc["a", "excess"].notna().all()
    assert frame.loc["a", ["low", "high"]].isna().all(axis=None)


@pytest.fixture
def write(make_rows, description, tmp_path, study_content, load_study):
    """Write metrics of a variant, three epochs, and which of 50 images were right unless told otherwise."""
    small = load_study(study_content | {"seeds": "0-3"})

    def write(variant, seeds, with_images=True, every_epoch=True, images=50):
        found = np.random.default_rng(len(variant)).random((len(seeds), 3, images)) < 0.6
        names = {"study": small.name, "variant": variant, "first_seed": seeds[0]}
        rows = [
            row | {"correct": correctness.packed(each)}
            for row, each in zip(make_rows(found.mean(2), **names), found.reshape(-1, images), strict=True)
        ]
        path = tmp_path / f"{variant}{seeds[0]}.parquet"
        said = {"configuration": small.configuration(variant), "validation_images": images}
        if with_images:
            correctness.write(path, rows, images, every_epoch)
        metrics_file.write(path, rows, description(seeds, 3, **said))
        return path, found

    return write


def test_images_are_read_by_seed_with_the_epochs_that_all_runs_kept(write):
    (first, early), (second, late) = write("dense", range(2)), write("dense", range(2, 4))
    (found,) = hits.of_blocks(runs.read_blocks([second, first]))
    assert found.seeds == [0, 1, 2, 3]
    both = np.concatenate([early, late])
    for epoch in (1, 2, 3):
        np.testing.assert_array_equal(found.epochs[epoch], both[:, epoch - 1])
    np.testing.assert_array_equal(found.scores["last"], both[:, 2])
    scores = run_scores.run_scores(runs.read([first, second]))
    for score, each in found.scores.items():
        assert each.mean(axis=1).tolist() == scores[scores["score"] == score]["accuracy"].tolist()


def test_a_variant_with_a_run_without_images_is_left_out(write):
    paths = [write("dense", range(2))[0], write("dense", range(2, 4), with_images=False)[0]]
    paths.append(write("nist-1-10-p98", range(2), every_epoch=False)[0])
    (found,) = hits.of_blocks(runs.read_blocks(paths))
    assert found.variant == "nist-1-10-p98"
    assert 3 in found.epochs


def test_runs_on_other_images_are_named(write):
    paths = [write("dense", range(2))[0], write("dense", range(2, 4), images=51)[0]]
    with pytest.raises(
        InputError, match="dense2.parquet: of .* and 51 validation images, where .*dense0.parquet is of"
    ):
        list(hits.of_blocks(runs.read_blocks(paths)))


@pytest.mark.parametrize("statistic", [dv, churn])
@pytest.mark.parametrize("with_images", [True, False])
def test_the_command_writes_a_statistic_with_or_without_images(statistic, with_images, write, tmp_path, study_content):
    paths = [str(write(variant, range(3), with_images)[0]) for variant in ("dense", "nist-1-10-p98")]
    name = statistic.__name__.rpartition(".")[2]
    main(["--study", str(tmp_path / "lenet5-digits.yaml"), *paths, "--only", name, "-o", str(tmp_path)])
    frame = pd.read_csv(tmp_path / f"lenet5-digits/{name}.csv")
    assert frame.columns.tolist() == statistic.COLUMNS
    assert set(frame["variant"]) == ({"dense", "nist-1-10-p98"} if with_images else set())
    assert study.load(tmp_path / "lenet5-digits.yaml").baseline == "dense"
