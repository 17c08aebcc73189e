"""The ledger of the paper's claims: one verdict each, from its own figures and from the runs that there are."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pandas as pd

from analysis import cli, study_results
from analysis.claims import arithmetic, grouping, orderings, readings, relative, settings, values, words
from analysis.claims.claim import PATH, Claim, read, written
from analysis.claims.evidence import PAPER, Evidence, read_statistics, with_longer_runs
from analysis.claims.outcome import Estimate, NotRun, Outcome, SetOtherwise, TooShort
from nist.errors import InputError
from nist.studies import study

OF_RUNS: dict[str, Callable[[Claim, Evidence], Outcome]] = {
    rule.__name__: rule
    for rule in (
        *(values.interval, values.maximum, values.margin, values.spread, values.share, values.significance),
        *(values.bound, values.epochs_to, orderings.direction, orderings.equivalence, orderings.steadier),
    )
}
WORST_FIRST = (
    "arithmetic wrong",
    "contradicted",
    "contradicted as read",
    "not run",
    "not testable",
    "inconclusive",
    "reproduced",
    "arithmetic ok",
    "adopted",
)
RULES = (*OF_RUNS, "recompute", "setting", "together", "not_testable")


def ledger(evidence: Evidence) -> pd.DataFrame:
    """One row a claim, in the order of ``claims.csv``.

    Columns: ``id``, ``verdict``; ``printed`` and ``ours`` with the interval ``low`` to ``high``, in the unit that
    ``claims.csv`` gives; ``n`` runs of the smaller side; ``readings`` of the paper that a contradiction rests on;
    ``finding``, which claims share that say the same of the same; ``reason``, ``rule``. Every cell is text, empty for
    nothing.
    """
    rows = []
    for claim in evidence.claims.values():
        found = decide(claim, evidence)
        ours = {name: in_unit(getattr(found.estimate, name), claim) for name in ("value", "low", "high")}
        rows.append(
            {
                "id": claim.id,
                "verdict": found.verdict,
                "printed": claim.printed,
                "ours": ours["value"],
                "low": ours["low"],
                "high": ours["high"],
                "n": "" if found.estimate.n is None else str(found.estimate.n),
                "readings": ", ".join(found.readings),
                "finding": found.finding,
                "reason": words.sentences((found.reason, claim.note)),
                "rule": written(claim),
            }
        )
    return pd.DataFrame(rows)


def decide(claim: Claim, evidence: Evidence) -> Outcome:
    """Verdict on one claim. The paper's own figures are asked first (``check``), then the rule.

    Raises ``InputError`` for a rule or a parameter that there is not.
    """
    if claim.rule not in RULES:
        raise InputError(f"{PATH.name}: {claim.id}: no rule {claim.rule!r}; there are {', '.join(RULES)}")
    found = arithmetic.check(claim, evidence.claims, evidence.studies) or _apply(claim, evidence)
    return replace(found, finding=grouping.finding(claim, found, involved(claim)))


def _apply(claim: Claim, evidence: Evidence) -> Outcome:
    try:
        if claim.rule == "not_testable":
            return Outcome("not testable", claim.parameters["reason"])
        if claim.rule == "recompute":
            return arithmetic.recompute(claim, evidence.claims)
        if claim.rule == "setting":
            return settings.setting(claim, evidence)
        if claim.rule == "together":
            return together(claim, evidence)
        return _of_runs(claim, evidence)
    except SetOtherwise as departure:
        return Outcome("not run", departure.args[0])
    except NotRun as missing:
        return Outcome("not run", f"{missing.args[0]}; {how_to_run(claim)}")
    except TooShort as short:
        return Outcome("inconclusive", f"smaller than the paper's: {short.args[0]}")


def _of_runs(claim: Claim, evidence: Evidence) -> Outcome:
    rule = OF_RUNS[claim.rule]
    found = sized(claim, evidence, rule(claim, evidence))
    if found.verdict != "contradicted":
        return found
    found = relative.offset(claim, evidence, found, lambda other: decide(other, evidence))
    return readings.contradiction(claim, evidence, found, rule, involved(claim))


def together(claim: Claim, evidence: Evidence) -> Outcome:
    """A summary of other ``claims``: as good as the worst of them, and contradicted by one whose figures are wrong."""
    parts = {name: decide(evidence.claims[name], evidence) for name in claim.parameters["claims"].split()}
    name, part = min(parts.items(), key=lambda item: WORST_FIRST.index(item[1].verdict))
    verdict = "contradicted" if part.verdict == "arithmetic wrong" else part.verdict
    decisive = evidence.claims[name]
    reason = f"decided by {words.quantity(decisive)} ({decisive.source}); {part.reason}"
    return replace(part, verdict=verdict, reason=reason, estimate=Estimate(n=part.estimate.n))


def sized(claim: Claim, evidence: Evidence, outcome: Outcome) -> Outcome:
    """Say where the runs were smaller than the paper's, and let no such outcome read ``reproduced``.

    With fewer runs the interval is wider already, so a contradiction stands. With fewer epochs or images, or on another
    data set, it is another experiment, and nothing is decided; the reason says what these runs alone would say. A claim
    that is read from a figure of fewer epochs than the experiment has, ``figure_epochs``, is decided by runs of those.
    """
    n = outcome.estimate.n
    if n is None or outcome.verdict.startswith("arithmetic"):
        return outcome
    names = involved(claim)
    epochs = int(claim.parameters["figure_epochs"]) if "figure_epochs" in claim.parameters else None
    differences = sorted({text for name in names if (text := evidence.shortfall(*name, epochs))})
    runs, diverged = max(PAPER[name].runs for name, _ in names), sum(evidence.diverged(*name) for name in names)
    fewer = [f"{n} of {runs} runs"] if n < runs else []
    undecided = differences or (fewer and outcome.verdict == "reproduced")
    reasons = [
        f"smaller than the paper's: {', '.join(differences + fewer)}" if differences or fewer else "",
        f"of these runs alone: {outcome.verdict}" if differences else outcome.reason,
        f"{diverged} runs diverged" if diverged else "",
    ]
    verdict = "inconclusive" if undecided else outcome.verdict
    return replace(outcome, verdict=verdict, reason="; ".join(filter(None, reasons)))


def involved(claim: Claim) -> list[tuple[str, str]]:
    """(study, variant) of everything that a rule on runs reads."""
    named = [claim.parameters[name] for name in ("of", "more", "less", "rising") if name in claim.parameters]
    sides = [side.partition("@")[0].rpartition("/") for side in " ".join(named or [claim.variant]).split()]
    return sorted({(study_name or claim.study, variant) for study_name, _, variant in sides})


def how_to_run(claim: Claim) -> str:
    """The command that would run what a claim needs."""
    if claim.rule == "setting":
        names = claim.parameters.get("of", claim.study).split()
    else:
        names = sorted({name for name, _ in involved(claim)})
    return f"to run it: `{study_results.how_to_run(tuple(names))}`"


def in_unit(value: object, claim: Claim) -> str:
    """A value in base units as text in the claim's unit, to ten digits."""
    if value is None:
        return ""
    return f"{float(value) / float(claim.scale):.10g}" if isinstance(value, Fraction | int | float) else str(value)


def main(argv: list[str] | None = None) -> None:
    """Decide every claim of the paper from its own figures and from the statistics given."""
    parser = argparse.ArgumentParser(prog="python -m analysis.claims", description=main.__doc__)
    parser.add_argument("inputs", nargs="*", type=Path, help="statistics, CSV files in folders named for their studies")
    parser.add_argument("--studies", nargs="*", default=[], type=study.load, help="names or YAML files of studies")
    parser.add_argument("-o", "--output", required=True, type=Path, help="CSV file")
    arguments = parser.parse_args(argv)
    studies = {experiment.name: experiment for experiment in arguments.studies}
    statistics = with_longer_runs(read_statistics(arguments.inputs), studies)
    cli.write_csv(ledger(Evidence(read(), studies, statistics)), arguments.output)
