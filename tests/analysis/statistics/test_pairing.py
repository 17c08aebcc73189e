"""Runs and curves beside the baseline's."""

import pandas as pd
import pytest

from analysis.statistics import pairing, run_scores


@pytest.fixture
def two_studies(two_variants):
    """Two runs of two epochs of each variant, of a study "z" and then of a study "a"."""
    curves = [[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.6], [0.7, 0.8]]
    return pd.concat([two_variants(*curves, study=name) for name in ("z", "a")], ignore_index=True)


def test_studies_stay_in_their_order(two_studies):
    curves = pairing.compare_curves(two_studies, "dense", lambda ours, other: [{"d": other[0, 0] - ours[0, 0]}], ["d"])
    assert [*dict.fromkeys(curves["study"])] == ["z", "a"]
    assert set(curves["variant"]) == {"sparse"}
    validation = curves[curves["metric"] == "val_accuracy"]
    assert validation["d"].tolist() == pytest.approx([0.4, 0.4])
    of_runs = run_scores.run_scores(two_studies)
    found = pairing.compare_scores(of_runs, "dense", lambda ours, other: {"d": (other - ours).mean()}, ["d"])
    assert [*dict.fromkeys(found["study"])] == ["z", "a"]
    assert found["d"].tolist() == pytest.approx([0.4] * len(found))
