"""What training a run costs: by Eq. 3, by multiply-accumulates, and as it was measured, in seconds and joules."""

import math
from collections.abc import Iterable

import pandas as pd

from analysis.metrics import runs
from analysis.metrics.sessions import is_measured, joules
from analysis.networks import eq3
from analysis.networks.macs import FLOPS_PER_MAC, with_active
from analysis.statistics import cost
from analysis.statistics.study_runs import StudyRuns
from nist.metrics_file import MetricsFile

SHOWN = 12  # hexadecimal digits of a digest
COLUMNS = [
    *runs.GROUP,
    "device",
    "training_code",
    "flops_eq3",
    "macs",
    "seconds",
    "joules",
    "flops_a_second",
    "n",
    "n_measured",
]


def training_cost(blocks: Iterable[MetricsFile]) -> pd.DataFrame:
    """One row a variant and device that its runs were trained on.

    Of one run's training, over all its epochs: ``flops_eq3``, the paper's Eq. 3, four FLOPs an active weight of the
    sparsified layers and image; and ``macs``, multiply-accumulates of the whole network, forward and twice as many
    back, with the active weights alone in those layers, whatever their form computes; NaN for a network that is not one
    of the paper's five. Of one epoch of one run, validation included, as a mean over epochs and runs: ``seconds``,
    shares of one clock where runs advanced together, and ``joules`` of the GPU, NaN unless all runs recorded them.
    ``training_code`` are the digests of the code that trained them, the first digits of each, in order: seconds of
    other code were another day's, of another load.
    ``flops_a_second`` are two for each of an epoch's multiply-accumulates, validation's with them, over its seconds.
    ``n`` are runs; all that is measured is of ``n_measured`` of them, whose processes had a core to themselves.
    """
    groups: dict[tuple[str, str, str], list[MetricsFile]] = {}
    for block in blocks:
        groups.setdefault((*runs.name(block), block.description["device"]), []).append(block)
    return pd.DataFrame([_row(name, group) for name, group in groups.items()], columns=COLUMNS)


def _row(name: tuple[str, str, str], group: list[MetricsFile]) -> dict:
    said = [block.description for block in group]
    configuration, images = said[0]["configuration"], said[0]["training_images"]
    prune = configuration["prune"]
    active = eq3.schedule(cost.head_weights(configuration), prune and prune["epoch"], said[0]["epochs"])
    forward, training = _macs(configuration, active)
    measured = [block for block in group if is_measured(block.description)]
    seconds = pd.concat([block.table["seconds"].to_pandas() for block in measured] or [pd.Series(dtype=float)])
    energies = [energy for block in measured if (energy := joules(block.description)) is not None]
    all_recorded = len(energies) == len(measured) > 0
    macs = training * images
    return {
        **dict(zip([*runs.GROUP, "device"], name, strict=True)),
        "training_code": " ".join(sorted({one["training_code_digest"][:SHOWN] for one in said})),
        "flops_eq3": eq3.training_flops(active, images),
        "macs": macs,
        "seconds": seconds.mean(),
        "joules": math.fsum(energies) / len(seconds) if all_recorded else math.nan,
        "flops_a_second": FLOPS_PER_MAC
        * (macs + forward * said[0]["validation_images"])
        / (len(active) * seconds.mean()),
        "n": sum(len(one["seeds"]) for one in said),
        "n_measured": sum(len(block.description["seeds"]) for block in measured),
    }


def _macs(configuration: dict, active: list[int]) -> tuple[float, float]:
    """Multiply-accumulates of one image in all epochs, forward and in training."""
    try:
        found = [with_active(configuration, weights) for weights in active]
    except KeyError:
        return math.nan, math.nan
    return sum(forward for forward, _ in found), sum(training for _, training in found)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Training cost of every variant: Eq. 3, multiply-accumulates, seconds and joules."""
    return training_cost(study_runs.blocks.values())
