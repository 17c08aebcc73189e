"""Table of comparisons: each variant beside the baseline, by the paper's test and by tests over whole runs."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.formatting import bare_percent, interval, points, signed
from analysis.statistics import equivalence, paired_difference, sd_permutation, superiority, wilcoxon
from analysis.statistics.run_bootstrap import jackknife_intervals
from analysis.study_results import Source

SCORE = "peak_final"  # a peak before the prune says nothing of the pruned network
SPREAD, EPOCHS, GAP = "val_accuracy", "epochs_to_accuracy", "gap_at_accuracy"


class Question(NamedTuple):
    """A row of the table: what is asked, and by which test of which metric; ``effect`` writes its size."""

    text: str
    test: str
    metric: str
    effect: Callable[[Source, str], str]
    quantity: str = ""


def build(given: list[Source]) -> pd.DataFrame:
    """One row a comparison and question, in the study's order, of variants that have runs; every cell is text.

    An effect is given with its interval at the study's confidence. Beside p stand Holm's p over the variants, how often
    the test errs between random halves of the baseline's runs (A/A), and how many runs would show the effect.
    """
    (source,) = given
    study, holm = source.study, source.statistic("holm")
    margin = study.content["statistics"]["equivalence_margin"]
    questions = [
        Question("Is it steadier? (the paper's test)", wilcoxon.TEST, SPREAD, _sd_ratio),
        Question("Is it steadier?", sd_permutation.TEST, SPREAD, _sd_ratio, "log_sd_ratio"),
        Question("Is it more accurate?", paired_difference.TEST, SCORE, _difference, "mean_difference"),
        Question("Is a run of it better than one of the baseline?", superiority.TEST, SCORE, _probability),
        Question(f"Is it equal, within {100 * margin:g} points?", equivalence.TEST, SCORE, _difference),
        Question("Is it faster?", paired_difference.TEST, EPOCHS, _epochs),
        Question("Does it overfit less, at equal training accuracy?", paired_difference.TEST, GAP, _gap),
    ]
    compared = [name for name in study.variants if name in set(holm["variant"])]
    return pd.DataFrame([_row(name, question, source) for name in compared for question in questions])


def _row(name: str, question: Question, source: Source) -> dict:
    tested = _only(source.statistic("holm"), variant=name, test=question.test, metric=question.metric)
    needed = _only(source.statistic("power"), variant=name, metric=question.metric, quantity=question.quantity)
    return {
        "Variant": source.study.variants[name]["label"],
        "Question": question.text,
        "Effect": question.effect(source, name),
        "Test": question.test,
        "p": _p(tested["p"]),
        "p, Holm": _p(tested["p_holm"]),
        "A/A errors (%)": "–"
        if np.isnan(tested["false_positive_rate"])
        else bare_percent(tested["false_positive_rate"]),
        "Runs": f"{tested['n']:.0f}",
        "Runs needed": f"{needed['n_needed']:,.0f}" if needed["n_needed"] > 0 else "–",
    }


def _only(frame: pd.DataFrame, **values: str) -> pd.Series:
    """The one row with these values; NaN throughout if there is none."""
    for column, value in values.items():
        frame = frame[frame[column] == value]
    return frame.iloc[0] if len(frame) else pd.Series(np.nan, index=frame.columns)


def _p(value: float) -> str:
    return "–" if np.isnan(value) else "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def log_sd_ratio(run_bootstrap: pd.DataFrame, variant: str) -> pd.Series:
    """Log ratio of mean epochwise SDs with its jackknife interval: a row of ``run_bootstrap``, NaN if there is none."""
    return _only(jackknife_intervals(run_bootstrap), variant=variant, metric=SPREAD, quantity="log_sd_ratio")


def _sd_ratio(source: Source, name: str) -> str:
    ratio, low, high = np.exp(
        log_sd_ratio(source.statistic("run_bootstrap"), name)[["estimate", "low", "high"]].astype(float)
    )
    return _effect("SD × {}", ratio, low, high, "{:.2f}".format)


def _difference(source: Source, name: str) -> str:
    return _points(_only(source.statistic("paired_difference"), variant=name, metric=SCORE))


def _gap(source: Source, name: str) -> str:
    return _points(_only(source.statistic("gap_at_accuracy"), variant=name, metric=GAP))


def _points(row: pd.Series) -> str:
    return _effect("{} points", row["difference"], row["low"], row["high"], points)


def _probability(source: Source, name: str) -> str:
    row = _only(source.statistic("superiority"), variant=name, metric=SCORE)
    return _effect("in {} % of pairs", row["probability"], row["low"], row["high"], partial(bare_percent, digits=0))


def _epochs(source: Source, name: str) -> str:
    row = _only(source.statistic("epochs_to_accuracy"), variant=name)
    return _effect("{} epochs", row["difference"], row["low"], row["high"], partial(signed, digits=1))


def _effect(text: str, value: float, low: float, high: float, write: Callable[[float], str]) -> str:
    """An effect in words with its interval, if it has one; a dash if there is none."""
    return "–" if np.isnan(value) else f"{text.format(write(value))} {interval(low, high, write)}"
