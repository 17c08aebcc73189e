"""Table A2: factors, sparsity, accuracy and compression of every variant, LeNet-5's in the paper."""

import pandas as pd

from analysis.study_results import Source
from analysis.tables import sparse_heads


def prefix(study: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    return f"a2.{study.replace('-', '.')}.{variant.replace('-', '_')}"


def build(given: list[Source]) -> pd.DataFrame:
    """The rows of ``sparse_heads``, accuracies to one decimal as the paper has them."""
    return sparse_heads.build(given, prefix, digits=1)
