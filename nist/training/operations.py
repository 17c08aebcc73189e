"""Other ways to compute operations of torch, put in their place while a network runs."""

from collections.abc import Callable, Sequence

from torch.overrides import TorchFunctionMode


class Operations(TorchFunctionMode):
    """While entered, ``instead`` says which function stands in for which of torch's."""

    def __init__(self, instead: dict[Callable, Callable]):
        super().__init__()
        self.instead = instead

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call ``function``, or what stands in for it."""
        return self.instead.get(function, function)(*args, **(kwargs or {}))


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Rows and columns of a size that torch takes as one number or as a sequence of one or two."""
    values = (value,) if isinstance(value, int) else tuple(value)
    rows, columns = values * 2 if len(values) == 1 else values
    return rows, columns
