"""Are a variant and the baseline equally accurate, within a margin stated beforehand?

"Matches the dense network" and "negligible loss" are claims of equivalence; a difference that is not significant does
not support them. Two one-sided paired t tests do (Schuirmann 1987, *J. Pharmacokinet. Biopharm.* 15).
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import named_tests, pairing
from analysis.statistics.paired_difference import has_spread
from analysis.statistics.study_runs import StudyRuns

TEST = named_tests.EQUIVALENCE
TESTED = ["p_not_worse", "p_not_better", "p"]
COLUMNS = ["test", "alternative", "margin", "difference", *TESTED, "confidence", "equivalent"]


def equivalence_test(ours: np.ndarray, reference: np.ndarray, margin: float) -> dict[str, np.ndarray]:
    """Test that the mean of ``ours - reference``, shape (..., n), lies between ``-margin`` and ``margin``.

    Returns ``p``, the larger of ``p_not_worse`` (ours is not below by the margin or more, which alone is a test of
    non-inferiority) and ``p_not_better``, each of shape (...). Two or more differences that are all the same lie within
    the margin (p is 0) or do not (1); all are undefined (NaN) for a single run.
    """
    difference = ours - reference
    n, mean = difference.shape[-1], difference.mean(axis=-1)
    if n < 2:
        return dict.fromkeys(TESTED, np.full_like(mean, np.nan))
    error = np.where(has_spread(difference), difference.std(axis=-1, ddof=1) / np.sqrt(n), 0.0)
    rooms = (margin + mean, margin - mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        not_worse, not_better = (stats.t.sf(np.where(room == 0, 0.0, room / error), n - 1) for room in rooms)
    return dict(zip(TESTED, (not_worse, not_better, np.maximum(not_worse, not_better)), strict=True))


def equivalence(scores: pd.DataFrame, baseline: str, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Equivalence of every variant and the baseline in each score, within ``margin``, a fraction.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairing.NAMES`` and
    ``COLUMNS``. ``equivalent`` says whether p is at most 1 - ``confidence``, before Holm's correction, and is
    empty for a single run.
    """

    def measure(ours: np.ndarray, reference: np.ndarray) -> dict:
        tested = {name: float(p) for name, p in equivalence_test(ours, reference, margin).items()}
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
