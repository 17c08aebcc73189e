"""Wilcoxon signed-rank test on epochwise SDs, paired by epoch: the p of section 4.3 and Table A6 (audit D4, U8).

The paper's 4.76e-4 is the exact one-sided p of W = 78 over 30 epochs. The epochs of the same runs are not independent
pairs, so this p is optimistic; it is reproduced here, under its name, because only so can the number be checked.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis import command, pairs
from nist.errors import run

RESAMPLES = 99_999


def signed_rank(difference: np.ndarray, alternative: str = "less", seed: int = 0) -> dict:
    """Signed-rank test that the paired differences, shape (pairs,), are centred on zero.

    Exact where no difference is zero and no two are equal in size; otherwise by ``RESAMPLES`` random sign flips drawn
    from ``seed``, zeros dropped. Returns ``w`` (the rank sum of the positive differences), ``p``, ``p_two_sided``,
    ``method``, and the numbers of ``pairs``, ``zeros`` and ``ties``. With no difference left, p is NaN.
    """
    difference = np.asarray(difference, dtype=float)
    sizes = np.abs(difference[difference != 0])
    zeros, ties = len(difference) - len(sizes), len(sizes) - len(np.unique(sizes))
    result = {"pairs": len(difference), "zeros": zeros, "ties": ties, "alternative": alternative}
    if len(sizes) == 0:
        return {**result, "w": np.nan, "p": np.nan, "p_two_sided": np.nan, "method": "none: all differences are zero"}

    def test(side: str):
        method = (
            "exact" if not zeros and not ties else stats.PermutationMethod(RESAMPLES, rng=np.random.default_rng(seed))
        )
        return stats.wilcoxon(difference, alternative=side, method=method)

    # Only the one-sided statistic is the rank sum of the positive differences; the two-sided one is the smaller sum.
    return {
        **result,
        "w": test("less").statistic,
        "p": test(alternative).pvalue,
        "p_two_sided": test("two-sided").pvalue,
        "method": "permutation" if zeros or ties else "exact",
    }


def wilcoxon(sd: pd.DataFrame, baseline: str, alternative: str = "less") -> pd.DataFrame:
    """Test SD(variant) - SD(baseline) over epochs, for every variant and metric.

    ``sd`` is the result of ``epochwise_sd``; ``alternative='less'`` asks whether the variant's SD is the lower one.
    Returns one row a comparison with the columns of ``signed_rank`` and ``n`` runs on either side.
    """

    def measure(paired: pd.DataFrame) -> dict:
        tested = signed_rank(paired["sd_variant"] - paired["sd_baseline"], alternative)
        return {"test": "Wilcoxon signed-rank over epochs", **tested}

    return pairs.compare_sd(sd, baseline, measure)


def main(argv: list[str] | None = None) -> None:
    """Wilcoxon signed-rank test of every variant's epochwise SD against the baseline's."""
    arguments = command.parser("analysis.statistics.wilcoxon", main.__doc__, "epochwise_sd.csv").parse_args(argv)
    settings = arguments.study.content["statistics"]
    sd = command.read_csv(arguments.inputs[0])
    command.write_csv(wilcoxon(sd, settings["baseline"], settings["alternative"]), arguments.output)


if __name__ == "__main__":
    run(main)
