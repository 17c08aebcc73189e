"""Whole heads before and after their prune, in training and in inference, beside what one would pick in place of NIST.

``python -m nist.benchmarks.deployment`` measures them by batch. In training, a step of forward, backward and Adam: NIST
layers with automatic forms (``nist``), the head as it was before its prune, what ``nist.shrink`` makes of it, the same
masked, plain ``nn.Linear``, each weight by gathering and ``index_add`` on transposed activations, and torch's COO. In
inference: ``nist.for_inference``, the model itself, ``nn.Linear``, torch's CSR, its BSR in blocks of 2 × 2, and scipy's
CSR. Times are medians over rounds in which every candidate takes its turn.
"""

import argparse
import copy
import time
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import torch
from torch import nn
from tqdm import tqdm

from nist.benchmarks import results_file
from nist.benchmarks.layers import HEADS, bandwidth, where_measured
from nist.benchmarks.timing import Trial, as_made, in_turns
from nist.errors import run
from nist.runtime import devices
from nist.sparse.convert import densify, reform
from nist.sparse.inference import for_inference
from nist.sparse.linear import NISTLinear
from nist.sparse.prune import nist_layers, prune
from nist.sparse.shrink import shrink

SPARSITIES = {"LeNet-5": (0.98, 0.995), "AlexNet": (0.999, 0.9998), "VGG16": (0.999, 0.9999)}  # of Tables A2 to A4
BATCHES = (1, 64, 256)


class Case(NamedTuple):
    """One of ``HEADS``, pruned to ``sparsity`` or not, and the rows of a batch."""

    network: str
    sparsity: float | None
    rows: int


class Gathered(nn.Module):
    """A layer's weights by gathering and ``index_add``, features first."""

    def __init__(self, layer: NISTLinear) -> None:
        super().__init__()
        self.inputs, self.outputs = layer.connections()
        self.weight, self.bias = nn.Parameter(layer.values().clone()), nn.Parameter(_bias(layer).clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(n_in, rows)`` to ``(n_out, rows)``."""
        taken = x.index_select(0, self.inputs) * self.weight[:, None]
        return self.bias[:, None].expand(-1, x.shape[1]).index_add(0, self.outputs, taken)


class Coo(Gathered):
    """A layer's weights as a sparse COO tensor of torch's, features first."""

    def __init__(self, layer: NISTLinear) -> None:
        super().__init__(layer)
        self.shape = layer.out_features, layer.in_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = torch.stack([self.outputs, self.inputs])
        matrix = torch.sparse_coo_tensor(places, self.weight, self.shape, check_invariants=False)
        return torch.sparse.mm(matrix, x) + self.bias[:, None]


class Transposed(nn.Sequential):
    """Layers that take features first, for a batch that has them last."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.T).T


class Call:
    """Something that takes a batch, as ``in_turns`` times it."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def time(self) -> list[float]:
        """Seconds of a call."""
        started = time.perf_counter()
        with torch.no_grad():
            self.function()
        return [time.perf_counter() - started]


def cases() -> Iterator[Case]:
    """Every head, before its prune and after each, and every batch."""
    for network in SPARSITIES:
        for sparsity in (None, *SPARSITIES[network]):
            for rows in BATCHES:
                yield Case(network, sparsity, rows)


def head(case: Case) -> nn.Sequential:
    """The head of a case, in automatic forms.

    It is pruned to the same sparsity in each layer: with fresh weights, one global budget leaves nothing of VGG16's
    first layer, and a head that computes a constant.
    """
    torch.manual_seed(0)
    widths, factors = HEADS[case.network]
    layers: list[nn.Module] = []
    for (n_in, n_out), k in zip(pairwise(widths), factors, strict=True):
        layers += [NISTLinear(n_in, n_out, k, rows=case.rows), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    if case.sparsity is not None:
        prune(model, case.sparsity, scope="uniform")
    return model


def _with(model: nn.Module, kind: Callable[[NISTLinear], nn.Module]) -> nn.Module:
    return Transposed(*(kind(each) if isinstance(each, NISTLinear) else nn.ReLU() for each in model.children()))


def training(case: Case, seconds: float) -> list[dict]:
    """Rows of a training step, one a candidate."""
    model, device = head(case), torch.device("cpu")
    ways: dict[str, nn.Module] = {
        "nist": model,
        "masked": as_made(reform(copy.deepcopy(model), "masked")),
        "linear": densify(model),
        "gather": _with(model, Gathered),
        "coo": _with(model, Coo),
    }
    if case.sparsity is not None:
        ways |= {"unpruned": head(case._replace(sparsity=None)), "shrunk": shrink(model)}
    widths = HEADS[case.network][0]
    trials = {name: Trial(way, widths[0], widths[-1], case.rows, device) for name, way in ways.items()}
    return _rows(case, "training", trials, seconds)


def inference(case: Case, seconds: float) -> list[dict]:
    """Rows of a forward pass without gradients, one a candidate."""
    model, x = head(case).eval(), torch.randn(case.rows, HEADS[case.network][0][0])
    trials = {name: Call(way) for name, way in _at_inference(case, model, x).items()}
    return _rows(case, "inference", trials, seconds)


def _at_inference(case: Case, model: nn.Module, x: torch.Tensor) -> dict[str, Callable]:
    fast, dense = for_inference(model, case.rows), densify(model)
    return {
        "nist": lambda: fast(x),
        "eval": lambda: model(x),
        "linear": lambda: dense(x),
        "torch csr": _by_matrix(model, x, lambda weight: weight.to_sparse_csr(), torch.relu),
        "torch bsr": _by_matrix(model, x, lambda weight: weight.to_sparse_bsr((2, 2)), torch.relu),
        "scipy csr": _by_matrix(model, x, lambda weight: scipy.sparse.csr_matrix(weight.numpy()), _relu),
    }


def _bias(layer: NISTLinear) -> torch.Tensor:
    return layer.get_parameter("bias").detach()


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _by_matrix(model: nn.Module, x: torch.Tensor, matrix: Callable, relu: Callable) -> Callable:
    """A pass through the layers as matrices of ``matrix``'s kind; all of a kind take numpy's arrays or torch's."""
    weights = [matrix(layer.dense_weight().detach()) for layer in nist_layers(model)]
    biases: list = [_bias(layer) for layer in nist_layers(model)]
    start: Any = x
    if not torch.is_tensor(weights[0]):
        start, biases = x.numpy(), [bias.numpy() for bias in biases]

    def forward():
        h = start
        for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            h = (weight @ h.T).T + bias
            h = relu(h) if place < len(weights) - 1 else h
        return h

    return forward


def _rows(case: Case, part: str, trials: dict, seconds: float) -> list[dict]:
    times = in_turns(trials, seconds).sum(-1)
    ours = times[:, [*trials].index("nist")]
    return [
        {
            **case._asdict(),
            "part": part,
            "candidate": name,
            "rounds": len(times),
            "ms": 1e3 * float(np.median(times[:, place])),
            "this_over_nist": float(np.median(times[:, place] / ours)),
        }
        for place, name in enumerate(trials)
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure every head by stage, batch and part, and write deployment.parquet into a folder named cpu."""
    parser = argparse.ArgumentParser(prog="python -m nist.benchmarks.deployment", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"), help="folder (default: %(default)s)")
    counts = sorted({1, torch.get_num_threads()})
    parser.add_argument("--threads", type=int, nargs="+", default=counts, help="of the CPU (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each case (default: %(default)s)")
    arguments = parser.parse_args(argv)
    devices.keep_freed_memory()
    device = torch.device("cpu")
    where = {**where_measured(device, max(arguments.threads)), "bytes_a_second": str(bandwidth(device))}
    where["threads"] = " and ".join(map(str, arguments.threads))
    rows: list[dict] = []
    for case, threads in tqdm([*product(cases(), arguments.threads)], disable=None):
        torch.set_num_threads(threads)
        for measure in (training, inference):
            rows += [{"threads": threads, **row} for row in measure(case, arguments.seconds)]
    results_file.write(arguments.out / "cpu" / "deployment.parquet", rows, where)


if __name__ == "__main__":
    run(main)
