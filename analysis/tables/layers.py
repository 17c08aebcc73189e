"""Table of the cost of a NIST layer in every form, beside the floor that memory bandwidth sets."""

import pandas as pd

from analysis import formatting

ADAM_BYTES = 40  # of a float32 weight: read forward and backward, gradient written; Adam reads four, writes three


def floor_ms(layers: pd.DataFrame, bandwidth: float) -> pd.Series:
    """Milliseconds that a step takes at least, at ``bandwidth`` bytes a second, in float32.

    Every weight that the form stores is moved as ``ADAM_BYTES`` says; inputs are read twice and their gradient is
    written; outputs are written and their gradient is read twice. No form can do with less unless a cache holds it.
    """
    weights = (layers["kept"] * layers["n_in"] * layers["k"]).round()
    dense = layers["n_in"] * layers["n_out"]
    stored = weights.where(~layers["candidate"].isin(["linear", "masked"]), dense)
    activations = 4 * layers["rows"] * 3 * (layers["n_in"] + layers["n_out"])
    return 1e3 * (ADAM_BYTES * stored + activations) / bandwidth


def build(layers: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    """One row a case and form; every cell is text. Ratios are medians of rounds."""
    floor = floor_ms(layers, float(where["bytes_a_second"]))
    return pd.DataFrame(
        {
            "Layer": layers["network"] + " " + layers["n_in"].astype(str) + "→" + layers["n_out"].astype(str),
            "Rows": layers["rows"].astype(str),
            "k": layers["k"].astype(str),
            "Kept": layers["kept"].map("{:.0%}".format),
            "Form": layers["candidate"] + layers["chosen"].map({True: " (chosen)", False: ""}),
            "Forward, ms": layers["forward_ms"].map(formatting.three_digits),
            "Backward, ms": layers["backward_ms"].map(formatting.three_digits),
            "Adam, ms": layers["step_ms"].map(formatting.three_digits),
            "Speed over masked": layers["masked_over_this"].map("{:.3g}×".format),
            "Peak memory, MB": (layers["peak_bytes"] / 1e6).map(formatting.three_digits),
            "Of bandwidth floor": (floor / layers["total_ms"]).map("{:.0%}".format),
        }
    )
