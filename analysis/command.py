"""What the commands of this package share: arguments, reading and writing."""

import argparse
import io
from pathlib import Path

import pandas as pd

from nist import study
from nist.errors import InputError
from nist.files import replacing

COLUMNS = {  # what is read of statistics by several modules, beside the variant
    "accuracy": {"reading", "mean", "sd", "max", "n", "n_diverged"},
    "learning_curve": {"metric", "epoch", "mean", "sd", "n"},
    "overfitting_gap": {"epoch", "gap", "sd", "n"},
    "epochs_to_converge": {"run_mean", "run_sd", "n"},
    "auc_sd": {"metric", "mean_sd", "auc_sd", "n"},
    "wilson": {"metric", "share", "low", "high", "n"},
    "wilcoxon": {"metric", "p", "p_two_sided", "n"},
    "cost": {"epochs", "training_images"},
}


def parser(module: str, description: str, inputs: str) -> argparse.ArgumentParser:
    """A parser for ``python -m module --study … input [input …] -o output``; ``inputs`` says what the inputs are.

    ``@file`` stands for the arguments in a file, one a line: a command can be given only so many.
    """
    result = argparse.ArgumentParser(f"python -m {module}", description=description, fromfile_prefix_chars="@")
    result.add_argument("--study", required=True, type=study.load, help="name or YAML file of the study")
    result.add_argument("inputs", nargs="+", type=Path, help=f"{inputs}, or @FILE with their names, one a line")
    result.add_argument("-o", "--output", required=True, type=Path)
    return result


def read_csv(path: Path) -> pd.DataFrame:
    """Read a statistic, every digit of it.

    Raises ``InputError`` as ``read_table`` does, and if a column that is read of a statistic of this name is not there.
    """
    frame = read_table(path)
    missing = COLUMNS.get(path.stem, set()) - set(frame.columns)
    if missing:
        raise InputError(f"{path}: not a statistic of a study's variants: it has no column {min(missing)!r}")
    return frame


def read_table(path: Path, **options) -> pd.DataFrame:
    """Read a CSV file with pandas' ``options``.

    Raises ``InputError`` if it is missing or empty, is not UTF-8, ends within a row or has rows of several lengths.
    """
    try:
        text = path.read_text(encoding="utf-8")
        frame = pd.read_csv(io.StringIO(text), **options)
    except (OSError, ValueError, pd.errors.ParserError) as error:  # also of what is not UTF-8, or empty
        raise InputError(f"{path}: not a readable statistic ({' '.join(str(error).split())})") from None
    if not text.endswith("\n"):
        raise InputError(f"{path}: cut off within its last row; make it anew")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first column for names of rows
        raise InputError(f"{path}: rows have more cells than there are columns")
    return frame


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a statistic, whole or not at all; floats keep every digit."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)
