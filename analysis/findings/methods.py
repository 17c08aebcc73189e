"""NIST beside other methods with equal weights, for the text of the findings."""

from dataclasses import dataclass

from analysis import formatting
from analysis.findings.accuracy import Accuracy
from analysis.statistics import named_tests
from analysis.tables import methods

SCORE = methods.SCORE
SHOWN = ["Method", "Accuracy, last epoch (%)", "Beside the baseline", "Mean rank", "Effective sparsity (%)"]
SHOWN += ["Extra epochs", "Runs"]


@dataclass(frozen=True)
class Methods(Accuracy):
    """How the baseline, NIST, stands among the other methods of a study."""

    @property
    def is_comparison(self) -> bool:
        """Whether the study compares methods."""
        return self.source.study.content["edition"] == "comparison"

    def standing(self) -> str:
        """Which methods NIST is more accurate than, less accurate than, or not told from, once corrected, in words."""
        groups: dict[str, list[str]] = {"more accurate than": [], "less accurate than": [], "not told from": []}
        for variant in self.compared:
            row = self.row("paired_difference", variant, metric=SCORE)
            told = self._p_holm(variant, named_tests.PAIRED_T, SCORE) < self._level
            words = ("more" if row["difference"] < 0 else "less") + " accurate than" if told else "not told from"
            groups[words].append(self.label(variant))
        return "; ".join(f"{words} {formatting.listed(names)}" for words, names in groups.items() if names)

    def methods(self) -> str:
        """A Markdown table: accuracy, rank, effective sparsity and extra training of each method."""
        table = methods.build([self.source])
        return formatting.markdown_table(table[SHOWN].to_dict("records"))
