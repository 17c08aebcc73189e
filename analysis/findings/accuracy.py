"""Accuracies, for the text of the findings."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import formatting
from analysis.findings.rows import StudyRows
from analysis.statistics import equivalence
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
        p = self._p_holm(variant, equivalence.TEST, FINAL)
        shown = "equal to the dense head's" if p <= self._level else "not shown to be equal"
        return f"{shown} within {100 * margin:g} points (two one-sided tests, Holm's {formatting.p_value(p)})"

    def last_runs(self, variant: str) -> str:
        """The lowest and the highest of the runs' last accuracies, and their median."""
        scores = self.source.statistic("run_scores")
        kept = scores[(scores["variant"] == variant) & (scores["score"] == "last")]["accuracy"]
        lowest, middle, highest = (100 * np.quantile(kept, share) for share in (0, 0.5, 1))
        return f"{lowest:.1f} and {highest:.1f} % (median {middle:.1f})"

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

    @property
    def changes_optimizer(self) -> int:
        """The last epoch of the first optimizer."""
        return round(self.epochs * self.source.study.content["training"]["optimizers"][0]["share"])

    def cut_off(self) -> str:
        """A Markdown table: last accuracies of runs by the classes that the prune left without a path, a column a head.

        Of runs that recorded it; nothing if none did.
        """
        rows = self.source.statistic("unreached_outputs")
        found = []
        for unreached, alike in rows.groupby("unreached"):
            by_head = {head: ", ".join(_in_percent(kept["accuracy"])) for head, kept in alike.groupby("variant")}
            heads = {
                self.label(head): by_head.get(head, "–")
                for head in self.source.variants()
                if head in set(rows["variant"])
            }
            found.append({"Classes without a path": str(unreached), **heads})
        return formatting.markdown_table(found)


def _claim(prefix: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    return f"{prefix}.{variant.replace('-', '_')}"


def _in_percent(accuracies: pd.Series) -> list[str]:
    """Accuracies, lowest first."""
    return [f"{100 * value:.1f}" for value in sorted(accuracies)]
