"""Table A4: factors, sparsity, accuracy and compression of VGG16's heads."""

import pandas as pd

from analysis.study_results import Source
from analysis.tables import sparse_heads

CLAIMS = {"dense": "a4.vgg.dense", "nist-1-2-100": "a4.vgg.scratch", "nist-1-2-100-p99.9": "a4.vgg.p999"}


def prefix(study: str, variant: str) -> str:
    """Start of the ids of a variant's claims; the paper prints no other learning rate's and no other prune's."""
    return CLAIMS.get(variant, "") if study == "vgg16-imagenet100" else ""


def build(given: list[Source]) -> pd.DataFrame:
    """The rows of ``sparse_heads``, accuracies to two decimals, as the paper has maxima."""
    return sparse_heads.build(given, prefix, digits=2)
