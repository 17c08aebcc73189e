"""Dynamic sparse training, for comparisons: connections that are dropped and grown anew while a network trains."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import cos, pi

import torch
from torch import nn

from nist.sparse.checks import check_changeable
from nist.sparse.linear import NISTLinear
from nist.sparse.prune import nist_layers
from nist.sparse.selection import top


class DynamicTraining(ABC):
    """Rewires the NIST layers of ``module``, each with as many connections as it has, at every ``every``-th step.

    Call ``step()`` once a step, after ``backward``. Where it returns true, connections have changed and the optimizer
    takes no step, as in Evci et al. 2020, Algorithm 1: ``if not rigl.step(): optimizer.step()``. Of each layer's n
    connections, the ``drop`` · (1 + cos(π t / ``until``)) / 2 · n of the smallest weights are dropped at step t, and as
    many are grown where there is none, at zero; after ``until`` steps there is no change. Averages of an optimizer
    start at zero with them. To go on from a state dict, make the model with ``masks``: connections that have moved are
    not among those of a factor.

    Raises ``ValueError`` for a module without NIST layers, for layers that are not ``masked``, for counts below 1, and
    a fraction out of (0, 1].
    """

    grows_by_gradient = False

    def __init__(self, module: nn.Module, *, until: int, every: int = 100, drop: float = 0.3) -> None:
        check_changeable(module, "rewire")
        self.layers = nist_layers(module)
        if not self.layers:
            raise ValueError("nothing to rewire: the module has no NIST layer")
        if any(layer.form != "masked" for layer in self.layers):
            raise ValueError("connections can be grown in the masked form alone: nist.reform(model, 'masked')")
        if min(every, until) < 1 or not 0 < drop <= 1:
            raise ValueError(f"every and until count from 1, and drop is in (0, 1], got {every}, {until}, {drop}")
        self.every, self.until, self.drop, self.steps = every, until, drop, 0
        self._prepare(self._is_due(1))

    def step(self) -> bool:
        """Count a step, and rewire if it is time. Returns whether it was."""
        self.steps += 1
        due = self._is_due(self.steps)
        if due:
            share = self.drop * (1 + cos(pi * self.steps / self.until)) / 2
            for layer in self.layers:
                self._rewire(layer, int(share * layer.active_weights))
        self._prepare(self._is_due(self.steps + 1))
        return due

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What the rest of the training depends on, beside the layers' own state."""
        return {"steps": torch.tensor(self.steps)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what ``state_dict`` gave, once the model has its own."""
        self.steps = int(state["steps"])
        self._prepare(self._is_due(self.steps + 1))

    def _is_due(self, step: int) -> bool:
        return step % self.every == 0 and step < self.until

    def _prepare(self, due: bool) -> None:
        """Get ready for the next step, which rewires or not."""
        for layer in self.layers:
            layer.is_masking = not (due and self.grows_by_gradient)

    @torch.no_grad()
    def _rewire(self, layer: NISTLinear, n: int) -> None:
        magnitudes = layer.stored.abs().masked_fill(~layer.mask, -1)
        (stay,) = top([magnitudes], layer.active_weights - n)
        (grown,) = top([self._growth(layer).masked_fill(stay, -1)], n)
        layer.rewire(stay | grown)

    @abstractmethod
    def _growth(self, layer: NISTLinear) -> torch.Tensor:
        """Scores from zero up of every place of ``layer``, shape ``(n_out, n_in)``: the largest are grown."""


class SET(DynamicTraining):
    """Sparse Evolutionary Training (Mocanu et al. 2018): connections grow at random places.

    As Evci et al. 2020 run it: the smallest magnitudes go, whatever their sign, and new weights are zero. ``generator``
    is of the CPU's numbers.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        until: int,
        every: int = 100,
        drop: float = 0.3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(module, until=until, every=every, drop=drop)
        self.generator = generator

    def state_dict(self) -> dict[str, torch.Tensor]:
        drawn = {} if self.generator is None else {"generator": self.generator.get_state()}
        return {**super().state_dict(), **drawn}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        super().load_state_dict(state)
        if self.generator is not None:
            self.generator.set_state(state["generator"])

    def _growth(self, layer: NISTLinear) -> torch.Tensor:
        return torch.rand(layer.stored.shape, generator=self.generator).to(layer.stored.device)


class RigL(DynamicTraining):
    """The Rigged Lottery (Evci et al. 2020): connections grow where the gradient of the dense weight is largest.

    For that gradient the pass of a step that rewires leaves out the mask, outside of which weights are zero.
    """

    grows_by_gradient = True

    def _growth(self, layer: NISTLinear) -> torch.Tensor:
        if layer.stored.grad is None:
            raise ValueError("RigL grows by gradients: call step() after backward()")
        return layer.stored.grad.abs()
