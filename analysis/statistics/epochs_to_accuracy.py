"""Epochs to a fixed accuracy, the same for every variant, with runs that never reach it counted as censored.

"Epochs to 95 % of the final accuracy" (assumption U5) favours a variant whose final accuracy is poor: it has less to
reach. Here the accuracy is a share of the baseline's mean last one. A run that has not reached it by its last epoch is
right-censored there, not dropped (Kaplan & Meier 1958).
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.metrics import runs
from analysis.statistics import pairing
from analysis.statistics.paired_difference import paired_test
from analysis.statistics.resampling import ROUNDING
from analysis.statistics.study_runs import StudyRuns

METRIC = "epochs_to_accuracy"
COMPARISON = ["test", "alternative", "difference", "low", "high", "interval", "coverage", "p"]


def first_epochs(curves: pd.DataFrame, target: float) -> tuple[np.ndarray, np.ndarray]:
    """First epoch of every run with at least accuracy ``target``, and whether there is one; both of shape (seeds,).

    ``curves`` has a row a seed and a column an epoch. A run that never gets there has its last epoch.
    """
    hit = curves.to_numpy() >= target
    reached = hit.any(axis=1)
    return np.where(reached, curves.columns[hit.argmax(axis=1)], curves.columns[-1]), reached


def target_accuracy(frame: pd.DataFrame, baseline: str, share: float) -> float:
    """``share`` of the baseline's mean last validation accuracy, of the runs of one study."""
    last = runs.last_epoch(frame)
    return share * float(last[last["variant"] == baseline]["val_accuracy"].mean())


def survival(epochs: np.ndarray, reached: np.ndarray, confidence: float = 0.95) -> dict:
    """Median of the Kaplan–Meier curve of runs still short of the target, and mean epochs up to the last one.

    Takes the result of ``first_epochs``. ``median`` is the first epoch by which half of the runs are there, NaN if they
    never are; ``median_low`` and ``median_high`` are its exact binomial interval, from order statistics, NaN for an end
    that the runs leave open; as all are watched to the same epoch, censored ones come last. It holds in at least
    ``confidence`` of cases, whatever the runs are like. ``restricted_mean`` is the area under the curve, here the mean
    of ``epochs``, with its ``restricted_sd`` over runs.
    """
    curve = stats.ecdf(stats.CensoredData.right_censored(epochs, ~reached)).sf
    half = curve.quantiles[curve.probabilities <= 0.5 + ROUNDING]
    ordered = np.where(reached, epochs, np.inf)
    ends = stats.quantile_test(ordered, p=0.5).confidence_interval(confidence)
    low, high = (end if np.isfinite(end) else np.nan for end in ends)
    return {
        "reached": int(reached.sum()),
        "median": float(half[0]) if len(half) else np.nan,
        "median_low": low,
        "median_high": high,
        "restricted_mean": epochs.mean(),
        "restricted_sd": epochs.std(ddof=1) if len(epochs) > 1 else np.nan,
    }


def epochs_to_accuracy(
    frame: pd.DataFrame, baseline: str, share: float = 0.95, confidence: float = 0.95
) -> pd.DataFrame:
    """Epochs that every variant's runs take to ``share`` of the baseline's mean last validation accuracy.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant: the ``target`` accuracy, a
    fraction; how many of ``n`` runs ``reached`` it up to epoch ``up_to``; the columns of ``survival``; and, but for the
    baseline, the mean difference of restricted epochs to it, paired by seed, with Student's interval and p.
    """
    tables = []
    for study, group in frame.groupby("study", sort=False):
        compared = {name for name, *_ in pairing.curves_with_baseline(group, baseline, "val_accuracy")}
        curves = pairing.curves(group, "val_accuracy")
        target = target_accuracy(group, baseline, share)
        first = {name: first_epochs(table, target) for name, table in curves.items()}
        for name, (epochs, reached) in first.items():
            names = {"study": study, "metric": METRIC, "variant": name, "baseline": baseline}
            scale = {"share": share, "target": target, "up_to": curves[name].columns[-1], "confidence": confidence}
            tested = dict.fromkeys(COMPARISON, np.nan)
            if name in compared:
                result = paired_test(epochs.astype(float), first[baseline][0].astype(float), confidence)
                tested = {column: result[column] for column in COMPARISON}
            tables.append({**names, **scale, **survival(epochs, reached, confidence), **tested})
    return pd.DataFrame(tables).merge(runs.count(frame), on=runs.GROUP, validate="one_to_one")


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Epochs of every variant to a share of the baseline's mean last accuracy."""
    settings = study_runs.settings
    return epochs_to_accuracy(study_runs.frame, study_runs.baseline, settings["target_share"], settings["confidence"])
