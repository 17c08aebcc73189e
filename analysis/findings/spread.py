"""Spread over runs, for the text of the findings."""

import math
from dataclasses import dataclass

from analysis import formatting
from analysis.findings.accuracy import Accuracy
from analysis.statistics import named_tests
from analysis.statistics.distributionwise_variance import sd_ratio


@dataclass(frozen=True)
class Spread(Accuracy):
    """Spread over a study's runs, and how often the tests of it err."""

    def spread(self, variant: str) -> dict[str, str]:
        """The SD over runs beside the baseline's: ``ratio`` with interval, ``papers`` p, the ``valid`` one, two-sided.

        ``needed`` is how many runs would show it, where the difference is not significant.
        """
        ratio = self.row("sd_permutation", variant, metric="val_accuracy")
        estimate, low, high = (math.exp(ratio[name]) for name in ("log_sd_ratio", "low", "high"))
        said = formatting.said(ratio["low"], ratio["high"], "less steady", "steadier")
        needed = self.row("power", variant, metric="val_accuracy", quantity="log_sd_ratio")["n_needed"]
        is_open = said == formatting.NOT_SIGNIFICANT and 0 < needed < math.inf
        return {
            "ratio": "undefined"
            if math.isnan(estimate)
            else f"× {estimate:.2f} ({ratio['interval']})"
            if math.isnan(low)
            else f"× {estimate:.2f} {formatting.interval(low, high, '{:.2f}'.format)}",
            "papers": formatting.p_value(self.row("wilcoxon", variant, metric="val_accuracy")["p"]),
            "valid": formatting.p_value(ratio["p"]),
            "said": said,
            "needed": f"{needed:,.0f}" if is_open else "",
        }

    def without_sampling_noise(self, variant: str) -> str:
        """The ratio to the baseline's SD that endless validation images would leave; empty where it is not known."""
        found = sd_ratio(self.source.statistic("distributionwise_variance"), variant, self.baseline)
        return "" if math.isnan(found) else f"× {found:.2f}"

    def papers_sd_ratio(self, ours: str, reference: str) -> str:
        """Ratio of the mean SDs that the paper prints, by the ids of their claims."""
        return f"× {float(self.claims[ours].printed) / float(self.claims[reference].printed):.2f}"

    def too_few_for_spread(self) -> bool:
        """Whether no spread can be told from the baseline's, whatever it is."""
        return all(self.spread(variant)["said"] == formatting.UNTOLD for variant in self.compared)

    def errs(self) -> str:
        """How often the paper's test finds a difference of spread between random halves of the baseline's runs.

        Nothing where they are too few for that.
        """
        rates = self.source.statistic("aa_calibration")
        kept = rates[(rates["test"] == named_tests.WILCOXON) & (rates["metric"] == "val_accuracy")]
        kept = kept[kept["variant"] == self.baseline]
        return formatting.percent(kept["false_positive_rate"].iloc[0], 0) if len(kept) else ""

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
                    "Mean SD over runs": formatting.or_dash(ours["mean_sd"], "{:.5f}"),
                    "Paper, AUC_SD": total.printed if total else "–",
                    "AUC_SD": formatting.or_dash(ours["auc_sd"], "{:.4f}"),
                    "Peak (%)": formatting.margin_of(self.accuracy(variant, "peak")),
                    "Last epoch (%)": formatting.margin_of(self.accuracy(variant, "last")),
                }
            )
        return formatting.markdown_table(rows)

    def too_few(self) -> str:
        """The lowest p that the test of steadiness could give with so few runs, and Holm's, where that shows nothing.

        Of the 2^n choices of pairs that change sides each has a mirror image, which is as extreme as itself.
        """
        lowest = 2.0 ** (1 - self.source.statistic("sd_permutation")["n"].min())
        corrected = min(1.0, lowest * (len(self.source.study.variants) - 1))
        return f"{lowest:.2g}, and {corrected:.2g} after Holm's correction" if corrected > self._level else ""
