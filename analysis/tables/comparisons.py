"""Table of comparisons: each variant beside the baseline, by the paper's test and by tests over whole runs."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import formatting
from analysis.formatting import NOT_SIGNIFICANT, UNTOLD, bare_percent, interval, points, signed
from analysis.statistics import named_tests
from analysis.study_results import Source

SCORE = "peak_final"  # a peak before the prune says nothing of the pruned network
SPREAD, EPOCHS, GAP = "val_accuracy", "epochs_to_accuracy", "gap_at_accuracy"
SIZES = ["value", "low", "high"]
# Units of effects, and how a number of them is written.
RATIO = ("× {}", "{:.2f}".format)
POINTS = ("{} points", points)
PAIRS = ("better in {} % of pairs", partial(bare_percent, digits=0))
IN_EPOCHS = ("{} epochs", partial(signed, digits=1))


class Question(NamedTuple):
    """What is asked of a variant, by which test of which metric, and how that is answered.

    ``effect`` gives its size, ``value``, ``low`` and ``high``, of which ``null`` is none at all, and by which
    ``interval``, or why there is none; ``unit`` and ``number`` put it into words. ``more`` and ``less`` are the answers
    above and below ``null``; ``quantity`` is its name in ``power``.
    """

    text: str
    test: str
    metric: str
    effect: Callable[[Source, str], pd.Series]
    unit: str
    number: Callable[[float], str]
    more: str
    less: str
    null: float = 0.0
    quantity: str = ""

    def write(self, effect: pd.Series) -> str:
        """An effect in words with its interval, or why it has none; a dash if there is no effect."""
        value, low, high = (effect[name] for name in SIZES)
        if np.isnan(value):
            return "–"
        ends = interval(low, high, self.number) if not np.isnan(low) else f"({effect['interval']})"
        return f"{self.unit.format(self.number(value))} {ends}"

    def write_range(self, effects: Iterable[pd.Series]) -> str:
        """From the least of these effects to the greatest, without intervals."""
        values = [effect["value"] for effect in effects if not np.isnan(effect["value"])]
        return self.unit.format(formatting.extremes(values, self.number)) if values else "–"


class Answer(NamedTuple):
    """A question's answer of one variant: a word, the size of the effect, and the test that it rests on.

    ``corrected`` is p by Holm's procedure over a ``family`` of comparisons, which decides the word; ``sides`` is
    "one-sided", "two-sided", or "one-sided, the other way"; ``errors`` is how often the test finds
    a difference between random halves of the runs of one arm.
    """

    word: str
    effect: pd.Series
    p: float
    corrected: float
    sides: str
    errors: float
    n: int
    family: int


def answer(source: Source, name: str, question: Question) -> Answer:
    """What the runs of the variant ``name`` answer, at the study's confidence."""
    tested = _only(source.statistic("holm"), variant=name, test=question.test, metric=question.metric)
    effect = question.effect(source, name)
    level = 1 - source.study.content["statistics"]["confidence"]
    p, corrected, way = float(tested["p"]), float(tested["p_holm"]), sides(tested["alternative"])
    is_above = effect["value"] > question.null
    if question.test == named_tests.WILCOXON:
        is_above, other = _by_ranks(source, name, question)
        if other * tested["family"] <= level:
            p, corrected, way = other, other * tested["family"], f"{way}, the other way"
    word = UNTOLD if np.isnan(corrected) else _word(question, is_above, corrected <= level)
    n = 0 if pd.isna(tested["n"]) else int(tested["n"])
    return Answer(word, effect, p, corrected, way, float(tested["false_positive_rate"]), n, int(tested["family"]))


def sides(alternative: str) -> str:
    """Whether a test with this ``alternative`` asks for one direction or for both."""
    return "two-sided" if alternative == "two-sided" else "one-sided"


def _by_ranks(source: Source, name: str, question: Question) -> tuple[bool, float]:
    """Whether the paper's test, by its sum of ranks, finds more; and its p in the direction that it does not ask for.

    The mean SD can say otherwise: one run that collapses at a few epochs raises it, though most epochs have a lower SD.
    The other p is to be corrected by Bonferroni's bound, and 1 where there is none.
    """
    tested = _only(source.statistic("wilcoxon"), variant=name, metric=question.metric)
    ranked = tested["pairs"] - tested["zeros"]
    # Two-sided p is twice the lower one of the two directions.
    other = tested["p_two_sided"] / 2 if tested["alternative"] == "less" and tested["p"] > 0.5 else 1.0
    return tested["w"] > ranked * (ranked + 1) / 4, float(other)


def _word(question: Question, is_above: bool, is_told: bool) -> str:
    if not is_told:
        return "not shown to be equivalent" if question.test == named_tests.EQUIVALENCE else NOT_SIGNIFICANT
    return question.more if is_above else question.less


def _sd_ratio(source: Source, name: str) -> pd.Series:
    effect = _effect(source, "sd_permutation", "log_sd_ratio", variant=name, metric=SPREAD)
    return pd.Series({**effect, **{size: np.exp(effect[size]) for size in SIZES}})


def _difference(source: Source, name: str) -> pd.Series:
    return _effect(source, "paired_difference", "difference", variant=name, metric=SCORE)


def _gap(source: Source, name: str) -> pd.Series:
    return _effect(source, "gap_at_accuracy", "difference", variant=name, metric=GAP)


def _probability(source: Source, name: str) -> pd.Series:
    return _effect(source, "superiority", "probability", variant=name, metric=SCORE)


def _epochs(source: Source, name: str) -> pd.Series:
    return _effect(source, "epochs_to_accuracy", "difference", variant=name)


def _effect(source: Source, statistic: str, column: str, **where: str) -> pd.Series:
    row = _only(source.statistic(statistic), **where).rename({column: "value"})
    return pd.Series({**row[SIZES].astype(float), "interval": row["interval"]})


PAPERS_TEST = Question(
    *("Is it steadier? (the paper's test, over epochs)", named_tests.WILCOXON, SPREAD, _sd_ratio, *RATIO),
    *("less steady", "steadier", 1.0),
)
STEADIER = Question(
    *("Is it steadier?", named_tests.PERMUTATION, SPREAD, _sd_ratio, *RATIO, "less steady", "steadier", 1.0),
    "log_sd_ratio",
)
MORE_ACCURATE = Question(
    *("Is it more accurate?", named_tests.PAIRED_T, SCORE, _difference, *POINTS, "higher", "lower", 0.0),
    "mean_difference",
)


def questions(margin: float) -> list[Question]:
    """The questions of the table, in its order; ``margin`` is the study's margin of equivalence, a fraction."""
    within = f"Is it equivalent, within {formatting.counted(100 * margin, 'point')}?"
    return [
        PAPERS_TEST,
        STEADIER,
        MORE_ACCURATE,
        Question(
            *("Is a run of it better than one of the baseline?", named_tests.SUPERIORITY, SCORE, _probability, *PAIRS),
            *("better", "worse", 0.5),
        ),
        Question(within, named_tests.EQUIVALENCE, SCORE, _difference, *POINTS, "equivalent", "equivalent"),
        Question("Is it faster?", named_tests.PAIRED_T, EPOCHS, _epochs, *IN_EPOCHS, "slower", "faster"),
        Question(
            *("Does it overfit less, at equal training accuracy?", named_tests.PAIRED_T, GAP, _gap, *POINTS),
            *("more", "less"),
        ),
    ]


def build(given: list[Source]) -> pd.DataFrame:
    """One row a comparison and question, in the study's order, of variants that have runs; every cell is text.

    The answer is a word; then follow the size of the effect with its interval at the study's confidence, p with its
    sides, Holm's p and over how many comparisons it is, how often the test errs between random halves of one arm's runs
    (A/A; of the arm where it does so more often), and how many runs would show the effect.
    """
    (source,) = given
    asked = questions(source.study.content["statistics"]["equivalence_margin"])
    return pd.DataFrame([_row(name, question, source) for name in compared(source) for question in asked])


def compared(source: Source) -> list[str]:
    """Variants that have runs to be set beside the baseline's, in the study's order."""
    there = set(source.statistic("holm")["variant"])
    return [name for name in source.study.variants if name in there]


def constant(source: Source) -> list[str]:
    """Those of them whose runs are all the same, as where every weight is cut off: their SDs are 0."""
    rows = source.statistic("sd_permutation")
    found = {*rows.loc[(rows["metric"] == SPREAD) & np.isneginf(rows["log_sd_ratio"]), "variant"]}
    return [name for name in source.study.variants if name in found]


def _row(name: str, question: Question, source: Source) -> dict:
    found = answer(source, name, question)
    power = source.statistic("power")
    needed = _only(power, variant=name, metric=question.metric, quantity=question.quantity)["n_needed"]
    return {
        "Variant": source.study.variants[name]["label"],
        "Question": question.text,
        "Answer": found.word,
        "Effect": question.write(found.effect),
        "p": "–" if np.isnan(found.p) else f"{_p(found.p)}, {found.sides}",
        "p, Holm": _p(found.corrected),
        "Test": question.test,
        "Comparisons": f"{found.family}",
        "A/A errors (%)": "–" if np.isnan(found.errors) else bare_percent(found.errors),
        "Runs": f"{found.n}",
        "Runs needed": f"{needed:,.0f}" if 0 < needed < np.inf else "–",
    }


def _only(frame: pd.DataFrame, **values: str) -> pd.Series:
    """The one row with these values; NaN throughout if there is none."""
    places = np.flatnonzero(np.logical_and.reduce([frame[column] == value for column, value in values.items()]))
    return frame.iloc[places[0]] if len(places) else pd.Series(np.nan, index=frame.columns)


def _p(value: float) -> str:
    return "–" if np.isnan(value) else "< 0.0001" if value < 1e-4 else f"{value:.2g}"
