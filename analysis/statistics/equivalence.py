"""Are a variant and the baseline equally accurate, within a margin stated beforehand?

"Matches the dense network" and "negligible loss" are claims of equivalence; a difference that is not significant does
not support them. Two one-sided paired t tests do (Schuirmann 1987, *J. Pharmacokinet. Biopharm.* 15).
"""

import numpy as np
import pandas as pd
from statsmodels.stats.weightstats import ttost_paired

from analysis.statistics import pairing
from analysis.statistics.paired_difference import has_spread
from analysis.statistics.study_runs import StudyRuns

TEST = "two one-sided paired t tests"
TESTED = ["p_not_worse", "p_not_better", "p"]
COLUMNS = ["test", "alternative", "margin", "difference", *TESTED, "confidence", "equivalent"]


def equivalence_test(ours: np.ndarray, reference: np.ndarray, margin: float) -> dict:
    """Test that the mean of ``ours - reference``, shape (n,), lies between ``-margin`` and ``margin``.

    Returns ``p``, the larger of ``p_not_worse`` (ours is not below by the margin or more, which alone is a test of
    non-inferiority) and ``p_not_better``. Without any spread of the differences all are undefined (NaN).
    """
    if not has_spread(ours - reference):
        return dict.fromkeys(TESTED, np.nan)
    p, above, below = ttost_paired(ours, reference, -margin, margin)
    return {"p_not_worse": float(above[1]), "p_not_better": float(below[1]), "p": float(p)}


def equivalence(scores: pd.DataFrame, baseline: str, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Equivalence of every variant and the baseline in each score, within ``margin``, a fraction.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairs.NAMES`` and
    ``COLUMNS``. ``equivalent`` says whether p is at most 1 - ``confidence``, before Holm's correction, and is
    empty where p is undefined.
    """

    def measure(ours: np.ndarray, reference: np.ndarray) -> dict:
        tested = equivalence_test(ours, reference, margin)
        equivalent = np.nan if np.isnan(tested["p"]) else tested["p"] <= 1 - confidence
        names = {"test": TEST, "alternative": "equivalent", "margin": margin}
        difference = (ours - reference).mean()
        return {**names, "difference": difference, **tested, "confidence": confidence, "equivalent": equivalent}

    return pairing.compare_scores(scores, baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Equivalence of every variant's accuracy and the baseline's, within the study's margin."""
    settings = study_runs.settings
    margin, confidence = settings["equivalence_margin"], settings["confidence"]
    return equivalence(study_runs["run_scores"], study_runs.baseline, margin, confidence)
