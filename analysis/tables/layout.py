"""How tables are written."""

from pathlib import Path

import pandas as pd

from analysis.study_results import MISSING
from analysis.tables import latex
from nist.runtime.files import replacing
from nist.studies.study import Study

MARKDOWN_SPECIAL = str.maketrans({"|": r"\|", "<": "&lt;"})  # would end a cell, or begin a tag

DATASETS = {"cifar10": "CIFAR-10", "fashion_mnist": "FMNIST", "imagenet100": "ImageNet-100"}


def dataset(study: Study) -> str:
    """The paper's name of a study's data set."""
    name = study.content["data"]["dataset"]
    return DATASETS.get(name, name)


def factors(variant: dict) -> str:
    """Neuroseed factors of a variant's head, or the density of its blocks; a dash where its layers are dense."""
    if variant.get("density") is not None:
        return f"density {variant['density']:g}"
    return ", ".join(map(str, variant.get("factors") or ["–"]))


def runs(n: int, n_diverged: int) -> str:
    """Number of runs, and how many of them diverged if any did."""
    return f"{n} ({n_diverged} diverged)" if n_diverged else str(n)


def frame(rows: list[dict], columns: list[str], droppable: tuple[str, ...] = ()) -> pd.DataFrame:
    """Rows of text in the order of ``columns``, empty where a row has no cell; rows that say nothing are left out.

    Columns in ``droppable`` are left out if they say the same throughout.
    """
    table = [{name: row.get(name, "") for name in columns} for row in rows if any(row.values())]
    table = pd.DataFrame(table, columns=columns)
    said = {name: set(table[name]) - {""} for name in droppable}
    return table.drop(columns=[name for name, texts in said.items() if len(texts) < 2])


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A table and the sentence in its last row that names what has no runs, for which a cell has no room; or none."""
    if len(table) and table.iloc[-1, 0].startswith(MISSING):
        return table[:-1], f"{table.iloc[-1, 0]}."
    return table, ""


def write(table: pd.DataFrame, title: str, path: Path) -> None:
    """Write a table of strings as CSV at ``path``, and with its title as Markdown and LaTeX beside it."""
    contents = {
        ".csv": table.to_csv(index=False),
        ".md": _markdown(table, title),
        ".tex": latex.render(*split(table), title),
    }
    for suffix, text in contents.items():
        with replacing(path.with_suffix(suffix)) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _markdown(table: pd.DataFrame, title: str) -> str:
    cells, note = split(table.map(lambda cell: cell.translate(MARKDOWN_SPECIAL)))
    text = cells.to_markdown(index=False, disable_numparse=True)
    return "\n\n".join(filter(None, (title.translate(MARKDOWN_SPECIAL), text, note))) + "\n"
