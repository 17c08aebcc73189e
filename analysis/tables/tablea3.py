"""Table A3: factors, sparsity, accuracy and compression of AlexNet's heads."""

import pandas as pd

from analysis.study_results import Source
from analysis.tables import sparse_heads


def prefix(study: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    return f"a3.alexnet.{variant.replace('-', '_')}" if study == "alexnet-cifar10" else ""


def build(given: list[Source]) -> pd.DataFrame:
    """The rows of ``sparse_heads``, accuracies to two decimals as the paper has them."""
    return sparse_heads.build(given, prefix, digits=2)
