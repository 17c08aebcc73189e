"""``python -m analysis.measured``: what ``make bench`` measured on a machine, as a figure and tables."""

import argparse
from pathlib import Path

from analysis.figures import crossover, deployment, style
from analysis.tables import deployment as deployment_table
from analysis.tables import heads, layers, layout, trainer
from nist.benchmarks.results_file import read
from nist.errors import run

TABLES = {
    "layers": (layers, "Layers by form"),
    "heads": (heads, "Classifier heads"),
    "deployment": (deployment_table, "Heads in training and inference, beside other ways"),
    "trainer": (trainer, "Trainers"),
}
FIGURES = {"crossover": (crossover, "layers"), "deployment": (deployment, "deployment")}


def main(argv: list[str] | None = None) -> None:
    """Draw which form of a layer is fastest, and how heads compare with other ways, and write all tables."""
    parser = argparse.ArgumentParser(prog="python -m analysis.measured", description=main.__doc__)
    parser.add_argument(
        "inputs", type=Path, help="folder of one machine, with the Parquet files that make bench writes"
    )
    parser.add_argument("--figures", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--tables", required=True, type=Path, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    for name, (module, heading) in TABLES.items():
        measured, where = read(arguments.inputs / f"{name}.parquet")
        title = "{}: {device}, {threads} threads".format(heading, **where)
        layout.write(module.build(measured, where), title, arguments.tables / f"{name}.csv")
    with style.layout():
        for name, (module, source) in FIGURES.items():
            style.save_all(module.draw(*read(arguments.inputs / f"{source}.parquet")), arguments.figures / name)


if __name__ == "__main__":
    run(main)
