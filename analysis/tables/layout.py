"""How tables are written."""

from pathlib import Path

import pandas as pd

from nist.runtime.files import replacing
from nist.studies.study import Study

LATEX_SYMBOLS = {"±": r"$\pm$", "−": "$-$", "×": r"$\times$", "–": "--", "→": r"$\to$", "¹²": "$^{12}$", "⁹": "$^{9}$"}
LATEX_SPECIAL = str.maketrans(
    {symbol: f"\\{symbol}" for symbol in "%&_#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
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


def write(table: pd.DataFrame, title: str, path: Path) -> None:
    """Write a table of strings as CSV at ``path``, and with its title as Markdown and LaTeX beside it."""
    latex = table.to_latex(index=False, escape=True, caption=title.translate(LATEX_SPECIAL))
    for symbol, macro in LATEX_SYMBOLS.items():
        latex = latex.replace(symbol, macro)
    markdown = table.map(lambda cell: cell.translate(MARKDOWN_SPECIAL))
    contents = {
        ".csv": table.to_csv(index=False),
        ".md": f"{title.translate(MARKDOWN_SPECIAL)}\n\n{markdown.to_markdown(index=False, disable_numparse=True)}\n",
        ".tex": latex,
    }
    for suffix, text in contents.items():
        with replacing(path.with_suffix(suffix)) as temporary:
            temporary.write_text(text, encoding="utf-8")
