"""Accuracies, for the text of the findings."""

from dataclasses import dataclass

import pandas as pd

from analysis import formatting
from analysis.findings.rows import StudyRows
from analysis.statistics import named_tests
from analysis.tables import comparisons, printed

FINAL = comparisons.SCORE


@dataclass(frozen=True)
class Accuracy(StudyRows):
    """Accuracies of a study's runs, beside the baseline's and the paper's."""

    def accuracy(self, variant: str, score: str = FINAL) -> pd.Series:
        """Mean, SD, margin of error and number of runs of an accuracy; see ``analysis.statistics.accuracy``."""
        return self.row("accuracy", variant, score=score)

    def difference(self, variant: str, score: str = FINAL) -> str:
        """Mean difference of accuracy to the baseline with its interval, in points."""
        return formatting.interval_in_points(self.row("paired_difference", variant, metric=score))

    def is_higher(self, variant: str, score: str = FINAL) -> str:
        """What the interval of that difference allows to be said."""
        row = self.row("paired_difference", variant, metric=score)
        return formatting.said(row["low"], row["high"], "higher", "lower")

    def equal(self, variant: str) -> str:
        """Whether the test of equivalence shows a head as accurate as the baseline, within the study's margin."""
        margin = self.source.study.content["statistics"]["equivalence_margin"]
        p = self._p_holm(variant, named_tests.EQUIVALENCE, FINAL)
        shown = "equivalent to the dense head's" if p <= self._level else "not shown to be equivalent"
        within = formatting.counted(100 * margin, "point")
        return f"{shown} within {within} (two one-sided tests, Holm's {formatting.p_value(p)})"

    def papers_difference(self, variant: str, prefix: str) -> str:
        """Difference between the accuracies that the paper prints of a variant and of the baseline, in points."""
        ours, reference = (
            float(self.claims[f"{_claim(prefix, name)}.mean_acc"].printed) for name in (variant, self.baseline)
        )
        return formatting.signed(ours - reference, 1)

    def peak(self, variant: str) -> str:
        """Mean and margin of the peak with the final number of weights, in percent."""
        return formatting.margin_of(self.accuracy(variant))

    def papers_peak(self, variant: str, prefix: str) -> str:
        """The accuracy that the paper prints of a variant, with its margin, in percent; empty if it prints none."""
        name = _claim(prefix, variant)
        return printed.plus_minus(self.claims, f"{name}.mean_acc", f"{name}.moe")

    def across_prune(self, variant: str) -> str:
        """Mean accuracies of the last epoch before a variant's prune and of the first one after it."""
        epoch = self.source.study.variants[variant]["prune"]["epoch"]
        before, after = (
            self.row("learning_curve", variant, metric="val_accuracy", epoch=one)["mean"] for one in (epoch, epoch + 1)
        )
        return f"from {100 * before:.1f} to {formatting.percent(after)}"

    def cut_off(self, variant: str) -> str:
        """Last accuracies of a head's runs by the classes that the prune left without a path; of runs that recorded it.

        Nothing if none did; how many did, if not all.
        """
        rows = self.source.statistic("unreached_outputs")
        rows = rows[rows["variant"] == variant]
        told = "; ".join(
            f"{unreached}: {formatting.extremes(kept, formatting.bare_percent)}"
            for unreached, kept in rows.groupby("unreached")["accuracy"]
        )
        n = int(self.accuracy(variant)["n"])
        return f"{told} (recorded in {len(rows)} of {n} runs)" if 0 < len(rows) < n else told


def _claim(prefix: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    return f"{prefix}.{variant.replace('-', '_')}"
