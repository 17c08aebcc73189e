"""Test accuracy less the baseline's, with the epoch selected on held-out images and on test images (U1)."""

import pandas as pd

from analysis.metrics import runs
from analysis.statistics.paired_difference import paired_difference
from analysis.statistics.study_runs import StudyRuns

SCORES = ["selected", "peak", "optimism"]


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Mean paired difference to the baseline, by columns of ``selection``, for runs that held training images out."""
    names = [*runs.GROUP, "seed"]
    scores = study_runs["selection"].melt(names, SCORES, var_name="score", value_name="accuracy").assign(diverged=False)
    return paired_difference(scores, study_runs.baseline, study_runs.settings["confidence"])
