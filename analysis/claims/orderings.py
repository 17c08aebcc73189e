"""Rules for an ordering: more than, no worse than, as good as, steadier than, over every comparison a claim makes.

A claim on several comparisons holds if each of them does at 95 %, which needs no correction (an intersection-union
test); it is contradicted if any of them is, at a level divided by their number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from math import exp, inf, isfinite, isnan, nan

from analysis.claims import intervals
from analysis.claims.claim import Claim
from analysis.claims.evidence import Evidence
from analysis.claims.outcome import Measured, Outcome
from analysis.claims.values import LEVEL, where
from analysis.statistics import distributionwise_variance

Interval = Callable[[float], tuple[float, float, float]]
BY_INTERVAL = {
    "reproduced": ": the interval supports the claim",
    "contradicted": ": the interval excludes the claim",
}


@dataclass(frozen=True)
class Comparison:
    """Two sides and what their difference is, with its interval: ``holds`` as claimed, ``excluded``, or neither.

    ``room`` is how far the interval stays inside the claimed range, negative where it leaves it. ``needed``: runs
    a side that would settle it, where a statistic has them.
    """

    name: str
    estimate: Measured
    holds: bool
    excluded: bool
    room: float
    needed: int | None = None


def direction(claim: Claim, evidence: Evidence) -> Outcome:
    """Every side in ``more`` exceeds every side in ``less`` by more than ``by`` of the claim's units, 0 unless given.

    With a negative ``by`` this is "no worse than". ``rising`` instead lists sides each of which exceeds the one before.
    Of several names in ``statistic``, each must say so.
    """
    bound = float(claim.parameters.get("by", 0)) * float(claim.scale)
    return _judge(claim, evidence, (bound, inf), LEVEL)


def equivalence(claim: Claim, evidence: Evidence) -> Outcome:
    """Sides differ by less than ``margin``: two one-sided tests at 5 %, which is a 90 % interval within the margin."""
    margin = float(claim.parameters["margin"]) * float(claim.scale)
    return _judge(claim, evidence, (-margin, margin), 2 * LEVEL)


def steadier(claim: Claim, evidence: Evidence) -> Outcome:
    """Every side in ``less`` has a lower mean epochwise SD than every side in ``more``; ours is the ratio of SDs.

    Variants of one study are compared with its baseline by the permutation of whole runs, paired by seed. Runs of two
    studies are not paired, and no test decides between them.
    """
    pairs = named_pairs(claim.parameters)
    if apart := [pair for pair in pairs if any("/" in side for side in pair)]:
        more, less = (evidence.sample("auc_sd", side, claim.study, **where(claim)) for side in apart[0])
        ratio = more.mean / less.mean if less.mean else nan
        reason = (
            f"{_against(evidence, claim, *apart[0])}; runs of two studies are not paired, and nothing tests their SDs"
        )
        return Outcome("inconclusive", reason, Measured(ratio, nan, nan, min(more.n, less.n)))
    verdict, reason, found = _of_all([_permuted(claim, evidence, *pair, len(pairs)) for pair in pairs], (0.0, inf))
    return Outcome(verdict, reason, Measured(exp(found.value), exp(found.low), exp(found.high), found.n))


def _permuted(claim: Claim, evidence: Evidence, more: str, less: str, n_pairs: int) -> Comparison:
    """The log ratio of SDs, ``more`` over ``less``: its two-sided p decides; the interval is of the same test."""
    tested = evidence.row("sd_permutation", claim.study, less, baseline=more, metric=claim.parameters["metric"])
    ratio, p = -float(tested["log_sd_ratio"]), float(tested["p"])
    has_spread = isfinite(ratio) and isfinite(p)
    found = Measured(ratio, -float(tested["high"]), -float(tested["low"]), int(tested["n"]))
    named = [evidence.named(side, claim.study) for side in (more, less)]
    said = f"p = {p:.2g} over whole runs" if isfinite(p) else "p undefined over whole runs"
    return Comparison(
        f"SD of {named[0]} relative to {named[1]}, {said}{_without_sampling_noise(claim, evidence, more, less)}",
        found,
        holds=has_spread and ratio > 0 and p <= LEVEL,
        excluded=has_spread and ratio < 0 and p <= LEVEL / n_pairs,
        room=(ratio if isnan(found.low) else found.low) if has_spread else nan,
        needed=_runs_needed(claim, evidence, less),
    )


def _runs_needed(claim: Claim, evidence: Evidence, variant: str) -> int | None:
    """Runs a side that would show the SD ratio that was seen, if it is true; see ``analysis.statistics.power``."""
    if (claim.study, "power") not in evidence.statistics:
        return None
    where = {"metric": claim.parameters["metric"], "quantity": "log_sd_ratio"}
    needed = float(evidence.row("power", claim.study, variant, **where)["n_needed"])
    return int(needed) if isfinite(needed) else None


def _without_sampling_noise(claim: Claim, evidence: Evidence, *pair: str) -> str:
    """The ratio of mean epochwise SDs without what the finite number of validation images adds, in words.

    Nothing where a side's runs did not keep their images.
    """
    table = evidence.statistics.get((claim.study, "distributionwise_variance"))
    if table is None or claim.parameters["metric"] != "val_accuracy":
        return ""
    ratio = distributionwise_variance.sd_ratio(table, *pair)
    said = "without the sampling noise of validation images the SD ratio would be"
    return "" if isnan(ratio) else f"; {said} × {ratio:.2f}"


def _against(evidence: Evidence, claim: Claim, *pair: str) -> str:
    """Both sides of a comparison in words."""
    return " against ".join(evidence.named(side, claim.study) for side in pair)


def named_pairs(parameters: dict[str, str]) -> list[tuple[str, str]]:
    """(more, less) of every comparison, at every epoch of ``epoch`` (``10 20``, ``5-29``, ``last``) if it is given."""
    if "rising" in parameters:
        names = [(after, before) for before, after in pairwise(parameters["rising"].split())]
    else:
        names = list(product(parameters["more"].split(), parameters["less"].split()))
    epochs = [epoch for part in parameters.get("epoch", "").split() for epoch in _epochs(part)]
    return [(f"{more}@{epoch}", f"{less}@{epoch}") for more, less in names for epoch in epochs] if epochs else names


def _judge(claim: Claim, evidence: Evidence, claimed: tuple[float, float], level: float) -> Outcome:
    """Whether the difference of every pair lies in the open range ``claimed``, by its interval at 1 − ``level``.

    The interval at 1 − ``LEVEL`` is shown, whatever decides.
    """
    statistics, comparisons = claim.parameters["statistic"].split(), []
    named = [(pair, statistic) for pair in named_pairs(claim.parameters) for statistic in statistics]
    for pair, statistic in named:
        interval, n = _difference(claim, evidence, statistic, pair)
        _, low, high = interval(1 - level)
        _, safe_low, safe_high = interval(1 - LEVEL / len(named))
        by = f", {statistic.replace('_', ' ')}" if len(statistics) > 1 else ""
        comparisons.append(
            Comparison(
                _against(evidence, claim, *pair) + by,
                Measured(*interval(1 - LEVEL), n),
                holds=claimed[0] < low and high < claimed[1],
                excluded=safe_high <= claimed[0] or safe_low >= claimed[1],
                room=min(low - claimed[0], claimed[1] - high),
            )
        )
    verdict, reason, found = _of_all(comparisons, claimed)
    return Outcome(verdict, f"{reason}{BY_INTERVAL.get(verdict, '')}", found)


def _difference(claim: Claim, evidence: Evidence, statistic: str, pair: tuple[str, str]) -> tuple[Interval, int]:
    """The interval of the mean difference of two sides by confidence, and the number of runs.

    Runs of one study are paired by seed, and those of one variant at two epochs with themselves. Sides of two studies
    are not paired, and compared by Welch's interval.
    """
    if any("/" in side for side in pair):
        more, less = (evidence.sample(statistic, side, claim.study, **where(claim)) for side in pair)
        return partial(intervals.of_difference, more, less), min(more.n, less.n)
    left, right = (evidence.values(statistic, side, claim.study, **where(claim)) for side in pair)
    return partial(intervals.of_pairs, left, right), len(left.index.intersection(right.index))


def _of_all(comparisons: list[Comparison], claimed: tuple[float, float]) -> tuple[str, str, Measured]:
    excluded = [one for one in comparisons if one.excluded]
    worst = min(excluded or comparisons, key=lambda one: -inf if isnan(one.room) else one.room)
    if excluded:
        return "contradicted", worst.name, worst.estimate
    if all(one.holds for one in comparisons):
        return "reproduced", worst.name, worst.estimate
    if isnan(worst.room):
        reason = "one run has no spread" if worst.estimate.n < 2 else "runs have no spread"
        return "inconclusive", f"{worst.name}; {reason}", worst.estimate
    found = worst.estimate
    nearest = min(claimed, key=lambda end: abs((found.low + found.high) / 2 - end))
    needed = worst.needed or intervals.runs_to_settle(found.low, found.high, nearest, found.n)
    settle = f"; about {needed} runs a side would settle it" if needed else ""
    return "inconclusive", f"{worst.name}{settle}", found


def _epochs(part: str) -> list[str]:
    first, dash, last = part.partition("-")
    return [str(epoch) for epoch in range(int(first), int(last) + 1)] if dash else [part]
