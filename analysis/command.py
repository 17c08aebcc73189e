"""What the commands of this package share: arguments, reading and writing."""

import argparse
from pathlib import Path

import pandas as pd

from nist import study
from nist.errors import InputError
from nist.files import replacing


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
    """Read a statistic, every digit of it. Raises ``InputError`` if the file is missing or empty."""
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a readable statistic ({error})") from None


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a statistic, whole or not at all; floats keep every digit."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)
