"""What cannot be done to a model while replicas of it are trained."""

from torch import nn


def check_unwrapped(module: nn.Module, change: str) -> None:
    """Raise ``ValueError`` if a ``DistributedDataParallel`` wrapper is in ``module``: it holds parameters as they were.

    ``change`` is what was asked for, a verb.
    """
    if any(isinstance(each, nn.parallel.DistributedDataParallel) for each in module.modules()):
        raise ValueError(
            f"keep the module inside DistributedDataParallel, delete the wrapper, {change}, and wrap it again"
        )
