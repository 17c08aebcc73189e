"""Table A6: variability over epochs of every variant beside the baseline's."""

from collections.abc import Mapping
from decimal import Decimal

import pandas as pd

from analysis import formatting, study_results
from analysis.claims.claim import Claim, read
from analysis.study_results import Source
from analysis.tables import comparisons, layout
from analysis.tables.printed import NOT_RUN, OURS, PAPER, cell

PRINTED = ("mobilenetv1-cifar10", "sparse-3")  # the one comparison in the paper
FIGURES = [
    *("sparse3.mean_sd", "dense.mean_sd", "sd_diff", "sd_reduction", "frac", "wilson_lo", "wilson_hi"),
    *("sparse3.auc_sd", "dense.auc_sd", "auc_reduction"),
]
MEAN_SD, SHARE, AUC_SD = "Mean epochwise SD", "% epochs with lower SD (Wilson 95% CI)", "AUC_SD"


def build(given: list[Source]) -> pd.DataFrame:
    """Three rows a comparison, on validation accuracy, in the study's order; every cell is text.

    From ``auc_sd``, ``wilcoxon`` and ``wilson``. A comparison that the paper prints has the printed figures first.
    """
    claims, rows, baselines = read(), [], []
    for source in given:
        study = source.study
        baselines.append(study.variants[study.baseline]["label"])
        for name, variant in study.variants.items():
            printed = _printed(claims) if (study.name, name) == PRINTED else []
            if name != study.baseline:
                measured = _measured(source, name)
                rows += [{"Model": variant["label"], "Source": PAPER, **row} for row in printed]
                rows += [{"Model": variant["label"], "Source": OURS, **row} for row in measured]
    rows.append({"Model": " ".join(study_results.missing(given))})
    columns = ["Model", "Source", "Metric", "Value", "Baseline", "Notes"]
    return layout.frame(rows, columns, droppable=("Source",)).rename(columns={"Baseline": " / ".join(baselines)})


def _printed(claims: Mapping[str, Claim]) -> list[dict]:
    text = {name: cell(claims, f"a6.mobilenet.{name}") for name in FIGURES}
    difference, reduction = text["sd_diff"].replace("-", "−"), f"−{text['sd_reduction']}"
    p = claims["a6.mobilenet.wilcoxon_p"].printed
    return [
        {
            "Metric": MEAN_SD,
            "Value": text["sparse3.mean_sd"],
            "Baseline": text["dense.mean_sd"],
            "Notes": f"Diff = {difference} ({reduction} %); Wilcoxon p = {p}",
        },
        {
            "Metric": SHARE,
            "Value": _share(*(Decimal(text[name]) for name in ("frac", "wilson_lo", "wilson_hi"))),
            "Baseline": "–",
        },
        {
            "Metric": AUC_SD,
            "Value": text["sparse3.auc_sd"],
            "Baseline": text["dense.auc_sd"],
            "Notes": f"Total variability across epochs: {text['auc_reduction']} %",
        },
    ]


def _measured(source: Source, name: str) -> list[dict]:
    if not {name, source.study.baseline} <= set(source.variants()):
        return [{"Metric": metric, "Value": NOT_RUN} for metric in (MEAN_SD, SHARE, AUC_SD)]
    spread, test, share = (
        frame[frame["metric"] == "val_accuracy"].set_index("variant")
        for frame in (source.statistic(statistic) for statistic in ("auc_sd", "wilcoxon", "wilson"))
    )
    if spread.loc[[name, source.study.baseline], "mean_sd"].isna().any():
        undefined = {"Value": "–", "Baseline": "–", "Notes": "a single run has no SD"}
        return [{"Metric": metric, **undefined} for metric in (MEAN_SD, SHARE, AUC_SD)]
    return _comparison(spread.loc[name], spread.loc[source.study.baseline], test.loc[name], share.loc[name])


def _comparison(ours: pd.Series, baseline: pd.Series, test: pd.Series, share: pd.Series) -> list[dict]:
    side = comparisons.sides(test["alternative"])
    difference = ours["mean_sd"] - baseline["mean_sd"]
    relative = formatting.signed(100 * difference / baseline["mean_sd"], 1)
    return [
        {
            "Metric": MEAN_SD,
            "Value": f"{ours['mean_sd']:.5f}",
            "Baseline": f"{baseline['mean_sd']:.5f}",
            "Notes": f"Diff = {formatting.signed(difference, 5)} ({relative} %); "
            f"Wilcoxon W = {test['w']:.0f}, p = {test['p']:.3g} ({test['method']}, {side}, {test['pairs']} epochs)",
        },
        {
            "Metric": f"% epochs with lower SD (Wilson {formatting.bare_percent(share['confidence'], 0)}% CI)",
            "Value": _share(100 * share["share"], share["low"], share["high"]),
            "Baseline": "–",
            "Notes": f"{share['epochs_lower']:g} of {share['epochs']} epochs",
        },
        {
            "Metric": AUC_SD,
            "Value": f"{ours['auc_sd']:.4f}",
            "Baseline": f"{baseline['auc_sd']:.4f}",
            "Notes": f"sum over {ours['epochs']} epochs; trapezoid {ours['auc_sd_trapezoid']:.4f} "
            f"and {baseline['auc_sd_trapezoid']:.4f}; runs {layout.runs(ours['n'], ours['n_diverged'])} "
            f"and {layout.runs(baseline['n'], baseline['n_diverged'])}",
        },
    ]


def _share(share: float | Decimal, low: float | Decimal, high: float | Decimal) -> str:
    """A share, given in percent, with the ends of its interval, given as fractions."""
    return f"{share:.0f} % ({100 * low:.1f} to {100 * high:.1f} %)"
