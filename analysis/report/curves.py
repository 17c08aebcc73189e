"""Learning curves as data that the page can draw: every run of every variant of a study."""

import json

import pandas as pd

from analysis.figures.style import series
from nist.studies.study import Study

SCALE = 10_000  # accuracies are written as whole numbers of this part: exact for 10,000 validation images
MEASURES = {"val": "val_accuracy", "train": "train_accuracy"}


def explorer(frame: pd.DataFrame, experiment: Study) -> str:
    """JSON of a study's runs, safe inside a ``script`` element.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA`` of this study. For each variant, in the study's order: its
    label and look, its seeds, and for each measure one row a run of accuracies by epoch, in 1/10,000.
    """
    looks = {each.variant: each for each in series(experiment, "explorer")}
    variants = []
    for name, rows in frame.groupby("variant", sort=False):
        curves = {
            key: rows.pivot(index="seed", columns="epoch", values=column).mul(SCALE).round().astype(int)
            for key, column in MEASURES.items()
        }
        variants.append(
            {
                "label": looks[name].label,
                "colour": looks[name].line["color"],
                "dashes": _dashes(looks[name].line["linestyle"]),
                "seeds": curves["val"].index.tolist(),
                **{key: curve.to_numpy().tolist() for key, curve in curves.items()},
            }
        )
    order = {look.label: position for position, look in enumerate(looks.values())}
    variants.sort(key=lambda variant: order[variant["label"]])
    content = json.dumps({"scale": SCALE, "variants": variants}, separators=(",", ":"))
    return content.replace("<", "\\u003c")


def _dashes(style: str | tuple) -> str:
    """A matplotlib line style as SVG's ``stroke-dasharray``, in widths of two."""
    return "none" if isinstance(style, str) else " ".join(f"{2 * length:g}" for length in style[1])
