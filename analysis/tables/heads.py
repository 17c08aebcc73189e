"""What whole classifier heads cost, dense, masked and really sparse: from ``nist.benchmarks.layers``."""

import pandas as pd

from analysis import formatting


def build(heads: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    """One row a head and batch; every cell is text. Ratios of times are medians of rounds."""
    rows = []
    for (network, batch), group in heads.groupby(["network", "rows"], sort=False):
        dense, masked, ours = (group.set_index("candidate").loc[name] for name in ("linear", "masked", "nist"))
        rows.append(
            {
                "Head": f"{network} {'→'.join(map(str, ours['widths']))}",
                "Factors": ", ".join(map(str, ours["factors"])),
                "Batch": str(batch),
                "Dense, ms": formatting.three_digits(dense["total_ms"]),
                "Masked, ms": formatting.three_digits(masked["total_ms"]),
                "NIST, ms": formatting.three_digits(ours["total_ms"]),
                "Speed over masked": f"{ours['masked_over_this']:.3g}×",
                "over dense": f"{ours['masked_over_this'] / dense['masked_over_this']:.3g}×",
                "Peak memory, MB": formatting.three_digits(ours["peak_bytes"] / 1e6),
                "of masked": f"{ours['peak_bytes'] / masked['peak_bytes']:.1%}",
                "of dense": f"{ours['peak_bytes'] / dense['peak_bytes']:.1%}",
            }
        )
    return pd.DataFrame(rows)
