"""Putting NIST into a model that somebody else wrote."""

import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from nist.sparse.candidates import Candidate, chosen_candidates, left_dense, named_candidates
from nist.sparse.checks import check_changeable, check_hooks, check_sharing
from nist.sparse.hugging_face import NISTExperts, install
from nist.sparse.linear import NISTLinear, check_form
from nist.sparse.mask import Band, factor, fraction
from nist.sparse.optimizer_state import check_trains, entrywise, states
from nist.sparse.random_masks import Connectivity, GivenMask

WEIGHTS = ("carried", "fresh")


def sparsify(
    model: nn.Module,
    factors: Sequence[int] | Mapping[str, int] | None = None,
    *,
    density: float | None = None,
    masks: Mapping[str, torch.Tensor] | None = None,
    include: str | Sequence[str] = "*",
    exclude: str | Sequence[str] = (),
    scheme: str = "literal",
    split: Mapping[str, int] | None = None,
    channels_last: Mapping[str, int] | None = None,
    weights: str = "carried",
    form: str = "auto",
    rows: int = 64,
    optimizer: torch.optim.Optimizer | None = None,
) -> nn.Module:
    """Turn linear layers of ``model`` into NIST layers, in place, and return it; a model that is one, its NIST layer.

    Each layer's parameters stay the same objects, so an optimizer that holds them goes on to train the NIST layers; one
    that has taken steps is passed as ``optimizer``, for its running averages to follow the weights that stay. The
    linear layers themselves are of no use afterwards, and say so where something else still calls them.

    Which layers: those whose name in ``model.named_modules()`` matches a pattern (as in ``fnmatch``) of ``include`` and
    none of ``exclude``. By default every ``nn.Linear``, every ``Conv1D`` of transformers and its experts fused into one
    tensor, which go by the tensor's name and have a band an expert. A convolution that is linear, 1×1 or over its whole
    input, is taken if a pattern of its own matches it: ``include=["pre_logits.fc*", "head.fc"]`` for timm's VGG16.

    How sparse: ``factors``, one neuroseed factor a layer in the order of the model, the paper's way with a head, or a
    dict by the names of the layers, as ``nist.suggest`` gives; or ``density``, for k = max(1, floor(density · n_out))
    in every layer, its way with a transformer (U23). Or, for another method than the paper's, ``masks``: booleans
    ``(n_out, n_in)`` by the names of the layers, as ``nist.initial_masks`` gives.

    - ``split``: {pattern: parts} for fused projections; ``{"*.qkv": 3}`` gives q, k and v a band each, where Eq. 1
      taken literally starves v (E11). Density then counts the outputs of a part.
    - ``channels_last``: {pattern: channels} for layers that follow a flattened map, to count its features
      channels-last as TensorFlow flattens them (U25); the inputs themselves stay as the model hands them over.
    - ``scheme``: ``literal`` Eq. 1, or ``even``; see ``nist.sparse.mask.Band``.
    - ``weights``: ``carried`` over where the band has a connection, or ``fresh``, drawn anew as ``nn.Linear`` would.
    - ``form`` and ``rows``, the rows a batch has (images, or images times tokens): see ``NISTLinear``.

    An ``nn.TransformerEncoderLayer`` loses its fast path for inference, which would compute dense weights every time,
    and its encoder the nested tensors for it. What an ``nn.MultiheadAttention`` keeps to itself is left alone.

    A warning names what the patterns match and what stays dense: subclasses of ``nn.Linear``, parametrized layers,
    matrices of other modules.

    Raises ``ValueError``, and changes nothing, unless one of ``factors``, ``density``, ``masks`` is given, if a pattern
    matches no linear layer, a name given in full is not linear, factors do not fit, or a layer's weight is shared or
    made anew in every step, as by ``torch.nn.utils.prune``; for a layer with hooks or on the meta device, an optimizer
    that trains none of the layers, and for a wrapped replica, as ``nist.prune``.
    """
    check_form(form, rows)
    check_changeable(model, "sparsify")
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; there are {' and '.join(WEIGHTS)}")
    if sum(each is not None for each in (factors, density, masks)) != 1:
        raise ValueError("give factors, one a layer, or a density, or masks, and one of them alone")
    by_name = masks if masks is not None else factors if isinstance(factors, Mapping) else None
    if by_name is not None:
        if include != "*":
            raise ValueError("names of layers say which ones are meant: give no include")
        chosen = named_candidates(model, [*by_name])
    else:
        chosen = chosen_candidates(model, include, exclude)
    if isinstance(factors, Mapping):
        factors = [factors[name] for name in chosen]
    if factors is not None and (isinstance(factors, str) or not isinstance(factors, Sequence)):
        raise ValueError(f"factors are a list, one a layer, or a dict by their names, got {factors!r}")
    if factors is not None and len(factors) != len(chosen):
        raise ValueError(f"{len(factors)} factors for {len(chosen)} layers: {', '.join(chosen)}")
    if masks is not None:
        if scheme != "literal" or split or channels_last:
            raise ValueError("masks say which connections there are: give no scheme, split or channels_last")
        bands = {name: _given(name, candidate, masks[name]) for name, candidate in chosen.items()}
    else:
        bands = _bands(chosen, factors, density, scheme, split or {}, channels_last or {})
    check_sharing(model, chosen)
    check_hooks(chosen)
    check_trains(optimizer, [candidate.weight for candidate in chosen.values()])
    if by_name is None and (dense := left_dense(model, chosen, include, exclude)):
        warnings.warn(f"no linear layers that NIST knows, and left dense: {', '.join(dense)}", stacklevel=2)
    replacements: dict[nn.Module, nn.Module] = {}
    for name, candidate in chosen.items():
        layer = _layer(candidate, bands[name], form, rows, optimizer, weights == "carried")
        if weights == "fresh":
            layer.reset_parameters()
            for bias in [layer.bias] if layer.bias is not None else []:
                for state in states(bias, optimizer):
                    for value in entrywise(bias, state).values():
                        value.zero_()
        if isinstance(layer, NISTExperts):
            install(candidate.owner, candidate.attribute, layer)
        else:
            replacements[candidate.owner] = layer
            candidate.owner.register_forward_pre_hook(_refuse)
    return replaced(model, replacements)


def replaced(model: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """``model`` with modules replaced in place, wherever they are used; another one if it is replaced itself."""
    for parent in list(model.modules()):
        # Not named_children, which names a module that is used twice only once.
        for name, child in list(parent._modules.items()):
            if child is None or child not in replacements:
                continue
            setattr(parent, name, replacements[child])
            if isinstance(parent, nn.TransformerEncoderLayer):
                parent.activation_relu_or_gelu = 0  # no fast path for inference, which reads its layers' weights itself
    new = set(replacements.values())
    for encoder in model.modules():
        if isinstance(encoder, nn.TransformerEncoder) and not new.isdisjoint(encoder.modules()):
            encoder.use_nested_tensor = False  # they are for that fast path alone, and no NIST layer takes them
    return replacements.get(model, model)


def _given(name: str, candidate: Candidate, mask: torch.Tensor) -> Connectivity:
    n_in, n_out = candidate.sizes
    if not torch.is_tensor(mask) or mask.dtype != torch.bool or mask.shape != (n_out, n_in):
        raise ValueError(f"the mask of {name} must be booleans of shape ({n_out}, {n_in})")
    return GivenMask.of(mask.cpu().numpy())


def _bands(
    chosen: Mapping[str, Candidate],
    factors: Sequence[int] | None,
    density: float | None,
    scheme: str,
    split: Mapping[str, int],
    channels_last: Mapping[str, int],
) -> dict[str, Connectivity]:
    parts, channels = (_by_name(mapping, chosen) for mapping in (split, channels_last))
    parts = {name: parts[name] * candidate.experts for name, candidate in chosen.items()}
    bands: dict[str, Connectivity] = {}
    for (name, candidate), k in zip(chosen.items(), _factors(chosen, factors, density, parts), strict=True):
        n_in, n_out = candidate.sizes
        try:
            bands[name] = Band(n_in, n_out, k, scheme, parts[name], channels[name])
        except ValueError as error:
            raise ValueError(f"{name or 'the layer'} ({n_in} → {n_out}): {error}") from None
    return bands


def _factors(
    chosen: Mapping[str, Candidate], factors: Sequence[int] | None, density: float | None, parts: Mapping[str, int]
) -> Sequence[int]:
    """One for every layer: as given, or of a density."""
    if factors is None:
        share = fraction("density", density)
        if not 0 < share <= 1:
            raise ValueError(f"density must be in (0, 1], got {density}")
        return [factor(share, candidate.sizes[1] // parts[name]) for name, candidate in chosen.items()]
    return factors


def _by_name(mapping: Mapping[str, int], chosen: Mapping[str, Candidate]) -> dict[str, int]:
    """What ``mapping`` gives every layer by a pattern that matches its name; 1 where none does."""
    values = dict.fromkeys(chosen, 1)
    for pattern, value in mapping.items():
        matched = [name for name in chosen if fnmatchcase(name, pattern)]
        if not matched:
            raise ValueError(f"pattern {pattern!r} matches none of the chosen layers: {', '.join(chosen)}")
        values |= dict.fromkeys(matched, value)
    return values


def _layer(
    candidate: Candidate,
    band: Connectivity,
    form: str,
    rows: int,
    optimizer: torch.optim.Optimizer | None,
    carried: bool,
) -> NISTLinear:
    """The NIST layer with the candidate's weight, and the optimizer's averages of it."""
    remembered = [(state, entrywise(candidate.weight, state)) for state in states(candidate.weight, optimizer)]
    form = "masked" if candidate.kind is NISTExperts else form
    layer = candidate.kind.from_dense(candidate.owner, band, form, rows, candidate.attribute)
    if remembered:
        inputs, outputs = layer.connections()
        for state, entries in remembered:
            for name, value in entries.items():
                values = layer.flat(value)[outputs, inputs] * carried
                state[name] = layer.arranged(inputs, outputs, values)
    return layer


def _refuse(dense: nn.Module, _inputs: tuple) -> None:
    """A hook on a layer that was replaced: its weight is the NIST layer's, and it would train it without a mask."""
    raise ValueError(
        f"this {type(dense).__name__} has become a NIST layer, and is used where that did not take its place: give "
        "sparsify the whole model, or put what it returns there"
    )
