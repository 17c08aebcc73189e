"""Epochs to converge: the first epoch at 95 % of the last epoch's accuracy (caption of Table 1; assumption U5)."""

import pandas as pd

from analysis.metrics import runs
from analysis.statistics import pairing
from analysis.statistics.paired_difference import paired_test
from analysis.statistics.study_runs import StudyRuns

DIFFERENCE = ["difference", "low", "high"]


def first_epoch_at(curve: pd.Series, share: float) -> int:
    """First epoch at which ``curve``, indexed by epoch, reaches ``share`` of its value at the last epoch."""
    curve = curve.sort_index()
    return int(curve.index[(curve >= share * curve.iloc[-1]).to_numpy()][0])


def of_runs(frame: pd.DataFrame, share: float = 0.95) -> pd.Series:
    """Epochs to converge of each run, by study, variant and seed."""
    curves = frame.set_index("epoch").groupby([*runs.GROUP, "seed"], sort=False)["val_accuracy"]
    return curves.agg(lambda curve: first_epoch_at(curve, share))


def epochs_to_converge(
    frame: pd.DataFrame, baseline: str, share: float = 0.95, ddof: int = 1, confidence: float = 0.95
) -> pd.DataFrame:
    """Epochs to converge of every variant: of its mean validation curve (the paper's) and run by run.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant: ``epochs`` of the mean curve,
    ``run_mean`` and ``run_sd`` over ``n`` runs, and, but for the baseline, the mean ``difference`` to its runs, paired
    by seed, with the ends of Student's interval. A variant with a poor last epoch has little to reach and converges
    "fast" by this definition.
    """
    of_each = of_runs(frame, share)
    by_run = of_each.groupby(runs.GROUP, sort=False)
    mean_curves = frame.groupby([*runs.GROUP, "epoch"], sort=False)["val_accuracy"].mean().reset_index(level="epoch")
    of_mean = mean_curves.groupby(runs.GROUP, sort=False).apply(
        lambda rows: first_epoch_at(rows.set_index("epoch")["val_accuracy"], share)
    )
    table = by_run.agg(run_mean="mean", run_sd=lambda epochs: epochs.std(ddof=ddof)).assign(epochs=of_mean, share=share)
    table = table.reset_index().merge(runs.count(frame), on=runs.GROUP, validate="one_to_one")
    return table.merge(_differences(of_each.rename("epochs"), baseline, confidence), on=runs.GROUP, how="left")


def _differences(of_each: pd.Series, baseline: str, confidence: float) -> pd.DataFrame:
    rows = []
    for study, group in of_each.reset_index().groupby("study", sort=False):
        for variant, paired in pairing.with_baseline(group, baseline, on="seed"):
            ours, reference = (paired[f"epochs_{side}"].to_numpy(float) for side in ("variant", "baseline"))
            tested = paired_test(ours, reference, confidence)
            rows.append([study, variant, *(tested[name] for name in DIFFERENCE)])
    return pd.DataFrame(rows, columns=[*runs.GROUP, *DIFFERENCE])


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """First epoch at 95 % (or the study's share) of the last epoch's accuracy, for every variant."""
    settings = study_runs.settings
    shape = settings["converged_at"], settings["ddof"], settings["confidence"]
    return epochs_to_converge(study_runs.frame, study_runs.baseline, *shape)
