"""What the text of the findings may ask of one study that has been run."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis import formatting
from analysis.claims.claim import Claim
from analysis.statistics import equivalence, gap_at_accuracy, paired_difference, sd_permutation, wilcoxon
from analysis.study_results import Source
from analysis.tables import comparisons, printed, trainingcost
from nist.errors import InputError

FINAL = comparisons.READING
MORE_ACCURATE, STEADIER = (paired_difference.TEST, FINAL), (sd_permutation.TEST, "val_accuracy")
BESIDE = ["Difference", "p, Holm", "Runs needed", "SD over runs", "p of SD, Holm"]


@dataclass(frozen=True)
class StudyFacts:
    """A study that has been run, its statistics, and what the paper prints of it (``claims`` by id)."""

    source: Source
    claims: dict[str, Claim]

    def row(self, statistic: str, variant: str, **where: object) -> pd.Series:
        """The one row of a statistic. Raises ``InputError`` where there are none or several."""
        frame = self.source.statistic(statistic)
        kept = frame["variant"] == variant
        for column, value in where.items():
            kept &= frame[column] == value
        if kept.sum() != 1:
            name = f"{self.source.study.name}: {statistic}.csv"
            raise InputError(f"{name}: {kept.sum()} rows of {variant} with {where}; there should be one")
        return frame[kept].iloc[0]

    def has(self, *variants: str) -> bool:
        """Whether there are runs of all these variants."""
        return set(variants) <= set(self.source.variants())

    @cached_property
    def compared(self) -> list[str]:
        """Variants with runs, but for the baseline."""
        return [name for name in self.source.variants() if name != self.source.study.baseline]

    @property
    def baseline(self) -> str:
        return self.source.study.baseline

    @property
    def _level(self) -> float:
        """Of significance."""
        return 1 - self.source.study.content["statistics"]["confidence"]

    @property
    def sides(self) -> str:
        """Whether the tests of steadiness ask for one direction or both."""
        return "two-sided" if self.source.study.content["statistics"]["alternative"] == "two-sided" else "one-sided"

    def label(self, variant: str) -> str:
        return self.source.study.variants[variant]["label"]

    @property
    def runs(self) -> str:
        """Runs a variant, of those planned, in formatting."""
        counts, planned = self.source.statistic("accuracy")["n"], len(self.source.study.seeds)
        low, high = counts.min(), counts.max()
        there = f"{low}" if low == high else f"{low} to {high}"
        return f"{there} runs of each head" if low == planned else f"{there} of {planned} runs of each head"

    @property
    def epochs(self) -> int:
        return int(self.source.statistic("cost")["epochs"].max())

    def accuracy(self, variant: str, reading: str = FINAL) -> pd.Series:
        """Mean, SD, margin of error and number of runs of an accuracy; see ``analysis.statistics.accuracy``."""
        return self.row("accuracy", variant, reading=reading)

    def difference(self, variant: str, reading: str = FINAL) -> str:
        """Mean difference of accuracy to the baseline with its interval, in points."""
        return formatting.interval_in_points(self.row("paired_difference", variant, metric=reading))

    def is_higher(self, variant: str, reading: str = FINAL) -> str:
        """What the interval of that difference allows to be said."""
        row = self.row("paired_difference", variant, metric=reading)
        return formatting.said(row["low"], row["high"], "higher", "lower")

    def last_runs(self, variant: str) -> str:
        """The lowest and the highest of the runs' last accuracies, and their median."""
        readings = self.source.statistic("readings")
        kept = readings[(readings["variant"] == variant) & (readings["reading"] == "last")]["accuracy"]
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
        return _with_margin(self.accuracy(variant))

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

    def spread(self, variant: str) -> dict[str, str]:
        """The SD over runs beside the baseline's: ``ratio`` with interval, ``papers`` p, the ``valid`` one, two-sided.

        How many runs are ``needed`` is of an effect that is not shown.
        """
        ratio = comparisons.log_sd_ratio(self.source.statistic("run_bootstrap"), variant)
        estimate, low, high = (math.exp(ratio[name]) for name in ("estimate", "low", "high"))
        said = formatting.said(ratio["low"], ratio["high"], "less steady", "steadier")
        needed = self.row("power", variant, metric="val_accuracy", quantity="log_sd_ratio")["n_needed"]
        is_open = said == formatting.NOT_SHOWN and 0 < needed < math.inf
        valid = self.row("sd_permutation", variant, metric="val_accuracy")["p_two_sided"]
        return {
            "ratio": "undefined"
            if math.isnan(estimate)
            else f"× {estimate:.2f} {formatting.interval(low, high, '{:.2f}'.format)}",
            "papers": formatting.p_value(self.row("wilcoxon", variant, metric="val_accuracy")["p"]),
            "valid": formatting.p_value(valid),
            "said": said,
            "needed": f"{needed:,.0f}" if is_open else "",
        }

    def errs(self) -> str:
        """How often the paper's test finds a difference of spread between random halves of the baseline's runs.

        Nothing where they are too few for that.
        """
        rates = self.source.statistic("aa_calibration")
        kept = rates[(rates["test"] == wilcoxon.TEST) & (rates["metric"] == "val_accuracy")]
        return formatting.percent(kept["false_positive_rate"].iloc[0], 0) if len(kept) else ""

    def gap(self, variant: str, metric: str = gap_at_accuracy.METRIC) -> pd.Series:
        """The overfitting gap at equal training accuracy; see ``analysis.statistics.gap_at_accuracy``."""
        return self.row("gap_at_accuracy", variant, metric=metric)

    def gap_difference(self, variant: str, metric: str = gap_at_accuracy.METRIC) -> str:
        """The gap less the baseline's, in points with its interval; nothing where no training accuracy is common."""
        row = self.gap(variant, metric)
        return "" if math.isnan(row["difference"]) else formatting.interval_in_points(row)

    def gaps_by_level(self, variant: str) -> list[pd.Series]:
        """The gap at equal training accuracy at every level that it is read at, the highest first."""
        return [self.gap(variant, metric) for metric in gap_at_accuracy.LOWER]

    @property
    def gaps_end_smaller(self) -> bool:
        """Whether every head's gap at the last epoch is smaller than the baseline's."""
        return all(self.gap(variant, gap_at_accuracy.LAST)["high"] < 0 for variant in self.compared)

    def last_train(self, variant: str) -> float:
        """Training accuracy of the last epoch, mean over runs, a fraction."""
        return float(self.row("learning_curve", variant, metric="train_accuracy", epoch=self.epochs)["mean"])

    def cost_of_training(self, variant: str) -> str:
        """Eq. 3, multiply-accumulates and what was measured, as ratios to the baseline's; seconds on each device."""
        costs = self.source.statistic("training_cost")
        rows = [row for _, row in costs[costs["variant"] == variant].iterrows()]
        asked = [(rows[0], "flops_eq3", "Eq. 3"), (rows[0], "macs", "multiply-accumulates")]
        asked += [(row, name, f"{name} on {row['device']}") for row in rows for name in trainingcost.MEASURED]
        ratios = [(text, trainingcost.ratio(row, name, costs, self.baseline)) for row, name, text in asked]
        return ", ".join(f"{text} × {ratio:.3g}" for text, ratio in ratios if not math.isnan(ratio))

    def weights(self, variant: str) -> str:
        return f"{self.row('cost', variant)['final']:,.0f}"

    def beside_the_paper(self, prefix: str) -> str:
        """A Markdown table: accuracies of every head as the paper prints them, and ours, margins in points.

        ``prefix`` is the start of the ids of the study's claims. The paper's margins are taken for fractions (N5).
        """
        rows = []
        for variant in self.source.variants():
            peak, final, last = (self.accuracy(variant, reading) for reading in ("peak", FINAL, "last"))
            rows.append(
                {
                    "Head": self.label(variant),
                    "Weights": self.weights(variant),
                    "Paper, peak (%)": self.papers_peak(variant, prefix) or "–",
                    "Peak (%)": _with_margin(peak),
                    "Peak, final weights (%)": _with_margin(final),
                    "Last epoch (%)": _with_margin(last),
                    "SD, last (points)": "–" if math.isnan(last["sd"]) else f"{100 * last['sd']:.2f}",
                    "Runs": str(last["n"]),
                }
            )
        return formatting.markdown_table(rows)

    def beside_the_baseline(self) -> str:
        """A Markdown table: every head's accuracy and SD over runs, as difference and ratio to the baseline's.

        Beside them stand p corrected for the number of heads by Holm's procedure, which decides what is said.
        """
        rows = [
            {
                "Head": self.label(variant),
                "Weights": self.weights(variant),
                "Peak, final weights (%)": self.peak(variant),
                **(self._beside_the_baseline(variant) if variant != self.baseline else dict.fromkeys(BESIDE, "–")),
            }
            for variant in self.source.variants()
        ]
        return formatting.markdown_table(rows)

    def _beside_the_baseline(self, variant: str) -> dict[str, str]:
        spread = self.spread(variant)
        accuracy, steadiness = self._p_holm(variant, *MORE_ACCURATE), self._p_holm(variant, *STEADIER)
        said, steadier = self.is_higher(variant), spread["said"]
        # The interval of the SDs' ratio is another test than the permutation's: where they differ, nothing is shown.
        cells = (
            f"{self.difference(variant)}, {said if accuracy <= self._level else _once_corrected(said)}",
            formatting.p_value(accuracy).removeprefix("p = "),
            self._needed(variant) if accuracy > self._level else "–",
            f"{spread['ratio']}, {steadier if steadiness <= self._level else formatting.NOT_SHOWN}",
            formatting.p_value(steadiness).removeprefix("p = "),
        )
        return dict(zip(BESIDE, cells, strict=True))

    def _needed(self, variant: str) -> str:
        """Runs that would show a difference of the size seen, before any correction; a dash if nothing tells."""
        needed = self.row("power", variant, metric=FINAL, quantity="mean_difference")["n_needed"]
        return f"{needed:,.0f}" if 0 < needed < math.inf else "–"

    def not_run(self) -> str:
        """Labels of the variants that have no runs."""
        there = self.source.variants()
        return "; ".join(self.label(name) for name in self.source.study.variants if name not in there)

    def equal(self, variant: str) -> str:
        """Whether the test of equivalence shows a head as accurate as the baseline, within the study's margin."""
        margin = self.source.study.content["statistics"]["equivalence_margin"]
        p = self._p_holm(variant, equivalence.TEST, FINAL)
        shown = "equal to the dense head's" if p <= self._level else "not shown to be equal"
        return f"{shown} within {100 * margin:g} points (two one-sided tests, Holm's {formatting.p_value(p)})"

    def too_few(self) -> str:
        """The lowest p that the test of steadiness could give with so few runs, and Holm's, where that shows nothing.

        Of the 2^n choices of pairs that change sides each has a mirror image, which is as extreme as itself.
        """
        lowest = 2.0 ** (1 - self.source.statistic("sd_permutation")["n"].min())
        corrected = min(1.0, lowest * (len(self.source.study.variants) - 1))
        return f"{lowest:.2g}, and {corrected:.2g} once corrected" if corrected > self._level else ""

    def spreads(self, prefix: str, names: dict[str, str]) -> str:
        """A Markdown table: mean epochwise SD and AUC_SD of validation accuracy, as the paper prints them and ours.

        ``names`` are the paper's variants in the ids of claims that begin with ``prefix``, by ours.
        """
        rows = []
        for variant in self.source.variants():
            ours = self.row("auc_sd", variant, metric="val_accuracy")
            name = f"{prefix}.{names.get(variant, variant)}"
            mean, total = (self.claims.get(f"{name}.{what}") for what in ("mean_sd", "auc_sd"))
            rows.append(
                {
                    "Head": self.label(variant),
                    "Weights": self.weights(variant),
                    "Paper, mean SD": mean.printed if mean else "–",
                    "Mean SD over runs": f"{ours['mean_sd']:.5f}",
                    "Paper, AUC_SD": total.printed if total else "–",
                    "AUC_SD": f"{ours['auc_sd']:.4f}",
                    "Peak (%)": _with_margin(self.accuracy(variant, "peak")),
                    "Last epoch (%)": _with_margin(self.accuracy(variant, "last")),
                    "Runs": str(ours["n"]),
                }
            )
        return formatting.markdown_table(rows)

    def _p_holm(self, variant: str, test: str, metric: str) -> float:
        return float(self.row("holm", variant, test=test, metric=metric)["p_holm"])


def _claim(prefix: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    return f"{prefix}.{variant.replace('-', '_')}"


def _in_percent(accuracies: pd.Series) -> list[str]:
    """Accuracies, lowest first."""
    return [f"{100 * value:.1f}" for value in sorted(accuracies)]


def _once_corrected(said: str) -> str:
    """What the interval says by itself, of several that were asked."""
    alone = said in (formatting.NOT_SHOWN, formatting.UNTOLD)
    return said if alone else f"{formatting.NOT_SHOWN} once corrected, {said} by itself"


def _with_margin(row: pd.Series) -> str:
    """Mean and margin of error in percent and points; a single run has no margin."""
    mean = f"{100 * row['mean']:.1f}"
    return mean if math.isnan(row["margin"]) else f"{mean} ± {100 * row['margin']:.2f}"
