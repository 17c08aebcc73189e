"""Small studies of two variants."""

import pandas as pd
import pytest


@pytest.fixture
def two_variants(frame):
    """Runs of a variant ``sparse`` and of the baseline ``dense`` from accuracies of shape (seeds, epochs)."""

    def make(ours, baseline, **kwargs):
        return pd.concat(
            [frame(baseline, variant="dense", **kwargs), frame(ours, variant="sparse", **kwargs)], ignore_index=True
        )

    return make
