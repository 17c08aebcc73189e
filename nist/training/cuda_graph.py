"""Work that is the same again and again, recorded as a CUDA graph: a GPU is told once, and not kernel by kernel.

A step of a small network is some hundred kernels of a few microseconds, which Python cannot ask for as fast as a GPU
finishes them.
"""

from collections import Counter
from collections.abc import Callable

import torch

WARM_UP = 3  # calls that torch asks for before one is recorded: libraries and optimizers set themselves up in them


class Graphed:
    """Calls of one function of tensors, recorded once for every shape of its arguments, and from then on replayed.

    The function returns nothing and changes tensors in place; those that it works on beside its arguments must be the
    same at every call, and no number that it takes from Python may change. On a CPU it is called as it is. It is given
    with each call and not kept: a method's object that holds its own ``Graphed`` would be a cycle, and it and the
    memory of the graphs would stay until garbage is collected.
    """

    def __init__(self) -> None:
        self.calls: Counter[tuple] = Counter()
        self.recorded: dict[tuple, tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]] = {}

    def __call__(self, function: Callable[..., None], *tensors: torch.Tensor) -> None:
        """Do what ``function`` does with ``tensors``."""
        if tensors[0].device.type != "cuda":
            function(*tensors)
            return
        shapes = tuple(tensor.shape for tensor in tensors)
        self.calls[shapes] += 1
        if self.calls[shapes] <= WARM_UP:
            _warm_up(function, tensors)
            return
        if shapes not in self.recorded:
            self.recorded[shapes] = _record(function, tensors)
        graph, places = self.recorded[shapes]
        for place, tensor in zip(places, tensors, strict=True):
            place.copy_(tensor)
        graph.replay()


def _warm_up(function: Callable[..., None], tensors: tuple[torch.Tensor, ...]) -> None:
    """Call ``function`` on a stream of its own, as recording will."""
    usual, aside = torch.cuda.current_stream(), torch.cuda.Stream()
    aside.wait_stream(usual)
    with torch.cuda.stream(aside):
        function(*tensors)
    usual.wait_stream(aside)


def _record(
    function: Callable[..., None], tensors: tuple[torch.Tensor, ...]
) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]:
    """The graph, which recording does not run, and the tensors that it reads its arguments from."""
    graph, places = torch.cuda.CUDAGraph(), [tensor.clone() for tensor in tensors]
    with torch.cuda.graph(graph):
        function(*places)
    return graph, places
