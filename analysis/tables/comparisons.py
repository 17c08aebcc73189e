"""Table of comparisons: each variant beside the baseline, by the paper's test and by tests over whole runs."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.formatting import bare_percent, interval, points, signed
from analysis.statistics import equivalence, paired_difference, sd_permutation, superiority, wilcoxon
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

    An effect is given with its interval at the study's confidence. Beside p stand Holm's p and over how many
    comparisons it is, how often the test errs between random halves of one arm's runs (A/A; of the arm where it does so
    more often), and how many runs would show the effect.
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
        "Comparisons": f"{tested['family']:.0f}",
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


def _sd_ratio(source: Source, name: str) -> str:
    row = _only(source.statistic("sd_permutation"), variant=name, metric=SPREAD)
    ratio, low, high = np.exp(row[["log_sd_ratio", "low", "high"]].astype(float))
    return _effect("SD × {}", ratio, low, high, "{:.2f}".format, row["interval"])


def _difference(source: Source, name: str) -> str:
    return _points(_only(source.statistic("paired_difference"), variant=name, metric=SCORE))


def _gap(source: Source, name: str) -> str:
    return _points(_only(source.statistic("gap_at_accuracy"), variant=name, metric=GAP))


def _points(row: pd.Series) -> str:
    return _effect("{} points", row["difference"], row["low"], row["high"], points, row["interval"])


def _probability(source: Source, name: str) -> str:
    row = _only(source.statistic("superiority"), variant=name, metric=SCORE)
    write = partial(bare_percent, digits=0)
    return _effect("in {} % of pairs", row["probability"], row["low"], row["high"], write, row["interval"])


def _epochs(source: Source, name: str) -> str:
    row = _only(source.statistic("epochs_to_accuracy"), variant=name)
    return _effect("{} epochs", row["difference"], row["low"], row["high"], partial(signed, digits=1), row["interval"])


def _effect(text: str, value: float, low: float, high: float, write: Callable[[float], str], kind: str) -> str:
    """An effect in words with its interval, or why it has none; a dash if there is no effect."""
    if np.isnan(value):
        return "–"
    return f"{text.format(write(value))} {interval(low, high, write) if not np.isnan(low) else f'({kind})'}"
