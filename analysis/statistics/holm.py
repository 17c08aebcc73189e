"""Every p of a study in one table, corrected for the number of variants, beside how often its test errs on these runs.

There is one kind of family: one test of one metric over all variants that the study plans to compare with its baseline,
the question "does any variant differ?" asked once. Within it p is corrected by Holm's procedure (Holm 1979, *Scand. J.
Statist.* 6). Tests and metrics are not corrected for one another: they ask other questions of the same runs, each
stated before the runs are seen.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.statistics.study_runs import StudyRuns

TESTS = (
    "wilcoxon",
    "sd_permutation",
    "brown_forsythe",
    "superiority",
    "paired_difference",
    "equivalence",
    "epochs_to_accuracy",
    "gap_at_accuracy",
)
COLUMNS = ["study", "test", "metric", "variant", "baseline", "n", "alternative", "p"]
COMPARISON = ["study", "test", "metric", "variant"]
RATES = {"false_positive_rate": "false_positive_rate", "low": "rate_low", "high": "rate_high", "splits": "splits"}


def corrected(p: np.ndarray, family: int = 0) -> np.ndarray:
    """Holm's corrected p, shape (variants,), of one family of so many, or of ``family`` if that is more.

    An undefined p (NaN) stays so, and counts in the family, as one that is not there.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)  # NaN last
    remaining = max(len(p), family) - np.arange(len(p))
    steps = np.minimum(np.maximum.accumulate(remaining * p[order]), 1)
    result = np.empty_like(p)
    result[order] = steps
    return result


def holm(tables: Iterable[pd.DataFrame], rates: pd.DataFrame, planned: int = 0) -> pd.DataFrame:
    """All comparisons of ``tables``, each a statistic with ``COLUMNS``, with ``p_holm`` and the ``family``'s size.

    A family is as large as the comparisons that are there, or the ``planned`` ones: what was to be asked counts, run or
    not, or each further variant would change what is said of the first.
    ``rates`` is the result of ``aa_calibration``. Beside every p stand its test's ``false_positive_rate`` at the level
    1 - confidence and the ends of its Monte Carlo interval, of the arm on whose runs the test errs more often; NaN for
    a test or metric that was not calibrated.
    """
    table = pd.concat([one[COLUMNS] for one in tables], ignore_index=True)
    table = table[table["variant"] != table["baseline"]]
    families = table.groupby(["study", "test", "metric"], sort=False)["p"]
    size = np.maximum(families.transform("size"), planned)
    table = table.assign(family=size, p_holm=families.transform(corrected, family=planned))
    return table.merge(_worse_rates(rates, table), on=COMPARISON, how="left", validate="one_to_one")


def _worse_rates(rates: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """``COMPARISON`` and ``RATES`` of the arm of each comparison on whose runs its test errs more often."""
    known = rates.rename(columns={**RATES, "variant": "arm"})[["study", "test", "metric", "arm", *RATES.values()]]
    sides = pd.concat([compared[COMPARISON].assign(arm=compared[side]) for side in ("variant", "baseline")])
    both = sides.merge(known, on=["study", "test", "metric", "arm"]).drop(columns="arm")
    return both.sort_values("false_positive_rate", kind="stable").drop_duplicates(COMPARISON, keep="last")


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Every p of a study, corrected by Holm's procedure, beside its test's false-positive rate."""
    planned = len(study_runs.study.variants) - 1
    return holm([study_runs[name] for name in TESTS], study_runs["aa_calibration"], planned)
