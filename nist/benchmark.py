"""What a NIST layer costs in each form, beside the masked one and a plain ``nn.Linear``: ``python -m nist.benchmark``.

Times are medians over rounds; in a round every form takes its turn, so that a ratio compares what ran side by side.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn
from tqdm import tqdm

from nist import train
from nist.errors import run
from nist.files import replacing
from nist.linear import FORMS, NISTLinear

FACTORS = (1, 2, 10, 50)
STEPS = ("forward", "backward", "step")


class Shape(NamedTuple):
    """A layer of one of the paper's networks, and the rows that one batch of its experiment sends through it."""

    network: str
    n_in: int
    n_out: int
    rows: int


SHAPES = (
    Shape("LeNet-5", 120, 84, 64),
    Shape("LeNet-5", 84, 10, 64),
    Shape("MobileNetV1", 1024, 10, 64),
    Shape("MobileNetV1", 1024, 100, 64),
    Shape("MobileNetV1", 100, 200, 64),
    Shape("AlexNet", 4096, 4096, 64),
    Shape("AlexNet", 4096, 10, 64),
    Shape("VGG16", 25088, 4096, 64),
    Shape("DeiT-Small", 384, 1152, 4 * 197),  # four images of 197 tokens
    Shape("DeiT-Small", 384, 1536, 4 * 197),
)


def factors(n_out: int) -> list[int]:
    """Neuroseed factors to measure: a few small ones and half density."""
    return sorted({k for k in (*FACTORS, n_out // 2) if 1 <= k <= n_out})


def candidates(shape: Shape, k: int, device: torch.device) -> dict[str, nn.Module]:
    """The layer in every form, and ``linear``, a plain one.

    A band of more than 64 offsets, and a half-dense sparse matrix of more than a million weights, are left out: each
    takes ten times as long as the masked form or longer, and would take up most of the benchmark.
    """
    layers: dict[str, nn.Module] = {"linear": nn.Linear(shape.n_in, shape.n_out, device=device)}
    for form in FORMS:
        hopeless = (form == "banded" and k > 64) or (form == "compressed" and k > 64 and shape.n_in * k > 1e6)
        if not hopeless:
            layers[form] = NISTLinear(shape.n_in, shape.n_out, k, form=form, device=device)
    return layers


class Trial:
    """One layer, its Adam, and a batch to train on."""

    def __init__(self, layer: nn.Module, shape: Shape, device: torch.device):
        self.layer = layer
        self.optimizer = torch.optim.Adam(layer.parameters(), fused=True)
        self.x = torch.randn(shape.rows, shape.n_in, device=device, requires_grad=True)
        self.gradient = torch.randn(shape.rows, shape.n_out, device=device)

    def time(self, synchronize: Callable[[], None]) -> list[float]:
        """Seconds of a forward pass, a backward pass and an Adam step."""
        marks = []
        for part in self._parts():
            synchronize()
            marks.append(time.perf_counter())
            part()
        synchronize()
        return np.diff([*marks, time.perf_counter()]).tolist()

    def _parts(self) -> Iterator[Callable]:
        yield lambda: setattr(self, "output", self.layer(self.x))
        yield lambda: self.output.backward(self.gradient)
        yield self.optimizer.step
        self.optimizer.zero_grad()
        self.x.grad = self.output = None

    def bytes_held(self) -> int:
        """Bytes of the layer's parameters, buffers and gradients and of the optimizer's state, after a step."""
        parameters = list(self.layer.parameters())
        gradients = parameters  # of the same shapes
        state = [value for entry in self.optimizer.state.values() for value in entry.values() if torch.is_tensor(value)]
        return sum(tensor.nbytes for tensor in (*parameters, *gradients, *self.layer.buffers(), *state))


def measure(shape: Shape, k: int, device: torch.device, seconds: float) -> list[dict]:
    """Rows of one shape and factor, one a candidate, from as many rounds as fit into ``seconds``, at least three."""
    trials = {name: Trial(layer, shape, device) for name, layer in candidates(shape, k, device).items()}
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(2):  # the first calls allocate, and the first step makes the optimizer's state
        for trial in trials.values():
            trial.time(synchronize)
    rounds, end = [], time.perf_counter() + seconds
    while len(rounds) < 3 or time.perf_counter() < end:
        rounds.append([trial.time(synchronize) for trial in trials.values()])
    times = np.array(rounds)  # rounds × candidates × parts
    totals = times.sum(-1)
    masked = totals[:, list(trials).index("masked")]
    return [
        {
            **shape._asdict(),
            "k": k,
            "candidate": name,
            "rounds": len(rounds),
            **dict(zip((f"{part}_ms" for part in STEPS), 1e3 * np.median(times[:, i], axis=0), strict=True)),
            "total_ms": 1e3 * float(np.median(totals[:, i])),
            "masked_over_this": float(np.median(masked / totals[:, i])),
            "bytes_held": trial.bytes_held(),
        }
        for i, (name, trial) in enumerate(trials.items())
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure every shape, factor and form and write one Parquet file."""
    parser = argparse.ArgumentParser(prog="python -m nist.benchmark", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/layers.parquet"))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads (default: all)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each shape and factor (default: %(default)s)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    train.keep_freed_memory()
    device = train.choose_device(arguments.device)
    cases = [(shape, k) for shape in SHAPES for k in factors(shape.n_out)]
    rows = [row for shape, k in tqdm(cases, disable=None) for row in measure(shape, k, device, arguments.seconds)]
    provenance = {
        "device": train.device_name(device),
        "threads": str(arguments.threads),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with replacing(arguments.out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(provenance), temporary)


if __name__ == "__main__":
    run(main)
