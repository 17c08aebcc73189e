"""Evidence for the rules: statistics of the studies that were run, and how large the runs were beside the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis import cli
from analysis.claims import words
from analysis.claims.claim import Claim
from analysis.claims.intervals import Sample
from analysis.claims.outcome import NotRun, TooShort
from nist.errors import InputError
from nist.studies.study import Study

SAMPLES = {  # columns of mean and SD over runs
    "accuracy": ("mean", "sd"),
    "learning_curve": ("mean", "sd"),
    "overfitting_gap": ("gap", "sd"),
    "epochs_to_converge": ("run_mean", "run_sd"),
    "epochs_to_accuracy": ("restricted_mean", "restricted_sd"),
    "auc_sd": ("mean_sd", None),
}
OF_RUNS = {  # the statistic that has the same run by run, and its column; None: the metric's name
    "accuracy": ("run_scores", "accuracy"),
    "learning_curve": ("run_curves", None),
    "overfitting_gap": ("run_curves", "gap"),
    "epochs_to_converge": ("run_epochs", "epochs_to_converge"),
    "epochs_to_accuracy": ("run_epochs", "epochs_to_accuracy"),
}


@dataclass(frozen=True)
class Size:
    """How large an experiment of the paper is.

    ImageNet-100 has "approximately" 1,300 training images a class, of which 1,250 are enough; VGG16 had "several" runs,
    of which 5 are.
    """

    dataset: str
    epochs: int
    runs: int
    images: int


PAPER = {
    "lenet5-fmnist": Size("fashion_mnist", 120, 20, 60_000),
    "lenet5-cifar10": Size("cifar10", 120, 20, 50_000),
    "alexnet-cifar10": Size("cifar10", 60, 20, 50_000),
    "mobilenetv1-cifar10": Size("cifar10", 30, 20, 50_000),
    "vgg16-imagenet100": Size("imagenet100", 60, 5, 125_000),
    "vgg16-imagenet100-low": Size("imagenet100", 60, 5, 125_000),
    "deit-small-imagenet100": Size("imagenet100", 400, 5, 125_000),
}


LONGER = {"lenet5-fmnist": "lenet5-fmnist-120"}  # studies of as many epochs as the paper's, by those of fewer


@dataclass(frozen=True)
class Evidence:
    """Claims by id, studies by name, and statistics by study and name."""

    claims: Mapping[str, Claim]
    studies: Mapping[str, Study] = field(default_factory=dict)
    statistics: Mapping[tuple[str, str], pd.DataFrame] = field(default_factory=dict)

    def rows(self, statistic: str, study: str, variant: str, **where: object) -> pd.DataFrame:
        """Rows of one variant's statistic at which every column in ``where`` has the value given.

        Raises ``NotRun`` if the statistic or the variant is not there.
        """
        frame = self.statistics.get((study, statistic))
        if frame is None:
            raise NotRun(f"{words.title(study, self.studies)} has not been run")
        kept = frame["variant"] == variant
        if not kept.any():
            raise NotRun(f"{self.named(variant, study)} of {words.title(study, self.studies)} has not been run")
        for column, value in where.items():
            kept &= frame[column] == value
        return frame[kept]

    def row(self, statistic: str, study: str, variant: str, **where: object) -> pd.Series:
        """The one row of ``rows``. Raises ``InputError`` if there is another number of them."""
        rows = self.rows(statistic, study, variant, **where)
        if len(rows) != 1:
            raise InputError(
                f"{statistic}.csv of {study}: {len(rows)} rows of {variant} with {where}; there should be one"
            )
        return rows.iloc[0]

    def sample(self, statistic: str, side: str, study: str, **where: object) -> Sample:
        """Mean and SD over runs of one number a run. ``side`` is ``variant``, ``variant@epoch`` or ``study/variant``.

        The epoch ``last`` is the last one. Raises ``NotRun`` and ``TooShort``.
        """
        study, variant, at = self._place(statistic, side, study, where)
        row, (mean, sd) = self.row(statistic, study, variant, **where, **at), SAMPLES[statistic]
        return Sample(float(row[mean]), float(row[sd]) if sd else float("nan"), int(row["n"]))

    def values(self, statistic: str, side: str, study: str, **where: str) -> pd.Series:
        """The same number run by run, by seed. Raises ``NotRun`` and ``TooShort``."""
        by_run, column = OF_RUNS[statistic]
        study, variant, at = self._place(statistic, side, study, where)
        rows = self.rows(by_run, study, variant, **at, **(where if by_run == "run_scores" else {}))
        return rows.set_index("seed")[column or where["metric"]].astype(float).sort_index()

    def _place(self, statistic: str, side: str, study: str, where: Mapping) -> tuple[str, str, dict[str, int]]:
        """Study and variant of a ``side``, and its epoch if it has one."""
        name, _, epoch = side.partition("@")
        other, _, variant = name.rpartition("/")
        study = other or study
        if not epoch:
            return study, variant, {}
        last = int(self.rows(statistic, study, variant, **where)["epoch"].max())
        if epoch != "last" and int(epoch) > last:
            raise TooShort(f"the runs of {self.named(name, study)} end at epoch {last}, before {epoch}")
        return study, variant, {"epoch": last if epoch == "last" else int(epoch)}

    def named(self, side: str, study: str) -> str:
        """One side of a comparison in words; see ``sample``."""
        other, _, variant = side.rpartition("/")
        label = words.side(variant, self.studies.get(other or study))
        return f"{label} of {words.title(other, self.studies)}" if other else label

    def shortfall(self, study: str, variant: str, epochs: int | None = None) -> str:
        """How the experiment differs from the paper's but for its number of runs, in words; empty if it does not.

        ``epochs`` are those of the figure that a claim is read from, where they are fewer than the experiment's.
        """
        paper, differences = PAPER[study], []
        epochs = epochs or paper.epochs
        cost = self.row("cost", study, variant)
        if study in self.studies and self.studies[study].content["data"]["dataset"] != paper.dataset:
            differences.append(f"trained on {self.studies[study].content['data']['dataset']}, not {paper.dataset}")
        if cost["epochs"] < epochs:
            differences.append(f"{int(cost['epochs'])} of {epochs} epochs")
        if cost["training_images"] < paper.images:
            differences.append(f"{int(cost['training_images']):,} of {paper.images:,} training images")
        return ", ".join(differences)

    def diverged(self, study: str, variant: str) -> int:
        """Runs of a variant that diverged."""
        return int(self.rows("accuracy", study, variant)["n_diverged"].max())


def with_longer_runs(
    statistics: Mapping[tuple[str, str], pd.DataFrame], studies: Mapping[str, Study]
) -> dict[tuple[str, str], pd.DataFrame]:
    """Statistics in which a study of ``LONGER`` stands in place of the shorter one, where all of its runs are there."""
    found = dict(statistics)
    for short, longer in LONGER.items():
        frame = statistics.get((longer, "accuracy"))
        if frame is None or longer not in studies:
            continue
        planned = dict.fromkeys(studies[longer].variants, len(studies[longer].seeds))
        if frame.groupby("variant")["n"].min().to_dict() == planned:
            found |= {(short, name): table for (study, name), table in statistics.items() if study == longer}
    return found


def read_statistics(paths: list[Path]) -> dict[tuple[str, str], pd.DataFrame]:
    """Statistics by study, their folder's name, and their own. Raises ``InputError`` for a file that is not one."""
    return {(path.parent.name, path.stem): cli.read_csv(path) for path in paths}
