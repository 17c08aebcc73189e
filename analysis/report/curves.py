"""Learning curves as data that the page can draw: every run of every variant of a study."""

import json

import pandas as pd

from analysis.report import plots
from nist.studies.study import Study

SCALE = 10_000  # accuracies are written as whole numbers of this part: exact for 10,000 validation images
MEASURES = {"val": "val_accuracy", "train": "train_accuracy"}


def explorer(frame: pd.DataFrame, experiment: Study, bands: dict[str, list[list[float]]] | None = None) -> str:
    """JSON of a study's runs, safe inside a ``script`` element.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA`` of this study. For each variant, in the study's order: its
    label and look, its seeds, and for each measure one row a run of accuracies by epoch, in 1/10,000. ``bands`` has
    the lower and upper ends of a band around the mean validation accuracy, by variant.
    """
    looks = plots.looks(experiment)
    variants = []
    for name, rows in frame.groupby("variant", sort=False):
        curves = {
            key: rows.pivot(index="seed", columns="epoch", values=column).mul(SCALE).round().astype(int)
            for key, column in MEASURES.items()
        }
        ends = (bands or {}).get(str(name), [])
        variants.append(
            looks[name]
            | {
                "seeds": curves["val"].index.tolist(),
                **{key: curve.to_numpy().tolist() for key, curve in curves.items()},
                **({"band": [[round(SCALE * value) for value in end] for end in ends]} if ends else {}),
            }
        )
    order = {look["label"]: position for position, look in enumerate(looks.values())}
    variants.sort(key=lambda variant: order[variant["label"]])
    content = json.dumps({"scale": SCALE, "variants": variants}, separators=(",", ":"))
    return content.replace("<", "\\u003c")
