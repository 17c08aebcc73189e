"""Table A6: variability over epochs of every variant beside the baseline's."""

import pandas as pd

from analysis.tables import layout
from nist.errors import run
from nist.study import Study


def build(auc_sd: pd.DataFrame, wilcoxon: pd.DataFrame, wilson: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Three rows a comparison, on validation accuracy, in the study's order; every cell is text."""
    spread, test, share = (
        frame[frame["metric"] == "val_accuracy"].set_index("variant") for frame in (auc_sd, wilcoxon, wilson)
    )
    baseline, rows = spread.loc[study.baseline], []
    for name, variant in study.variants.items():
        if name != study.baseline:
            rows += _comparison(spread.loc[name], baseline, test.loc[name], share.loc[name], variant["label"])
    return pd.DataFrame(rows).rename(columns={"Baseline": study.variants[study.baseline]["label"]})


def _comparison(ours: pd.Series, baseline: pd.Series, test: pd.Series, share: pd.Series, label: str) -> list[dict]:
    difference = ours["mean_sd"] - baseline["mean_sd"]
    side = "two-sided" if test["alternative"] == "two-sided" else "one-sided"
    interval = f"{share['low']:.3f}–{share['high']:.3f}"
    return [
        {
            "Model": label,
            "Metric": "Mean epochwise SD",
            "Value": f"{ours['mean_sd']:.5f}",
            "Baseline": f"{baseline['mean_sd']:.5f}",
            "Notes": f"Diff = {_signed(difference, 5)} ({_signed(100 * difference / baseline['mean_sd'], 1)} %); "
            f"Wilcoxon W = {test['w']:.0f}, p = {test['p']:.3g} ({test['method']}, {side}, {test['pairs']} epochs)",
        },
        {
            "Model": label,
            "Metric": f"% epochs with lower SD (Wilson {layout.percent(share['confidence'], 0)}% CI)",
            "Value": f"{layout.percent(share['share'], 0)}% ({interval})",
            "Baseline": "–",
            "Notes": f"{share['epochs_lower']} of {share['epochs']} epochs",
        },
        {
            "Model": label,
            "Metric": "AUC_SD",
            "Value": f"{ours['auc_sd']:.4f}",
            "Baseline": f"{baseline['auc_sd']:.4f}",
            "Notes": f"sum over {ours['epochs']} epochs; trapezoid {ours['auc_sd_trapezoid']:.4f} "
            f"and {baseline['auc_sd_trapezoid']:.4f}; runs {layout.runs(ours['n'], ours['n_diverged'])} "
            f"and {layout.runs(baseline['n'], baseline['n_diverged'])}",
        },
    ]


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def main(argv: list[str] | None = None) -> None:
    """Build Table A6 from ``auc_sd.csv``, ``wilcoxon.csv`` and ``wilson.csv``."""
    layout.render("analysis.tables.tablea6", build, argv)


if __name__ == "__main__":
    run(main)
