"""The NIST layer: a linear layer whose connections are the band of the paper's Eq. 1, in one of several forms."""

import torch
from torch import nn

from nist import forms
from nist.mask import edges

FORMS = ("masked", "banded", "compressed")
# What the state of each form holds beside its weight and bias, which is also how a saved state is told apart.
BUFFERS = {"masked": ("mask",), "banded": ("factor",), "compressed": ("inputs", "outputs")}


class NISTLinear(nn.Module):
    """Linear layer with the fixed sparse connections of Eq. 1: input i feeds the outputs (i + t) mod n_out, t < k.

    The form decides what is stored and multiplied, not what is computed:

    - ``masked``: a dense ``weight`` of shape ``(n_out, n_in)`` times a ``mask`` in every forward pass (Eq. 2). It is
      neither smaller nor faster than a dense layer. Entries outside the mask are zero and get a zero gradient.
    - ``banded``: ``weight`` of shape ``(k, n_in)``, one number a connection, and no index.
    - ``compressed``: ``weight`` of shape (active weights,), and the input and output of each: what is left of a band
      after a prune.

    Biases are dense. Initial values are those of ``nn.Linear``, Kaiming uniform with a = √5 on the dense fan-in, masked
    afterwards (assumption U20): the same random state gives the same layer in every form.

    Parameters: ``n_in`` and ``n_out`` features; ``k`` neuroseed factor, 1 <= k <= n_out.
    Raises ``ValueError`` for a factor out of range or an unknown form.
    """

    def __init__(
        self, n_in: int, n_out: int, k: int, bias: bool = True, form: str = "masked", device=None, dtype=None
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"unknown form {form!r}; there are {', '.join(FORMS)}")
        inputs, outputs = map(torch.from_numpy, edges(n_in, n_out, k))
        dense = nn.Linear(n_in, n_out, bias=bias, device=device, dtype=dtype)
        self.in_features, self.out_features, self.k = n_in, n_out, k
        self.bias = dense.bias
        self.weight = nn.Parameter(dense.weight.detach()[:0])
        inputs, outputs = inputs.to(dense.weight.device), outputs.to(dense.weight.device)
        self._store(form, inputs, outputs, dense.weight.detach()[outputs, inputs])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``."""
        if self.form == "masked":
            return forms.masked(x, self.weight, self.mask, self.bias)
        if self.form == "banded":
            result = forms.banded(x, self.weight, self.out_features)
        else:
            result = forms.compressed(x, self.weight, self._rows, self.inputs, self.out_features)
        return result if self.bias is None else result + self.bias

    def connections(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Input and output index of every active weight, in the order of ``values``."""
        if self.form == "masked":
            outputs, inputs = self.mask.nonzero(as_tuple=True)
            return inputs, outputs
        if self.form == "banded":
            inputs = torch.arange(self.in_features, device=self.weight.device).repeat(self.k)
            offsets = torch.arange(self.k, device=self.weight.device).repeat_interleave(self.in_features)
            return inputs, (inputs + offsets) % self.out_features
        return self.inputs, self.outputs

    def values(self, like: torch.Tensor | None = None) -> torch.Tensor:
        """The active weights, or the entries of a tensor stored ``like`` them, 1-D in the order of ``connections``."""
        stored = self.weight.detach() if like is None else like
        return stored[self.mask] if self.form == "masked" else stored.flatten()

    def arranged(self, inputs: torch.Tensor, outputs: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """One value a connection, 1-D tensors, laid out as this layer's form stores them; zero where there is none."""
        if self.form == "compressed":  # CSR: by output, then input
            return values[torch.argsort(outputs * self.in_features + inputs)]
        if self.form == "banded":
            place, rows = ((outputs - inputs) % self.out_features, inputs), self.k
        else:
            place, rows = (outputs, inputs), self.out_features
        return values.new_zeros(rows, self.in_features).index_put(place, values)

    def dense_weight(self) -> torch.Tensor:
        """The weight of the ``nn.Linear`` that computes the same, of shape ``(n_out, n_in)``."""
        inputs, outputs = self.connections()
        values = self.values()
        return values.new_zeros(self.out_features, self.in_features).index_put((outputs, inputs), values)

    @property
    def active_weights(self) -> int:
        """Number of weights that are not masked or pruned."""
        return int(self.mask.sum()) if self.form == "masked" else self.weight.numel()

    @property
    def is_pruned(self) -> bool:
        """Whether a connection of Eq. 1 has been dropped."""
        return self.active_weights < self.k * self.in_features

    @property
    def dense_weights(self) -> int:
        """Number of weights of the layer without any mask."""
        return self.in_features * self.out_features

    @torch.no_grad()
    def keep(self, kept: torch.Tensor) -> None:
        """Drop every connection outside ``kept``, boolean in the order of ``connections``, for good.

        The parameter stays the same object. Where it stores connections only, its shape changes, a band that loses one
        becomes ``compressed``, and an optimizer must be told: ``nist.prune`` does both.
        """
        inputs, outputs = self.connections()
        form = "compressed" if self.form == "banded" and not bool(kept.all()) else self.form
        self._store(form, inputs[kept], outputs[kept], self.values()[kept])

    def _store(self, form: str, inputs: torch.Tensor, outputs: torch.Tensor, values: torch.Tensor) -> None:
        """Take on ``form`` with these connections; the parameter object and its place in an optimizer stay."""
        for name in (*(name for names in BUFFERS.values() for name in names), "_rows"):
            self._buffers.pop(name, None)
        self.form = form
        self.weight.grad = None
        self.weight.data = self.arranged(inputs, outputs, values)
        if form == "masked":
            self.register_buffer("mask", self.arranged(inputs, outputs, torch.ones_like(inputs, dtype=torch.bool)))
        elif form == "banded":
            self.register_buffer("factor", torch.tensor(self.k, device=values.device))
        else:
            self.register_buffer("inputs", self.arranged(inputs, outputs, inputs))
            self.register_buffer("outputs", self.arranged(inputs, outputs, outputs))
            counts = torch.bincount(outputs, minlength=self.out_features)
            self.register_buffer("_rows", torch.cat([counts.new_zeros(1), counts.cumsum(0)]), persistent=False)

    def _load_from_state_dict(self, state, prefix, metadata, strict, missing, unexpected, errors) -> None:
        """Load the state of any form, or of a dense ``nn.Linear``, into this layer.

        The layer keeps its own form if that can hold the connections, and else becomes ``compressed``.
        """
        saved = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        try:
            inputs, outputs, values = self._connections_in(saved)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            errors.append(
                f"{prefix or 'state '}does not fit a {self.in_features} → {self.out_features} NIST layer: {error}"
            )
            return
        whole = len(values) == self.k * self.in_features
        form = self.form if whole or self.form != "banded" else "compressed"
        with torch.no_grad():
            device = self.weight.device
            self._store(form, inputs.to(device), outputs.to(device), values.to(self.weight))
        own = {prefix + key: value for key, value in self._state().items()}
        rest = {key: value for key, value in state.items() if key == f"{prefix}bias"}
        super()._load_from_state_dict({**own, **rest}, prefix, metadata, strict, missing, unexpected, errors)

    def _state(self) -> dict[str, torch.Tensor]:
        return {"weight": self.weight.detach()} | {name: self._buffers[name] for name in BUFFERS[self.form]}

    def _connections_in(self, saved: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Inputs, outputs and values in a saved state; of a dense one, those at this layer's own connections."""
        weight = saved["weight"]
        if "inputs" in saved:
            inputs, outputs, values = saved["inputs"], saved["outputs"], weight
        elif "factor" in saved:
            inputs, outputs = map(torch.from_numpy, edges(self.in_features, self.out_features, int(saved["factor"])))
            values = weight[(outputs - inputs) % self.out_features, inputs]
        else:
            if weight.shape != (self.out_features, self.in_features):
                raise ValueError(f"its weight has shape {tuple(weight.shape)}")
            outputs, inputs = saved["mask"].nonzero(as_tuple=True) if "mask" in saved else self.connections()[::-1]
            values = weight.cpu()[outputs.cpu(), inputs.cpu()]
        if not inputs.shape == outputs.shape == values.shape:
            raise ValueError("its weights are not as many as its connections")
        inside = (inputs >= 0) & (inputs < self.in_features) & (outputs >= 0) & (outputs < self.out_features)
        if not bool((inside & ((outputs - inputs) % self.out_features < self.k)).all()):
            raise ValueError(f"its connections are not among those of factor {self.k}")
        return inputs, outputs, values

    def extra_repr(self) -> str:
        counts = f"k={self.k}, form={self.form}, active_weights={self.active_weights}"
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}, {counts}"
        )
