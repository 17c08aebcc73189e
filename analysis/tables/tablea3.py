"""Table A3: factors, sparsity, accuracy and compression of AlexNet's heads."""

import pandas as pd

from analysis.study_results import Source
from analysis.tables import layout, sparse_heads
from nist.errors import run


def prefix(study: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    return f"a3.alexnet.{variant.replace('-', '_')}" if study == "alexnet-cifar10" else ""


def build(given: list[Source]) -> pd.DataFrame:
    """The rows of ``sparse_heads``, accuracies to two decimals as the paper has them."""
    return sparse_heads.build(given, prefix, digits=2)


def main(argv: list[str] | None = None) -> None:
    """Build Table A3 from ``accuracy.csv`` and ``cost.csv``."""
    layout.render_sources("analysis.tables.tablea3", build, argv)


if __name__ == "__main__":
    run(main)
