"""The table of coverage: how often each interval that was tried misses the truth, and the choice between them."""

from itertools import product

import numpy as np
import pandas as pd

from analysis.coverage import candidates, processes
from analysis.statistics import intervals, resampling, wilcoxon

CELL = ["quantity", "procedure", "n", "kind", "rho", "ratio"]
COLUMNS = [*CELL, "replications", "missed"]
AT_ONCE = 20  # samples, so that they stay in the processor's cache
PAPERS_RATIO, POWER_RUNS = 0.627, (10, 20)
TESTS = "log_sd_ratio"  # the quantity of which power is asked
WILCOXON = wilcoxon.TEST

Cell = tuple[int, str, float, float]


def cells() -> list[Cell]:
    """Runs, kind, autocorrelation and ratio of SDs, of every cell: without a difference, and with the paper's."""
    null = product(intervals.RUNS, processes.KINDS, processes.AUTOCORRELATIONS, [1.0])
    return [*null, *product(POWER_RUNS, processes.KINDS, processes.AUTOCORRELATIONS, [PAPERS_RATIO])]


def simulate(cell: Cell, replications: int, seed: np.random.SeedSequence) -> list[dict]:
    """Rows of ``COLUMNS`` of one cell. Of arms that differ, the samples are counted whose log SD ratio leaves out 0."""
    n, kind, rho, ratio = cell
    rng = np.random.default_rng(seed)
    flips = resampling.flips(n, candidates.RESAMPLES, rng)
    drawn = candidates.bootstrap.weights(n, candidates.RESAMPLES, rng)
    asked = candidates.QUANTITIES if ratio == 1 else {TESTS: candidates.QUANTITIES[TESTS]}
    missed: dict[tuple[str, str], int] = {}
    for first in range(0, replications, AT_ONCE):
        shape = 2, min(AT_ONCE, replications - first), n
        ours, reference = processes.runs(kind, rho, shape, rng)
        sample = candidates.Sample(ratio * ours, reference, processes.truth(kind), drawn, flips, rng)
        with np.errstate(all="ignore"):  # bootstrap samples of one run over and over have no SD
            counted = [(quantity, function(sample)) for quantity, function in asked.items()]
        for quantity, by_procedure in counted:
            for procedure, found in by_procedure.items():
                missed[quantity, procedure] = missed.get((quantity, procedure), 0) + int(found.sum())
        missed[TESTS, WILCOXON] = missed.get((TESTS, WILCOXON), 0) + int(_over_epochs(sample).sum())
    return [dict(zip(COLUMNS, (*key, *cell, replications, count), strict=True)) for key, count in missed.items()]


def _over_epochs(sample: candidates.Sample) -> np.ndarray:
    """Which samples the paper's test over epochs rejects, two-sided."""
    difference = resampling.difference(*(resampling.sd(arm) for arm in sample.arms))
    return wilcoxon.p_values(difference, "two-sided") <= 1 - intervals.CONFIDENCE


def choice(table: pd.DataFrame, quantity: str) -> str | None:
    """The procedure that is to be printed: the one that holds at most of ``intervals.RUNS``, else the nearest to 95 %.

    Holding is that of ``intervals.holds``. Among equals the one whose coverage is nearest to the confidence, mean over
    the cells of the numbers of runs at which it holds. ``None`` where none holds anywhere. Tests are no intervals.
    """
    null = table[(table["ratio"] == 1) & (table["quantity"] == quantity) & (table["procedure"] != WILCOXON)]
    null = null.assign(held=1 - null["missed"] / null["replications"])
    scores = {}
    for procedure, own in null.groupby("procedure", sort=False):
        enough = intervals.holds(own.groupby("n")["held"].min())
        kept = own[own["n"].isin(enough.index[enough])]
        scores[procedure] = (int(enough.sum()), -abs(kept["held"] - intervals.CONFIDENCE).mean())
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best][0] else None
