"""NIST beside other methods with equal weights, for the text of the findings."""

from dataclasses import dataclass

from analysis import formatting
from analysis.findings.accuracy import Accuracy
from analysis.statistics import named_tests
from analysis.tables import comparisons, methods

SCORE = methods.SCORE


@dataclass(frozen=True)
class Methods(Accuracy):
    """How the baseline, NIST, stands among the other methods of a study."""

    @property
    def is_comparison(self) -> bool:
        """Whether the study compares methods."""
        return self.source.study.content["edition"] == "comparison"

    def standing(self) -> str:
        """Which methods NIST is more accurate than, less accurate than, or neither, once corrected, in words."""
        return _in_words({"higher": "less accurate than", "lower": "more accurate than"}, self._more_accurate())

    def place(self) -> str:
        """The place of NIST among the sparse methods by mean rank: "5 of 10"."""
        ranks = self.source.statistic("ranks").query("score == @SCORE").set_index("variant")["rank"]
        return f"{int((ranks < ranks[self.baseline]).sum()) + 1} of {len(ranks)}"

    def steadiness(self) -> str:
        """Which methods have runs that differ more, or less, than those of NIST, once corrected, in words."""
        constant = comparisons.constant(self.source)
        there = [name for name in self.compared if name not in constant]
        found = {self.label(name): comparisons.answer(self.source, name, comparisons.STEADIER).word for name in there}
        return _in_words({"less steady": "steadier than", "steadier": "less steady than"}, found)

    def constant(self) -> str:
        """Methods whose runs are all the same; empty if there are none."""
        return formatting.listed([self.label(name) for name in comparisons.constant(self.source)])

    def best_others(self) -> str:
        """The two most accurate of the other sparse methods, and by how much they are more accurate than NIST."""
        sparse = [name for name in self.compared if "method" in self.source.study.variants[name]]
        best = sorted(sparse, key=lambda name: -self.accuracy(name, SCORE)["mean"])[:2]
        return formatting.listed([f"{self.label(name)} {self.difference(name, SCORE)}" for name in best])

    def methods(self) -> str:
        """A Markdown table: accuracy, spread, rank and effective sparsity of each method."""
        table = methods.build([self.source])
        shown = ["Method", "Accuracy, last epoch (%)", f"Difference from {self.label(self.baseline)}", "SD (points)"]
        return formatting.markdown_table(
            table[[*shown, "Mean rank", "Effective sparsity (%)", "Runs"]].to_dict("records")
        )

    def _more_accurate(self) -> dict[str, str]:
        """Whether each method's accuracy is ``higher`` or ``lower`` than that of NIST, or not significantly so."""
        found = {}
        for name in self.compared:
            difference = self.row("paired_difference", name, metric=SCORE)["difference"]
            is_told = self._p_holm(name, named_tests.PAIRED_T, SCORE) <= self._level
            word = "higher" if difference > 0 else "lower"
            found[self.label(name)] = word if is_told else formatting.NOT_SIGNIFICANT
        return found


def _in_words(words: dict[str, str], found: dict[str, str]) -> str:
    """Labels by what is ``found`` of them, in ``words``: "more accurate than A, not significantly different from B"."""
    words = words | {formatting.NOT_SIGNIFICANT: "not significantly different from"}
    groups = {said: [label for label, word in found.items() if word == key] for key, said in words.items()}
    return "; ".join(f"{said} {formatting.listed(labels)}" for said, labels in groups.items() if labels)
