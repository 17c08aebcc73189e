"""The runs of one study, and its statistics, each computed once and on demand."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import cli
from analysis.contracts import STATISTICS
from analysis.metrics import hits, runs
from nist.metrics_file import MetricsFile
from nist.studies.study import Study


class StudyRuns:
    """A study and its metrics files.

    ``study_runs["wilson"]`` is the result of ``analysis.statistics.wilson.of_study(study_runs)``, which may ask for
    other statistics in turn. Raises ``InputError`` as they and ``analysis.metrics.runs.join`` do.
    """

    def __init__(self, study: Study, paths: list[Path]):
        self.study, self.paths = study, paths
        self.settings: dict = study.content["statistics"]
        self._statistics: dict[str, pd.DataFrame] = {}

    @property
    def baseline(self) -> str:
        """The variant that the others are compared with."""
        return self.settings["baseline"]

    @cached_property
    def blocks(self) -> dict[Path, MetricsFile]:
        """The metrics files by path."""
        return runs.read_blocks(self.paths)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows, one a run and epoch, with the columns of ``nist.metrics_file.SCHEMA``.

        A run that diverged has its last finite accuracies from then on.
        """
        return runs.with_last_finite(runs.join(self.blocks))

    def hits(self) -> Iterator[hits.Hits]:
        """Which images each run got right, a variant at a time."""
        return hits.of_blocks(self.blocks)

    def generator(self) -> np.random.Generator:
        """A fresh generator of the study's seed, so that no statistic depends on which were computed before it."""
        return np.random.default_rng(self.settings["generator_seed"])

    def write(self, folder: Path, names: Iterable[str] = STATISTICS) -> None:
        """Write statistics as CSV files in ``folder``."""
        for name in names:
            cli.write_csv(self[name], folder / f"{name}.csv")

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._statistics:
            module = import_module(f"analysis.statistics.{name}")
            self._statistics[name] = module.of_study(self).reset_index(drop=True)
        return self._statistics[name]
