"""Time and memory of training steps: of a layer or a whole head, with its Adam and a batch to train on."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from nist.sparse.prune import nist_layers

STEPS = ("forward", "backward", "step")


def as_made(network: nn.Module) -> nn.Module:
    """``network``, a copy, with layers as they are when they are made: a whole mask takes no time.

    A copy multiplies with it, as a mask may be loaded into it.
    """
    for layer in nist_layers(network):
        layer.is_copy, layer.is_masking = False, layer.active_weights < layer.dense_weights
    return network


class Trial:
    """One network on a batch of ``rows`` inputs of ``n_in`` features, trained with Adam."""

    output: torch.Tensor  # during a step

    def __init__(self, network: nn.Module, n_in: int, n_out: int, rows: int, device: torch.device):
        self.network, self.device = network, device
        self.optimizer = torch.optim.Adam(network.parameters(), fused=True)
        self.x = torch.randn(rows, n_in, device=device, requires_grad=True)
        self.gradient = torch.randn(rows, n_out, device=device)

    def time(self) -> list[float]:
        """Seconds of a forward pass, a backward pass and an Adam step."""
        marks = []
        for part in self._parts():
            self._synchronize()
            marks.append(time.perf_counter())
            part()
        self._synchronize()
        return np.diff([*marks, time.perf_counter()]).tolist()

    def _parts(self) -> Iterator[Callable]:
        yield lambda: setattr(self, "output", self.network(self.x))
        yield lambda: self.output.backward(self.gradient)
        yield self.optimizer.step
        self.optimizer.zero_grad()
        self.x.grad = None
        del self.output

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def bytes_held(self) -> int:
        """Bytes of parameters, buffers and Adam's state, which stay between steps."""
        state = [value for entry in self.optimizer.state.values() for value in entry.values() if torch.is_tensor(value)]
        return sum(tensor.nbytes for tensor in (*self.network.parameters(), *self.network.buffers(), *state))

    def peak_bytes(self) -> int:
        """Most bytes held at any moment of a step: those that stay, gradients, activations and work space.

        Counted by torch's allocators; what a library allocates by itself is not seen.
        """
        if self.device.type != "cuda":
            return self.bytes_held() + self._allocated_on_cpu()
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        self.time()
        return self.bytes_held() + torch.cuda.max_memory_allocated(self.device) - before

    def _allocated_on_cpu(self) -> int:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            self.time()
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder, "trace.json")
            recorded.export_chrome_trace(str(trace))
            events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
        changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]")
        return max(accumulate((change for _, change in changes), initial=0))


def in_turns(trials: dict[str, Trial], seconds: float) -> np.ndarray:
    """Times of every trial, taken in turns, in seconds: rounds × trials × parts; at least three rounds.

    In a round every trial takes its turn, so that a ratio within it compares what ran side by side. A turn is one step,
    or the median of as many as fit into 20 ms.
    """
    turns = {}
    for name, trial in trials.items():
        trial.time()  # allocates, and the first step makes the optimizer's state
        turns[name] = 1 + min(20, int(0.02 / sum(trial.time())))
    rounds: list[list[np.ndarray]] = []
    end = time.perf_counter() + seconds
    while len(rounds) < 3 or time.perf_counter() < end:
        rounds.append([np.median([trial.time() for _ in range(turns[name])], axis=0) for name, trial in trials.items()])
    return np.array(rounds)
