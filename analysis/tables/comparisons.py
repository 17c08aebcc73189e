"""What can be said of every variant beside the baseline, by the paper's test of steadiness and by tests that hold."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.formatting import bare_percent, interval, points, signed
from analysis.statistics import equivalence, paired_difference, sd_permutation, superiority, wilcoxon
from analysis.statistics.run_bootstrap import jackknife_intervals
from analysis.tables import layout
from nist.errors import run
from nist.studies.study import Study

READING = "peak_final"  # a peak before the prune says nothing of the pruned network
SPREAD, EPOCHS, GAP = "val_accuracy", "epochs_to_accuracy", "gap_at_accuracy"


class Question(NamedTuple):
    """A row of the table: what is asked, and by which test of which metric; ``effect`` writes its size."""

    text: str
    test: str
    metric: str
    effect: Callable[[dict[str, pd.DataFrame], str], str]
    quantity: str = ""


def build(
    holm: pd.DataFrame,
    run_bootstrap: pd.DataFrame,
    paired: pd.DataFrame,
    superior: pd.DataFrame,
    epochs: pd.DataFrame,
    gaps: pd.DataFrame,
    power: pd.DataFrame,
    study: Study,
) -> pd.DataFrame:
    """One row a comparison and question, in the study's order, of variants that have runs; every cell is text.

    An effect is given with its interval at the study's confidence. Beside p stand Holm's p over the variants, how often
    the test errs between random halves of the baseline's runs (A/A), and how many runs would show the effect.
    """
    margin = study.content["statistics"]["equivalence_margin"]
    tables = {"bootstrap": run_bootstrap, "paired": paired, "superior": superior, "epochs": epochs, "gaps": gaps}
    questions = [
        Question("Is it steadier? (the paper's test)", wilcoxon.TEST, SPREAD, _sd_ratio),
        Question("Is it steadier?", sd_permutation.TEST, SPREAD, _sd_ratio, "log_sd_ratio"),
        Question("Is it more accurate?", paired_difference.TEST, READING, _difference, "mean_difference"),
        Question("Is a run of it better than one of the baseline?", superiority.TEST, READING, _probability),
        Question(f"Is it equal, within {100 * margin:g} points?", equivalence.TEST, READING, _difference),
        Question("Is it faster?", paired_difference.TEST, EPOCHS, _epochs),
        Question("Does it overfit less, at equal training accuracy?", paired_difference.TEST, GAP, _gap),
    ]
    compared = [name for name in study.variants if name in set(holm["variant"])]
    rows = [_row(name, question, holm, power, tables, study) for name in compared for question in questions]
    return pd.DataFrame(rows)


def _row(name: str, question: Question, holm: pd.DataFrame, power: pd.DataFrame, tables: dict, study: Study) -> dict:
    tested = _only(holm, variant=name, test=question.test, metric=question.metric)
    needed = _only(power, variant=name, metric=question.metric, quantity=question.quantity)
    return {
        "Variant": study.variants[name]["label"],
        "Question": question.text,
        "Effect": question.effect(tables, name),
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


def _sd_ratio(tables: dict[str, pd.DataFrame], name: str) -> str:
    ratio, low, high = np.exp(log_sd_ratio(tables["bootstrap"], name)[["estimate", "low", "high"]].astype(float))
    return _effect("SD × {}", ratio, low, high, "{:.2f}".format)


def _difference(tables: dict[str, pd.DataFrame], name: str) -> str:
    return _points(_only(tables["paired"], variant=name, metric=READING))


def _gap(tables: dict[str, pd.DataFrame], name: str) -> str:
    return _points(_only(tables["gaps"], variant=name, metric=GAP))


def _points(row: pd.Series) -> str:
    return _effect("{} points", row["difference"], row["low"], row["high"], points)


def _probability(tables: dict[str, pd.DataFrame], name: str) -> str:
    row = _only(tables["superior"], variant=name, metric=READING)
    return _effect("in {} % of pairs", row["probability"], row["low"], row["high"], partial(bare_percent, digits=0))


def _epochs(tables: dict[str, pd.DataFrame], name: str) -> str:
    row = _only(tables["epochs"], variant=name)
    return _effect("{} epochs", row["difference"], row["low"], row["high"], partial(signed, digits=1))


def _effect(text: str, value: float, low: float, high: float, write: Callable[[float], str]) -> str:
    """An effect in words with its interval, if it has one; a dash if there is none."""
    return "–" if np.isnan(value) else f"{text.format(write(value))} {interval(low, high, write)}"


def main(argv: list[str] | None = None) -> None:
    """Build the table of comparisons from the statistics that hold for whole runs."""
    layout.render("analysis.tables.comparisons", build, argv)


if __name__ == "__main__":
    run(main)
