"""Rules for a printed number that only runs can bear out: is it where our runs say that such a number would lie?

``reproduced``: the interval for the paper's statistic, from our runs, meets the values that are printed so, and is no
wider than the claim's tolerance. ``contradicted``: it misses them. ``inconclusive``: it is too wide to say, and the
reason tells how many runs would settle it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import exp, isfinite, sqrt

import numpy as np
import pandas as pd
from scipy import stats

from analysis.claims import intervals, margins
from analysis.claims.arithmetic import RELATIONS, printed
from analysis.claims.claim import Claim, Figure
from analysis.claims.evidence import PAPER, Evidence
from analysis.claims.outcome import Estimate, Measured, Outcome

SIDES = {">": "above", ">=": "at or above", "<": "below", "<=": "at or below"}
FILTERS = ("score", "metric")
LEVEL = 0.05
Interval = Callable[[int], tuple[float, float]]


def interval(claim: Claim, evidence: Evidence) -> Outcome:
    """A mean over runs: prediction interval of the mean of the paper's number of runs.

    It is to be no wider than ``tolerance`` to either side.
    """
    sample, runs = _sample(claim, evidence, claim.variant), PAPER[claim.study].runs

    def of_runs(n: int) -> tuple[float, float]:
        return intervals.of_next_mean(intervals.Sample(sample.mean, sample.sd, n), runs)

    found = meets(claim.figure, sample.mean, sample.n, of_runs, _tolerance(claim))
    return _said_if_before_the_prune(claim, evidence, found)


def maximum(claim: Claim, evidence: Evidence) -> Outcome:
    """The best run's accuracy: prediction interval of the largest of the paper's number of runs."""
    sample, runs = _sample(claim, evidence, claim.variant), PAPER[claim.study].runs
    row = evidence.row("accuracy", claim.study, claim.variant, score=claim.parameters["score"])

    def of_runs(n: int) -> tuple[float, float]:
        return intervals.of_next_maximum(intervals.Sample(sample.mean, sample.sd, n), runs)

    found = meets(claim.figure, float(row["max"]), sample.n, of_runs, _tolerance(claim))
    return _said_if_before_the_prune(claim, evidence, found)


def spread(claim: Claim, evidence: Evidence) -> Outcome:
    """Mean or sum over epochs of the epochwise SD: prediction interval of an SD, ``tolerance`` being a share of it.

    As wide as if all epochs said the same, which is on the safe side where runs are normal.
    """
    row = evidence.row("auc_sd", claim.study, claim.variant, metric=claim.parameters["metric"])
    ours, runs = float(row[claim.parameters["value"]]), PAPER[claim.study].runs
    tolerance = float(claim.parameters["tolerance"]) * ours
    return meets(claim.figure, ours, int(row["n"]), lambda n: intervals.of_next_sd(ours, n, runs), tolerance)


def share(claim: Claim, evidence: Evidence) -> Outcome:
    """Share of epochs with lower SD: our Wilson interval, which is too narrow, and whether whole runs agree."""
    row = evidence.row("wilson", claim.study, claim.variant, metric=claim.parameters["metric"])
    ends = float(row["low"]), float(row["high"])
    found = meets(claim.figure, float(row["share"]), int(row["n"]), lambda n: ends, _tolerance(claim))
    return _if_whole_runs_agree(claim, evidence, found)


def margin(claim: Claim, evidence: Evidence) -> Outcome:
    """A ±: first whether it can be a margin of error at all, beside the printed ``mean`` and ``maximum``.

    With ``is=sd`` it is taken for an SD in all of this. ``arithmetic wrong`` if it can be one neither in points nor as
    a fraction; where the number of runs is not stated, if no number up to ``most_runs`` and no unit allow the whole
    ``column``. Then as ``interval``, for the margin of the paper's number of runs, by the F distribution of the ratio
    of its variance and ours.
    """
    units = _stated_runs(claim, evidence) if "column" not in claim.parameters else _any_runs(claim, evidence)
    if not units:
        return Outcome("arithmetic wrong", _impossible(claim, evidence))
    row, runs = _scored(claim, evidence), PAPER[claim.study].runs
    in_sd = 1 if _is_sd(claim) else stats.t.ppf(0.975, runs - 1) / sqrt(runs)  # at the paper's number of runs
    ours = float(in_sd * row["sd"])
    outcomes = [
        meets(
            Figure(claim.figure.value / margins.UNITS[unit], claim.figure.step / margins.UNITS[unit]),
            ours,
            int(row["n"]),
            lambda n: intervals.of_next_sd(ours, n, runs),
            float(claim.parameters["tolerance"]) * ours,
        )
        for unit in units
    ]
    best = next((outcome for outcome in outcomes if outcome.verdict != "contradicted"), outcomes[0])
    found = Outcome(best.verdict, f"{best.reason}; the ± read as {' or '.join(units)}", best.estimate)
    return _said_if_before_the_prune(claim, evidence, found)


def significance(claim: Claim, evidence: Evidence) -> Outcome:
    """A Wilcoxon p: first whether any rank sum over ``pairs`` gives it, then whether ours is below ``level`` as well.

    ``contradicted`` if the test is significant the other way round; either only if whole runs agree.
    """
    sums = margins.rank_sums(claim.figure, int(claim.parameters["pairs"]))
    if not sums:
        return Outcome("arithmetic wrong", f"no rank sum of {claim.parameters['pairs']} pairs has this p")
    row = evidence.row("wilcoxon", claim.study, claim.variant, metric=claim.parameters["metric"])
    p, level = float(row["p"]), float(claim.parameters["level"])
    other_way = p > 0.5 and float(row["p_two_sided"]) <= level
    verdict = "reproduced" if p <= level else "contradicted" if other_way else "inconclusive"
    printed_by = ", ".join(f"{side} W = {w}" for side, w in sums)
    estimate = Estimate(p, n=int(row["n"]))
    found = Outcome(verdict, f"judged at {level}; the printed p is that of {printed_by}", estimate)
    return _if_whole_runs_agree(claim, evidence, found)


def bound(claim: Claim, evidence: Evidence) -> Outcome:
    """A number that every variant in ``of`` reaches, or stays below (``relation``): Student-t interval of its mean."""
    outcomes = []
    for side in claim.parameters["of"].split():
        sample = _sample(claim, evidence, side)
        outcomes.append(bounded(claim, Measured(sample.mean, *intervals.of_mean(sample), sample.n)))
    return weakest(outcomes)


def epochs_to(claim: Claim, evidence: Evidence) -> Outcome:
    """First epoch at which the mean curve reaches ``share`` of its last value, or comes ``within`` points of its best.

    The interval begins where the upper end of the curve's pointwise prediction interval is at that level, and ends
    where the lower end is. With a ``relation`` the printed epoch bounds it, for every variant in ``of``.
    """
    outcomes = []
    for variant in claim.parameters.get("of", claim.variant).split():
        curve = evidence.rows("learning_curve", claim.study, variant, metric=claim.parameters["metric"])
        ours = _first_epochs(claim, curve.sort_values("epoch"))
        if "relation" in claim.parameters:
            outcomes.append(bounded(claim, ours))
        else:
            of_runs = partial(_ends_of_first_epochs, claim, curve.sort_values("epoch"))
            outcomes.append(meets(claim.figure, ours.value, ours.n, of_runs, _tolerance(claim)))
    return weakest(outcomes)


def meets(figure: Figure, value: float, n: int, of_runs: Interval, tolerance: float) -> Outcome:
    """Compare the interval of our ``n`` runs with a printed figure, which may have been rounded, or cut off if it can.

    ``of_runs`` gives the interval that any number of runs would leave if nothing else changed.
    """
    low, high = of_runs(n)
    estimate = Measured(value, low, high, n)
    if not (isfinite(low) and isfinite(high)):
        return Outcome("inconclusive", "one run has no spread", estimate)
    first, last = figure.printed_so
    if high < first or low > last:
        return Outcome("contradicted", "our interval misses what is printed", estimate)
    if high - low <= 2 * tolerance:
        return Outcome("reproduced", "our interval meets what is printed", estimate)
    needed = intervals.runs_until(lambda runs: -np.subtract(*of_runs(runs)), 2 * tolerance, n)
    settle = f"{needed} runs would settle it" if needed else "more runs here would not settle it"
    return Outcome("inconclusive", f"our interval is too wide; {settle}", estimate)


def bounded(claim: Claim, ours: Measured) -> Outcome:
    """Compare our interval with a printed bound."""
    relation, value = claim.parameters["relation"], claim.figure.value
    if not (isfinite(ours.low) and isfinite(ours.high)):
        return Outcome("inconclusive", "one run has no spread", ours)
    holds = [RELATIONS[relation](end, value) for end in (ours.low, ours.high)]
    if all(holds):
        return Outcome("reproduced", f"our interval is {SIDES[relation]} the bound", ours)
    if not any(holds):
        return Outcome("contradicted", f"our interval is not {SIDES[relation]} the bound", ours)
    needed = intervals.runs_to_settle(ours.low, ours.high, float(value), ours.n)
    settle = f"; about {needed} runs would settle it" if needed else ""
    return Outcome("inconclusive", f"our interval has the bound in it{settle}", ours)


def weakest(outcomes: list[Outcome]) -> Outcome:
    """The outcome that decides where all must hold: the first contradiction, else the first doubt, else the first."""
    ranked = ("contradicted", "inconclusive", "reproduced")
    return min(outcomes, key=lambda outcome: ranked.index(outcome.verdict))


def _scored(claim: Claim, evidence: Evidence) -> pd.Series:
    return evidence.row("accuracy", claim.study, claim.variant, score=claim.parameters.get("score", "peak"))


def _is_sd(claim: Claim) -> bool:
    """Whether a ± is taken for an SD, as the text of Table A3 says (B7)."""
    return claim.parameters.get("is") == "sd"


def _bounds(claim: Claim) -> margins.Bounds:
    return margins.sd_bounds if _is_sd(claim) else margins.margin_bounds


def _stated_runs(claim: Claim, evidence: Evidence) -> list[str]:
    return margins.feasible_units(*_margin_row(claim, evidence), PAPER[claim.study].runs, _bounds(claim))


def _any_runs(claim: Claim, evidence: Evidence) -> list[str]:
    rows = [_margin_row(evidence.claims[identifier], evidence) for identifier in claim.parameters["column"].split()]
    return sorted({unit for unit, _ in margins.common_readings(rows, int(claim.parameters["most_runs"]))})


def _impossible(claim: Claim, evidence: Evidence) -> str:
    if "column" in claim.parameters:
        return f"no unit and no number of runs up to {claim.parameters['most_runs']} allow the whole column"
    runs = PAPER[claim.study].runs
    least, greatest = _bounds(claim)(*_margin_row(claim, evidence)[1:], runs)
    return (
        "impossible in points and as a fraction: mean, maximum and "
        f"{runs} runs leave {100 * least:.3f} to {100 * greatest:.3f} points"
    )


def _margin_row(claim: Claim, evidence: Evidence) -> tuple[Figure, Figure, Figure]:
    mean, best = (printed(claim, claim.parameters[name], evidence.claims) for name in ("mean", "maximum"))
    return claim.figure, mean, best


def _first_epochs(claim: Claim, curve: pd.DataFrame) -> Measured:
    runs, n, mean = PAPER[claim.study].runs, int(curve["n"].iloc[0]), curve["mean"].to_numpy()
    if "share" in claim.parameters:
        level = float(claim.parameters["share"]) * mean[-1]
    else:
        level = mean.max() - float(claim.parameters["within"]) / 100
    if n < 2:
        return Measured(_first(curve, mean, level), np.nan, np.nan, n)
    samples = [intervals.Sample(*row) for row in curve[["mean", "sd", "n"]].itertuples(index=False)]
    low, high = zip(*(intervals.of_next_mean(sample, runs) for sample in samples), strict=True)
    last = float(curve["epoch"].iloc[-1])  # the level is reached by then, by definition
    return Measured(_first(curve, mean, level), _first(curve, high, level), min(_first(curve, low, level), last), n)


def _ends_of_first_epochs(claim: Claim, curve: pd.DataFrame, n: int) -> tuple[float, float]:
    """The interval that ``n`` runs would leave."""
    found = _first_epochs(claim, curve.assign(n=n))
    return found.low, found.high


def _if_whole_runs_agree(claim: Claim, evidence: Evidence, found: Outcome) -> Outcome:
    """What is said over epochs stands only if whole runs, permuted, say so too, and else is ``inconclusive``.

    Epochs of the same runs are not independent: between arms that do not differ, a test over epochs finds a difference
    far too often (``analysis.coverage``).
    """
    row = evidence.row("sd_permutation", claim.study, claim.variant, metric=claim.parameters["metric"])
    ratio, p = exp(row["log_sd_ratio"]), float(row["p"])
    differs = p <= LEVEL and isfinite(ratio)
    agrees = {"reproduced": differs and 0 < ratio < 1, "contradicted": differs and ratio > 1}.get(found.verdict, True)
    size = f"is × {ratio:.2f}, p = {p:.2g}" if isfinite(ratio) and isfinite(p) else "of either arm is undefined"
    reasons = [found.reason, f"over whole runs the SD {size}"]
    if not agrees:
        reasons.append(f"epochs alone would say {found.verdict}")
    return Outcome(found.verdict if agrees else "inconclusive", "; ".join(reasons), found.estimate)


def _said_if_before_the_prune(claim: Claim, evidence: Evidence, found: Outcome) -> Outcome:
    """The paper's peak is over all epochs: the reason names the pruned network's where it is lower by 0.1 points."""
    if claim.parameters.get("score", "peak") != "peak" or claim.parameters.get("statistic", "accuracy") != "accuracy":
        return found
    rows = evidence.rows("accuracy", claim.study, claim.variant).set_index("score")["mean"]
    if not {"peak", "peak_final"} <= set(rows.index) or rows["peak"] - rows["peak_final"] < 0.001:
        return found
    after = f"; runs peak before the prune: with the final weights their mean is {100 * rows['peak_final']:.1f} %"
    return Outcome(found.verdict, found.reason + after, found.estimate)


def _first(curve: pd.DataFrame, values: Sequence[float], level: float) -> float:
    reached = curve["epoch"].to_numpy()[np.asarray(values) >= level]
    return float(reached[0]) if len(reached) else np.inf


def _sample(claim: Claim, evidence: Evidence, side: str) -> intervals.Sample:
    epoch = f"@{claim.parameters['epoch']}" if "epoch" in claim.parameters else ""
    return evidence.sample(claim.parameters["statistic"], f"{side}{epoch}", claim.study, **where(claim))


def where(claim: Claim) -> dict[str, str]:
    """Which rows of a statistic a claim is about."""
    return {name: claim.parameters[name] for name in FILTERS if name in claim.parameters}


def _tolerance(claim: Claim) -> float:
    return float(claim.parameters["tolerance"]) * float(claim.scale)
