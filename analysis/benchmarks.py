"""What ``nist.benchmarks.layers`` measured: the fastest form of each case, and how well the rule of costs chose."""

import pandas as pd

SHAPE = ["network", "n_in", "n_out", "rows"]
CASE = [*SHAPE, "k", "kept"]


def fastest(layers: pd.DataFrame) -> pd.DataFrame:
    """The fastest form of every case, with ``masked_over_this``: how many times as fast it is as masked.

    ``choice`` is the form that ``nist.sparse.cost_model`` chose, and ``regret`` the share by which that one was slower.
    All by the ratios within rounds, where candidates ran side by side. Plain ``nn.Linear`` is not among the forms.
    """
    forms = layers[layers["candidate"] != "linear"]
    best = forms.loc[forms.groupby(CASE, sort=False)["masked_over_this"].idxmax()]
    chosen = forms.loc[forms["chosen"], [*CASE, "candidate", "masked_over_this"]]
    chosen = chosen.rename(columns={"candidate": "choice", "masked_over_this": "masked_over_chosen"})
    joined = best.drop(columns="chosen").merge(chosen, on=CASE, validate="one_to_one")
    return joined.assign(regret=joined["masked_over_this"] / joined["masked_over_chosen"] - 1)
