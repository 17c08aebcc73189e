"""What NIST layers and heads cost in each form, beside the masked one and plain ``nn.Linear``.

``python -m nist.benchmarks.layers`` measures layers by shape, factor, batch and form, before and after a prune, and the
heads of the paper's networks. Times are medians over rounds in which every candidate takes its turn.
"""

import argparse
import copy
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from nist.benchmarks.timing import STEPS, Trial, as_made, in_turns
from nist.errors import run
from nist.runtime import devices, provenance
from nist.sparse import cost_model
from nist.sparse.convert import reform
from nist.sparse.kernels import FORMS
from nist.sparse.linear import NISTLinear
from nist.sparse.mask import Band

FACTORS = (1, 2, 10, 50)
PRUNED = 0.1  # share of a band's weights that the pruned cases keep


class Case(NamedTuple):
    """A layer of one of the paper's networks, the rows of a batch, and the share of its band that is kept."""

    network: str
    n_in: int
    n_out: int
    rows: int
    k: int
    kept: float = 1.0


SHAPES = (
    ("LeNet-5", 120, 84, (64, 256)),
    ("LeNet-5", 84, 10, (64, 256)),
    ("MobileNetV1", 1024, 10, (64, 256)),
    ("MobileNetV1", 1024, 100, (64, 256)),
    ("MobileNetV1", 100, 200, (64, 256)),
    ("AlexNet", 4096, 4096, (64, 256, 1)),
    ("AlexNet", 4096, 10, (64, 256)),
    ("VGG16", 25088, 4096, (64, 1)),
    ("VGG16", 4096, 100, (64, 256)),
    ("DeiT-Small", 384, 1152, (197, 4 * 197)),  # one image of 197 tokens, and four
    ("DeiT-Small", 384, 384, (197, 4 * 197)),
    ("DeiT-Small", 384, 1536, (197, 4 * 197)),
    ("DeiT-Small", 1536, 384, (197, 4 * 197)),
)
# The heads of Tables A2, A3, A4 and A6: n_in → … → n_out, and a factor for each layer.
HEADS = {
    "LeNet-5": ((120, 84, 10), (1, 10)),
    "MobileNetV1": ((1024, 100, 200, 10), (2, 50, 10)),
    "AlexNet": ((4096, 4096, 4096, 10), (1, 2, 10)),
    "VGG16": ((25088, 4096, 4096, 100), (1, 2, 100)),
}


def cases() -> Iterator[Case]:
    """Every shape, batch and factor, and half density; pruned ones for the smaller batch.

    Of more than 20 million weights, which take half a minute a case, two factors.
    """
    for network, n_in, n_out, batches in SHAPES:
        factors = {*FACTORS, n_out // 2} if n_in * n_out < 2e7 else {1, 10}
        for k in sorted(k for k in factors if 1 <= k <= n_out):
            for rows in batches:
                yield Case(network, n_in, n_out, rows, k)
            yield Case(network, n_in, n_out, batches[0], k, PRUNED)


def candidates(case: Case, device: torch.device) -> dict[str, nn.Module]:
    """The layer in every form that it can have, and ``linear``, a plain one.

    A band of more than 64 offsets, and a sparse matrix of more than a million weights, are left out: each takes
    several times as long as the masked form, and would take up most of the benchmark.
    """
    layer = NISTLinear(case.n_in, case.n_out, case.k, form="compressed", device=device)
    if case.kept < 1:
        order = torch.randperm(layer.active_weights, generator=torch.Generator().manual_seed(0)).to(device)
        layer.keep(order < int(case.kept * layer.active_weights))
    hopeless = {"banded": case.k > 64, "compressed": layer.active_weights > 1e6}
    possible = FORMS if case.kept == 1 else ("masked", "compressed")
    layers: dict[str, nn.Module] = {"linear": nn.Linear(case.n_in, case.n_out, device=device)}
    forms = [form for form in possible if not hopeless.get(form)]
    return layers | {form: as_made(reform(copy.deepcopy(layer), form)) for form in forms}


def measure(case: Case, device: torch.device, seconds: float) -> list[dict]:
    """Rows of one case, one a candidate, from as many rounds as fit into ``seconds``."""
    layers = candidates(case, device)
    band = Band(case.n_in, case.n_out, case.k)
    chosen = cost_model.cheapest(band, int(case.kept * band.n_weights), case.rows, device.type)
    trials = {name: Trial(layer, case.n_in, case.n_out, case.rows, device) for name, layer in layers.items()}
    rows = _rows(trials, in_turns(trials, seconds))
    return [{**case._asdict(), **row, "chosen": row["candidate"] == chosen} for row in rows]


def measure_head(network: str, rows: int, device: torch.device, seconds: float) -> list[dict]:
    """Rows of one of ``HEADS``: ``nist`` with automatic forms, ``masked``, and ``linear``, dense throughout."""
    widths, factors = HEADS[network]
    trials = {}
    for candidate, form in (("linear", None), ("masked", "masked"), ("nist", "auto")):
        layers: list[nn.Module] = []
        for n_in, n_out, k in zip(widths, widths[1:], factors, strict=False):
            sparse = form and NISTLinear(n_in, n_out, k, form=form, rows=rows, device=device)
            layers += [sparse or nn.Linear(n_in, n_out, device=device), nn.ReLU()]
        trials[candidate] = Trial(nn.Sequential(*layers[:-1]), widths[0], widths[-1], rows, device)
    head = {"network": network, "widths": list(widths), "factors": list(factors), "rows": rows}
    return [{**head, **row} for row in _rows(trials, in_turns(trials, seconds))]


def _rows(trials: dict[str, Trial], times: np.ndarray) -> list[dict]:
    totals = times.sum(-1)
    masked = totals[:, list(trials).index("masked")]
    return [
        {
            "candidate": name,
            "rounds": len(times),
            **dict(zip((f"{part}_ms" for part in STEPS), 1e3 * np.median(times[:, i], axis=0), strict=True)),
            "total_ms": 1e3 * float(np.median(totals[:, i])),
            "masked_over_this": float(np.median(masked / totals[:, i])),
            "bytes_held": trial.bytes_held(),
            "peak_bytes": trial.peak_bytes(),
        }
        for i, (name, trial) in enumerate(trials.items())
    ]


def where_measured(device: torch.device, threads: int) -> dict[str, str]:
    """Where and when something is measured, as ``nist.benchmarks.results_file`` keeps it."""
    return {
        "kind": device.type,
        "device": provenance.device_name(device),
        "threads": str(threads),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def bandwidth(device: torch.device, n: int = 64 * 2**20) -> float:
    """Bytes a second that a copy of ``n`` float32 numbers, by default 256 MiB, reads and writes: the best of ten."""
    source = torch.zeros(n, device=device)
    target = torch.empty_like(source)
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    seconds = []
    for _ in range(10):
        synchronize()
        started = time.perf_counter()
        target.copy_(source)
        synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * source.nbytes / min(seconds)


def main(argv: list[str] | None = None) -> None:
    """Measure every layer and head and write layers.parquet and heads.parquet into a folder named cpu or cuda."""
    parser = argparse.ArgumentParser(prog="python -m nist.benchmarks.layers", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"), help="folder (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads (default: all)")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each case (default: %(default)s)")
    arguments = parser.parse_args(argv)
    from tqdm import tqdm

    from nist.benchmarks import results_file  # and pandas, which nist.calibrate does without

    torch.set_num_threads(arguments.threads)
    devices.keep_freed_memory()
    device, seconds = devices.choose_device(arguments.device), arguments.seconds
    where = {**where_measured(device, arguments.threads), "bytes_a_second": str(bandwidth(device))}
    layers = [row for case in tqdm([*cases()], disable=None) for row in measure(case, device, seconds)]
    heads = [row for name in HEADS for rows in (64, 256) for row in measure_head(name, rows, device, 2 * seconds)]
    for name, rows in (("layers", layers), ("heads", heads)):
        results_file.write(arguments.out / device.type / f"{name}.parquet", rows, where)


if __name__ == "__main__":
    run(main)
