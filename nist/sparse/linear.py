"""The NIST layer: a linear layer whose connections are the band of the paper's Eq. 1, in one of several forms."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, Self

import torch
from torch import nn

from nist.sparse import cost_model, saved_state
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band
from nist.sparse.optimizer_guard import watch
from nist.sparse.random_masks import Connectivity, GivenMask
from nist.sparse.read_weight import COMPUTED, ReadWeight
from nist.sparse.replicas import check_replica
from nist.sparse.saved_state import BUFFERS, STORED
from nist.sparse.sharded import is_sharded, whole, zero_outside
from nist.sparse.storage import LAYOUTS, Stored

Entries = Mapping[Any, torch.Tensor]  # an optimizer's averages, by any names
NO_ENTRIES: Entries = {}


def check_form(form: str, rows: int | None = None) -> None:
    """Raise ``ValueError`` for a form that a layer cannot be asked for, and for rows a batch that are no count."""
    if form not in ("auto", *FORMS):
        raise ValueError(f"unknown form {form!r}; there are auto, {', '.join(FORMS)}")
    if rows is not None:
        check_rows(rows)


def check_rows(rows: object) -> None:
    """Raise ``ValueError`` for rows a batch that are no count."""
    if not (isinstance(rows, Integral) and int(rows) >= 1):
        raise ValueError(f"rows must be a whole number of at least 1, got {rows!r}")


def check_width(x: torch.Tensor, n_in: int) -> None:
    """Raise ``ValueError`` unless the last dimension of ``x`` is ``n_in``."""
    if x.shape[-1:] != (n_in,):
        raise ValueError(f"this layer takes {n_in} features, and got inputs of shape {tuple(x.shape)}")


def check_device(weight: torch.Tensor) -> None:
    """Raise ``ValueError`` for a weight on the meta device, where a layer's mask or places would be lost."""
    if weight.is_meta:
        raise ValueError("no NIST layer is made on the meta device: its connections would be lost with the values")


class NISTLinear(Stored):
    """Linear layer with the fixed sparse connections of Eq. 1: input i feeds the outputs (i + t) mod n_out, t < k.

    The form decides what is stored and multiplied, not what is computed. The parameter, which a model names ``weight``,
    is ``stored``:

    - ``masked``: dense, of shape ``(n_out, n_in)``, times a ``mask`` in every forward pass (Eq. 2). It is neither
      smaller nor faster than a dense layer. Entries outside the mask are zero and get a zero gradient.
    - ``banded`` and ``blocked``: of shape ``(k, n_in)``, one number a connection, and no index; multiplied
      elementwise, for small k, or as small dense blocks.
    - ``compressed``: of shape (active weights,), and the input and output of each: what is left of a band after a
      prune.
    - ``auto``, the default: the cheapest of them by the rule in ``nist.sparse.cost_model`` for ``rows`` rows a batch
      (images, or images times tokens) on the layer's device, chosen anew when it is pruned or loaded. ``form`` then
      says which.

    How each stores its weights is in ``nist.sparse.storage``. Whoever reads ``layer.weight`` gets the masked dense
    weight in every form, with its gradient, and cannot write into it.

    Biases are dense. Initial values are those of ``nn.Linear``, Kaiming uniform with a = √5 on the dense fan-in, masked
    afterwards (assumption U20): the same random state gives the same layer in every form.

    Parameters: ``n_in`` and ``n_out`` features; ``k`` neuroseed factor, 1 <= k <= n_out; ``scheme``, ``parts`` and
    ``channels`` as in ``nist.sparse.mask.Band``.
    Raises ``ValueError`` for a factor out of range, an unknown form or scheme, rows below 1, or the meta device.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        k: int,
        bias: bool = True,
        form: str = "auto",
        *,
        scheme: str = "literal",
        parts: int = 1,
        channels: int = 1,
        rows: int = 64,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self._set_up(Band(n_in, n_out, k, scheme, parts, channels), form, rows)
        dense = nn.Linear(n_in, n_out, bias=bias, device=device, dtype=dtype)
        self._adopt(dense.weight, dense.bias, form)

    @classmethod
    def from_dense(
        cls, dense: nn.Module, band: Connectivity, form: str = "auto", rows: int = 64, attribute: str = "weight"
    ) -> Self:
        """The layer with the weights that ``dense`` has at the connections of ``band``.

        It takes over the very parameters of ``dense``, ``attribute`` and the bias, so that an optimizer that holds them
        trains this layer; ``dense`` is of no use afterwards.
        """
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer._set_up(band, form, rows)
        layer._look_at(dense)
        layer._adopt(getattr(dense, attribute), dense.bias if attribute == "weight" else None, form)
        return layer.train(dense.training)

    def _look_at(self, dense: nn.Module) -> None:
        """Note what else the layer must know of the module whose weight it takes over."""

    def _set_up(self, band: Connectivity, form: str, rows: int) -> None:
        check_form(form, rows)
        self.band, self.is_automatic, self.rows = band, form == "auto", rows
        self.in_features, self.out_features, self.k = band.n_in, band.n_out, band.k

    def _adopt(self, parameter: Any, bias: Any, form: str) -> None:
        check_device(parameter)
        self._parameters["weight"] = parameter
        self.dense_shape, self.bias = parameter.shape, bias
        weight = self.flat(parameter.detach())
        watch(self)
        inputs, outputs = (torch.as_tensor(index, device=weight.device) for index in self.band.edges())
        self._store(form, inputs, outputs, weight[outputs, inputs])

    @property
    def weight(self) -> torch.Tensor:
        """The masked weight as the dense layer that this one replaced lays it out: see ``nist.sparse.read_weight``.

        Between the passes of ``fully_shard``, which asks for it here, the sharded parameter itself.
        """
        if is_sharded(self.stored):
            return self.stored
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return self.unflat(self.dense_weight())
        return ReadWeight.of(self.stored, self.dense_shape, self._read)

    @weight.setter
    def weight(self, value: torch.Tensor) -> None:
        if not getattr(self, "_is_replica", False):
            raise ValueError(COMPUTED)
        self.replicated = value

    def _read(self, stored: torch.Tensor) -> torch.Tensor:
        return self.unflat(self.dense_weight(stored))

    def __setstate__(self, state: dict) -> None:
        """A copy may be handed another's mask entry by entry, as averages of weights are: it masks from the start."""
        super().__setstate__(state)
        self.is_copy = self.is_masking = True
        watch(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``.

        Raises ``ValueError`` for another last dimension than n_in, and for inputs of another dtype than the weight's;
        under autocast, for inputs that are not floating-point numbers.
        """
        self._check_inputs(x)
        check_replica(self)
        return self.storage.forward(self, x)

    def _check_inputs(self, x: torch.Tensor) -> None:
        """The forms without a mask would take inputs of any width and type, and compute something else."""
        check_width(x, self.in_features)
        dtype = self.stored.dtype
        if x.dtype == dtype or (x.is_floating_point() and torch.is_autocast_enabled(x.device.type)):
            return
        raise ValueError(f"this layer's weight is {dtype}, and it got inputs of {x.dtype}")

    def values(self, like: torch.Tensor | None = None) -> torch.Tensor:
        """The active weights, or the entries of a tensor laid out as ``stored``, 1-D, ordered as ``connections``."""
        return whole(self.stored.detach() if like is None else like).flatten()[self.storage.active(self)]

    def arranged(self, inputs: torch.Tensor, outputs: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """One value a connection, 1-D tensors, laid out as this layer's form stores them; zero where there is none."""
        return self.storage.arranged(self, (inputs, outputs), values)

    def dense_weight(self, stored: torch.Tensor | None = None) -> torch.Tensor:
        """The weight of the ``nn.Linear`` that computes the same, of shape ``(n_out, n_in)``, with its gradient.

        Or that of another tensor laid out as ``stored``.
        """
        return self.storage.dense(self, whole(self.stored if stored is None else stored))

    def dense(self) -> nn.Module:
        """A plain ``nn.Linear`` that computes the same; masked and pruned weights are explicit zeros in it."""
        weight = self.dense_weight().detach()
        linear = nn.Linear(self.in_features, self.out_features, self.bias is not None, weight.device, weight.dtype)
        return self._fill(linear, weight)

    def _fill(self, plain: Any, weight: torch.Tensor) -> Any:
        with torch.no_grad():
            plain.weight.copy_(self.unflat(weight))
            if self.bias is not None and plain.bias is not None:
                plain.bias.copy_(whole(self.bias))
        for name, own in self.named_parameters(recurse=False):
            getattr(plain, name).requires_grad_(own.requires_grad)
        return plain.train(self.training)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights and biases anew, as at construction; the connections stay as they are, pruned or not."""
        weight = self.stored
        drawn = nn.Linear(self.in_features, self.out_features, self.bias is not None, weight.device, weight.dtype)
        inputs, outputs = self.connections()
        weight.copy_(self.arranged(inputs, outputs, drawn.weight[outputs, inputs]))
        if self.bias is not None and drawn.bias is not None:
            self.bias.copy_(drawn.bias)

    @property
    def active_weights(self) -> int:
        """Number of weights that are not masked or pruned."""
        return self.storage.active_weights(self)

    @property
    def is_pruned(self) -> bool:
        """Whether a connection of the band has been dropped, or was before the layer was shrunk."""
        return self.was_pruned or self.active_weights < self.band.n_weights

    @torch.no_grad()
    def keep(self, kept: torch.Tensor, entries: Entries = NO_ENTRIES) -> Entries:
        """Drop every connection outside ``kept``, boolean and laid out as ``stored``, for good.

        The parameter stays the same object. Where it stores connections only, its shape changes, and a band that loses
        one becomes ``compressed``. ``entries``, an optimizer's averages laid out as ``stored``, are returned as it is
        laid out then; ``nist.prune`` sees to that.
        """
        form = self._possible(self._wanted(), int(kept.count_nonzero()))
        if form == self.form == "masked":
            return self._mask_more(kept, entries)
        return self._move(form, kept.flatten().nonzero().squeeze(1), entries)

    @torch.no_grad()
    def rewire(self, mask: torch.Tensor) -> None:
        """Take on the connections of ``mask``, boolean ``(n_out, n_in)``, in the masked form; new weights are zero.

        Averages of an optimizer are zero there too: outside a mask they always are. Raises ``ValueError`` in another
        form.
        """
        if self.form != "masked":
            raise ValueError(f"a {self.form} layer has no place for other connections: change_form('masked')")
        zero_outside(self.stored, self.mask & mask)
        self.band, self.mask = GivenMask.of(mask.cpu().numpy()), mask
        self.k, self.is_masking, self.is_followed = self.band.k, True, False
        self._buffers.pop("band_numbers", None)
        if self.stored.grad is not None:
            zero_outside(self.stored.grad, mask)

    @torch.no_grad()
    def change_form(self, form: str, rows: int | None = None, entries: Entries = NO_ENTRIES) -> Entries:
        """Take on another form, or the cheapest for ``rows`` rows a batch with ``auto``; see ``nist.reform``.

        ``entries`` as in ``keep``.
        """
        check_form(form, rows)
        self.is_automatic, self.rows = form == "auto", self.rows if rows is None else rows
        return self._move(form, self.storage.active(self), entries)

    def _wanted(self) -> str:
        return "auto" if self.is_automatic else self.form

    def _possible(self, form: str, n: int) -> str:
        """The form for ``n`` connections: a band that is no longer whole can only be masked or compressed."""
        if form == "auto" and is_sharded(self.stored):
            form = self.form  # no other shape will do
        if form == "auto":
            form = cost_model.cheapest(self.band, n, self.rows, self.stored.device.type)
        is_whole = self.band.is_regular and n == self.band.n_weights
        return "compressed" if form in ("banded", "blocked") and not is_whole else form

    def _mask_more(self, kept: torch.Tensor, entries: Entries) -> Entries:
        """``keep`` without a list of connections, which takes several times the memory of the weights."""
        self.mask = self.mask & kept
        self.is_masking, self.is_followed, self.stored.grad = True, False, None
        watch(self)  # fully_shard has put another parameter there
        for each in (self.stored, *entries.values()):
            zero_outside(each, self.mask)
        return entries

    def _move(self, form: str, positions: torch.Tensor, entries: Entries) -> Entries:
        """Lay out the weights at ``positions``, and ``entries`` with them, in ``form``."""
        inputs, outputs = self.storage.at(self, positions)
        picked = {name: each.flatten()[positions] for name, each in entries.items()}
        self._store(form, inputs, outputs, self.stored.detach().flatten()[positions])
        return {name: self.arranged(inputs, outputs, values) for name, values in picked.items()}

    def _store(self, form: str, inputs: torch.Tensor, outputs: torch.Tensor, values: torch.Tensor) -> None:
        """Take on ``form`` with these connections; the parameter object and its place in an optimizer stay."""
        form, self.is_followed, self.by_feature = self._possible(form, len(values)), False, False
        for name in (*BUFFERS, *LAYOUTS):
            self._buffers.pop(name, None)
        self.form = form
        self._replace_weight(self.arranged(inputs, outputs, values))
        self.storage.register(self, (inputs, outputs))
        if self.band.is_regular:
            numbers = torch.tensor(saved_state.band_numbers(self.band), device=values.device)
            self.register_buffer("band_numbers", numbers)

    def _replace_weight(self, weight: torch.Tensor) -> None:
        """Put ``weight``, of another shape perhaps, into the parameter, which stays the same object.

        A loss of an earlier step that is still alive holds on to how the parameter's gradient was added up, shape
        included, and the next step would use that again. Torch forgets it when the type changes, and not for a shape.
        """
        other = torch.float64 if weight.dtype == torch.float32 else torch.float32
        self.stored.grad = None
        self.stored.data = weight.new_empty(0, dtype=other)
        self.stored.data = weight

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Another tensor for the parameter, as ``load_state_dict(assign=True)`` has it; no normalisation of a weight.

        Raises ``ValueError`` for what ``torch.nn.utils`` would make of the weight, and for another shape.
        """
        fits = param is not None and "weight" in self._parameters and param.shape == self.stored.shape
        if name.startswith("weight") and not (name == "weight" and fits):
            raise ValueError(COMPUTED)
        super().register_parameter(name, param)

    def __delattr__(self, name: str) -> None:
        if name == "weight":
            raise ValueError(COMPUTED)
        super().__delattr__(name)

    def _load_from_state_dict(
        self,
        state: dict[str, torch.Tensor],
        prefix: str,
        metadata: dict,
        strict: bool,
        missing: list[str],
        unexpected: list[str],
        errors: list[str],
    ) -> None:
        """Load the state of any form, or of a dense ``nn.Linear``, into this layer, which keeps its own form if it can.

        An automatic layer chooses anew.
        """
        saved = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if is_sharded(self.stored) and "mask" in saved:  # nothing changes its shape
            self.is_masking, self.is_followed = True, False
        if not STORED & saved.keys() or is_sharded(self.stored):
            super()._load_from_state_dict(state, prefix, metadata, strict, missing, unexpected, errors)
            return
        try:
            inputs, outputs, values = saved_state.connections_in(saved, self)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            errors.append(
                f"{prefix or 'state '}does not fit a {self.in_features} → {self.out_features} NIST layer: {error}"
            )
            return
        with torch.no_grad():
            device = self.stored.device
            values = values.to(device) if metadata.get("assign_to_params_buffers") else values.to(self.stored)
            self._store(self._wanted(), inputs.to(device), outputs.to(device), values)
        own = {prefix + key: value for key, value in self._state().items()}
        rest = {prefix + key: value for key, value in saved.items() if key not in STORED}
        super()._load_from_state_dict({**own, **rest}, prefix, metadata, strict, missing, unexpected, errors)

    def _state(self) -> dict[str, torch.Tensor]:
        return {"weight": self.stored.detach()} | {
            name: getattr(self, name) for name in BUFFERS if name in self._buffers
        }

    def extra_repr(self) -> str:
        counts = f"k={self.k}, form={self.form}, active_weights={self.active_weights}"
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}, {counts}"
        )
