"""AUC_SD and mean epochwise SD (Table A6): one quantity, as AUC_SD is the plain sum (assumptions D1, U9)."""

import numpy as np
import pandas as pd

from analysis.statistics.study_runs import StudyRuns


def auc_sd(sd: pd.DataFrame) -> pd.DataFrame:
    """Total and mean over epochs of the epochwise SD.

    ``sd`` is the result of ``epochwise_sd``. Returns one row a variant and metric: ``mean_sd``, its unit the metric's;
    ``auc_sd``, the sum with unit step, which is the paper's number; ``auc_sd_trapezoid`` beside it; over ``epochs``
    epochs of ``n`` runs.
    """
    by_variant = sd.sort_values("epoch").groupby(["study", "variant", "metric"], sort=False)
    return by_variant.agg(
        n=("n", "first"),
        n_diverged=("n_diverged", "first"),
        epochs=("epoch", "size"),
        ddof=("ddof", "first"),
        mean_sd=("sd", "mean"),
        auc_sd=("sd", lambda over_epochs: over_epochs.sum(skipna=False)),  # of one run there is none
        auc_sd_trapezoid=("sd", np.trapezoid),
    ).reset_index()


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Sum and mean over epochs of the epochwise SD."""
    return auc_sd(study_runs["epochwise_sd"])
