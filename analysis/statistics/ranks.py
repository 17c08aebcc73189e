"""Which variant is best, seed by seed: mean ranks, Friedman's test, and which pairs the ranks tell apart.

As methods are compared over several data sets (Demšar 2006, *JMLR* 7), with seeds in their place, and with Wilcoxon's
signed-rank test of every pair, corrected by Holm's procedure, where Nemenyi's test would let the other variants decide
(Benavoli et al. 2016, *JMLR* 17).
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics.holm import corrected
from analysis.statistics.resampling import DIGITS, difference
from analysis.statistics.study_runs import StudyRuns
from analysis.statistics.wilcoxon import signed_rank

SCORES = ("peak_final", "last")
DEVIATION = "deviation"
LEAST = 3  # variants that Friedman's test takes
COLUMNS = ["study", "score", "variant", "rank", "alike", "p", "variants", "n"]


def ranks(scores: pd.DataFrame, left_out: tuple[str, ...] = (), level: float = 0.05) -> pd.DataFrame:
    """One row a score and variant, over the seeds that all variants have.

    ``scores`` is the result of ``analysis.statistics.run_scores``. ``rank`` is the mean over seeds, 1 the best: the
    highest accuracy or, for the score ``deviation``, the last accuracy that is nearest to the variant's median, as
    Brown and Forsythe measure spread. ``p`` is of Friedman's test that all variants rank alike. ``alike`` names the
    variants that the ranks do not tell from this one: Wilcoxon's exact two-sided p over seeds, corrected over all
    pairs, is ``level`` or more. Variants ``left_out`` are not ranked. Without three variants and two seeds no rows.
    """
    rows = []
    for study, group in scores[~scores["variant"].isin(left_out)].groupby("study", sort=False):
        tables = {name: _table(group[group["score"] == name]) for name in SCORES}
        last = tables["last"]
        tables[DEVIATION] = -(last - last.median()).abs()
        for score, table in tables.items():
            rows += [{"study": study, "score": score, **row} for row in _ranked(table, level)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _table(scores: pd.DataFrame) -> pd.DataFrame:
    """Accuracies with a row a seed and a column a variant."""
    table = scores.pivot(index="seed", columns="variant", values="accuracy").dropna()
    return table[[name for name in scores["variant"].unique() if name in table]]


def _ranked(table: pd.DataFrame, level: float) -> list[dict]:
    n, count = table.shape
    table = table.round(DIGITS)
    if count < LEAST or n < 2:
        return []
    mean_ranks = stats.rankdata(-table.to_numpy(), axis=1).mean(axis=0)
    p = float(stats.friedmanchisquare(*table.to_numpy().T).pvalue) if _differ(table) else 1.0
    pairs = [*combinations(table.columns, 2)]
    values = np.array([signed_rank(difference(table[one], table[other]), "two-sided")["p"] for one, other in pairs])
    alike: dict[str, list[str]] = {name: [] for name in table.columns}
    for (one, other), value in zip(pairs, corrected(values), strict=True):
        if value >= level:
            alike[one].append(other)
            alike[other].append(one)
    return [
        {"variant": name, "rank": rank, "alike": " ".join(alike[name]), "p": p, "variants": count, "n": n}
        for name, rank in zip(table.columns, mean_ranks, strict=True)
    ]


def _differ(table: pd.DataFrame) -> bool:
    """Whether some seed tells two variants apart; where none does, Friedman's statistic is 0 / 0."""
    return bool((table.nunique(axis=1) > 1).any())


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Mean ranks of the variants of a study of other methods; the dense one is none of them."""
    dense = [name for name in study_runs.study.variants if study_runs.study.is_dense(name)]
    return ranks(study_runs["run_scores"], tuple(dense), 1 - study_runs.settings["confidence"])
