"""Contracts of files: columns of statistics that others read, and the formats of figures and tables."""

import pandas as pd

from nist.errors import InputError

TESTED = ("metric", "variant")
FLOPS = ("flops", "flops_to_converge")
CONTRACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "aa_calibration": (("variant", "test", "metric"), ("false_positive_rate", "low", "high", "splits")),
    "accuracy": (("variant", "score"), ("mean", "sd", "margin", "max", "n", "n_diverged")),
    "auc_sd": (TESTED, ("mean_sd", "auc_sd", "n")),
    "brown_forsythe": (TESTED, ("p", "n")),
    "churn": (("variant", "score"), ("churn", "churn_baseline", "between", "excess", "low", "high", "n")),
    "cost": (
        ("variant",),
        ("epochs", "training_images", "dense", "initial", "final", "total", "epochs_to_converge", *FLOPS),
    ),
    "distributionwise_variance": (
        ("variant", "score", "epoch"),
        ("epoch", "variance", "variance_of_images", "distributionwise", "n"),
    ),
    "epochs_to_accuracy": (TESTED, ("restricted_mean", "restricted_sd", "difference", "low", "high", "p", "n")),
    "epochs_to_converge": (("variant",), ("epochs", "run_mean", "run_sd", "difference", "low", "high", "n")),
    "epochwise_sd": (("variant", "metric", "epoch"), ("epoch", "sd", "n")),
    "equivalence": (TESTED, ("margin", "difference", "p", "n")),
    "gap_at_accuracy": (
        TESTED,
        ("level", "gap", "gap_baseline", "epoch", "epoch_baseline", "difference", "low", "high"),
    ),
    "holm": (("test", *TESTED), ("n", "p", "p_holm", "family", "false_positive_rate")),
    "learning_curve": (("variant", "metric", "epoch"), ("epoch", "mean", "sd", "n")),
    "overfitting_gap": (("variant", "epoch"), ("epoch", "gap", "sd", "n")),
    "paired_difference": (TESTED, ("difference", "low", "high", "p", "n")),
    "paths": (
        ("variant", "seed"),
        ("sparsity", "effective_sparsity", "effective", "unused", "unreached", "extra_epochs", "extra_seconds"),
    ),
    "power": ((*TESTED, "quantity"), ("effect", "detectable", "n_needed")),
    "ranks": (("variant", "score"), ("rank", "p", "variants", "n")),
    "run_curves": (("variant", "seed", "epoch"), ("val_accuracy", "train_accuracy", "gap")),
    "run_epochs": (("variant", "seed"), ("epochs_to_converge", "epochs_to_accuracy")),
    "run_scores": (("variant", "seed", "score"), ("accuracy",)),
    "sd_permutation": (TESTED, ("log_sd_ratio", "sd_ratio", "low", "high", "p", "n")),
    "selection": (("variant", "seed"), ("epoch", "selected", "peak", "optimism")),
    "selection_difference": (TESTED, ("difference", "low", "high", "p", "n")),
    "simultaneous_band": (("variant", "epoch"), ("epoch", "mean", "low", "high")),
    "superiority": (TESTED, ("probability", "low", "high", "p", "n")),
    "training_cost": (
        ("variant", "device", "training_code"),
        ("flops_eq3", "macs", "seconds", "joules", "flops_a_second", "n", "n_measured"),
    ),
    "unreached_outputs": (("variant", "seed"), ("unreached", "accuracy")),
    "wilcoxon": (TESTED, ("w", "pairs", "zeros", "p", "p_two_sided", "n")),
    "wilson": (TESTED, ("share", "low", "high", "n")),
}

TEXTS = {  # columns of text that are read beside these
    "holm": ("alternative",),
    "sd_permutation": ("baseline", "interval"),
    "wilcoxon": ("alternative",),
    **dict.fromkeys(("epochs_to_accuracy", "gap_at_accuracy", "paired_difference", "superiority"), ("interval",)),
}
STATISTICS = tuple(CONTRACTS)
SUFFIXES = {"figure": (".svg", ".pdf", ".png"), "table": (".csv", ".md", ".tex")}  # the first is the one to show


def check(name: str, frame: pd.DataFrame, where: object) -> None:
    """Raise ``InputError``, which begins with ``where``, unless ``frame`` can be the statistic ``name``.

    A column that is read has to be there, numbers have to be numbers or blank, and no two rows may be of the same.
    """
    if name not in CONTRACTS:
        raise InputError(f"{where}: no statistic is called {name!r}")
    keys, numbers = CONTRACTS[name]
    missing = {*keys, *numbers, *TEXTS.get(name, ())} - set(frame.columns)
    if missing:
        raise InputError(f"{where}: not a statistic of a study's variants: it has no column {min(missing)!r}")
    for column in numbers:
        if pd.api.types.is_numeric_dtype(frame[column]):
            continue  # as nearly always; to look at each value takes longer than to read the file
        wrong = frame[column][pd.to_numeric(frame[column], errors="coerce").isna() & frame[column].notna()]
        if len(wrong):
            raise InputError(f"{where}: column {column!r}, row {wrong.index[0] + 2}: {wrong.iloc[0]!r} is no number")
    if frame.duplicated(list(keys)).any():
        twice = frame[frame.duplicated(list(keys))].iloc[0]
        raise InputError(f"{where}: two rows of {', '.join(str(twice[key]) for key in keys)}")
