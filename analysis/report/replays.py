"""Replays of published runs on the page: one row each, beside the run."""

from pathlib import Path

import pandas as pd

from analysis.published import replays
from nist import metrics_file
from nist.metrics_file import MetricsFile

SHOWN = [  # headings of analysis.published.replays.words that the page has room for
    "Study",
    "Variant",
    "Seed",
    "Epochs",
    "First epoch that differs",
    "Largest difference in validation accuracy (points)",
    "Same device",
    "Same versions",
    "Same training code",
]


def table(paths: list[Path], blocks: dict[Path, MetricsFile]) -> dict:
    """The replays at ``paths`` beside their runs among ``blocks``, as text; no rows where there are none.

    Raises ``InputError`` as ``analysis.published.replays.compare_all`` does.
    """
    compared = replays.compare_all({path: metrics_file.read(path) for path in paths}, blocks.values())
    return pd.DataFrame([replays.words(one) for one in compared], columns=SHOWN).to_dict("split")
