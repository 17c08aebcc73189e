"""Putting NIST into a model that somebody else wrote."""

import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeGuard

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from nist.sparse.checks import check_changeable, check_hooks, check_readers, check_sharing
from nist.sparse.convolution import NISTConv2d, check_linear
from nist.sparse.linear import Dense, NISTLinear, check_form
from nist.sparse.mask import Band, factor
from nist.sparse.optimizer_state import entrywise

WEIGHTS = ("carried", "fresh")


def sparsify(
    model: nn.Module,
    factors: Sequence[int] | None = None,
    *,
    density: float | None = None,
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
    none of ``exclude``. By default every ``nn.Linear``; a convolution that is linear, 1×1 or over its whole input, is
    taken if a pattern of its own matches it, as in ``include=["pre_logits.fc*", "head.fc"]`` for timm's VGG16.

    How sparse: ``factors``, one neuroseed factor a layer in the order of the model, the paper's way with a head; or
    ``density``, for k = max(1, floor(density · n_out)) in every layer, its way with a transformer (U23).

    - ``split``: {pattern: parts} for fused projections; ``{"*.qkv": 3}`` gives q, k and v a band each, where Eq. 1
      taken literally starves v (E11). Density then counts the outputs of a part.
    - ``channels_last``: {pattern: channels} for layers that follow a flattened map, to count its features
      channels-last as TensorFlow flattens them (U25); the inputs themselves stay as the model hands them over.
    - ``scheme``: ``literal`` Eq. 1, or ``even``; see ``nist.sparse.mask.Band``.
    - ``weights``: ``carried`` over where the band has a connection, or ``fresh``, drawn anew as ``nn.Linear`` would.
    - ``form`` and ``rows``, the rows a batch has (images, or images times tokens): see ``NISTLinear``.

    An ``nn.TransformerEncoderLayer`` loses its fast path for inference, which reads its layers' weights itself, and its
    encoder the nested tensors for it. ``nn.MultiheadAttention`` reads its projections' weights too, and is left alone.

    A warning names layers that the patterns match and that stay dense because they are of another type, a subclass of
    ``nn.Linear`` or parametrized.

    Raises ``ValueError``, and changes nothing, if neither or both of ``factors`` and ``density`` are given, a pattern
    matches no linear layer, a name given in full is not linear, factors do not fit, or a layer's weight is shared, made
    anew in every step, as by ``torch.nn.utils.prune``, or read by another module, as in timm's BEiT and torchvision's
    Swin, as far as its source tells; for a layer with hooks or on the meta device, and for a wrapped replica, as
    ``nist.prune``.
    """
    check_form(form, rows)
    check_changeable(model, "sparsify")
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; there are {' and '.join(WEIGHTS)}")
    if (factors is None) == (density is None):
        raise ValueError("give factors, one a layer, or a density, and not both")
    if factors is not None and not isinstance(factors, Sequence):
        raise ValueError(f"factors are a list, one a layer, got {factors!r}")
    chosen = linear_layers(model, include, exclude)
    bands = _bands(chosen, factors, density, scheme, split or {}, channels_last or {})
    check_sharing(model, chosen)
    check_readers(model, chosen)
    check_hooks(chosen)
    _warn_of_others(model, chosen, include, exclude)
    replacements: dict[nn.Module, nn.Module] = {}
    for name, dense in chosen.items():
        if weights == "fresh":
            dense.reset_parameters()
        replacements[dense] = _replacement(dense, bands[name], form, rows, optimizer, weights == "carried")
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


def linear_layers(model: nn.Module, include: str | Sequence[str], exclude: str | Sequence[str]) -> dict[str, Dense]:
    """The linear layers of ``model`` that a pattern of ``include`` matches and none of ``exclude``, by name.

    Raises ``ValueError`` for a pattern that matches none, and for a full name of something that is not linear.
    """
    modules = dict(model.named_modules())
    chosen: dict[str, Dense] = {}
    for pattern in _patterns(include):
        matched = {name: module for name, module in modules.items() if fnmatchcase(name, pattern)}
        if pattern in modules:
            check_linear(pattern, modules[pattern])
        linear = {name: module for name, module in matched.items() if _is_candidate(module, name, pattern)}
        if not linear:
            raise ValueError(f"pattern {pattern!r} matches no linear layer; there are {_listed(modules)}")
        chosen |= linear
    for pattern in _patterns(exclude):
        if not any(fnmatchcase(name, pattern) for name in modules):
            raise ValueError(f"pattern {pattern!r} to exclude matches no module; linear layers are {_listed(modules)}")
        chosen = {name: layer for name, layer in chosen.items() if not fnmatchcase(name, pattern)}
    if not chosen:
        raise ValueError("every linear layer is excluded")
    return {name: chosen[name] for name in modules if name in chosen}


def _patterns(patterns: str | Sequence[str]) -> Sequence[str]:
    return [patterns] if isinstance(patterns, str) else patterns


def _is_candidate(module: nn.Module, name: str, pattern: str) -> TypeGuard[Dense]:
    try:
        check_linear(name, module)
    except ValueError:
        return False
    return pattern != "*" or type(module) is nn.Linear


def _listed(modules: Mapping[str, nn.Module], at_most: int = 12) -> str:
    names = [name for name, module in modules.items() if _is_candidate(module, name, name)]
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most} more" if len(names) > at_most else "") or "none"


def _bands(
    chosen: Mapping[str, Dense],
    factors: Sequence[int] | None,
    density: float | None,
    scheme: str,
    split: Mapping[str, int],
    channels_last: Mapping[str, int],
) -> dict[str, Band]:
    parts, channels = (_by_name(mapping, chosen) for mapping in (split, channels_last))
    bands = {}
    for (name, dense), k in zip(chosen.items(), _factors(chosen, factors, density, parts), strict=True):
        n_out, n_in = dense.weight.shape[0], dense.weight[0].numel()
        try:
            bands[name] = Band(n_in, n_out, k, scheme, parts[name], channels[name])
        except ValueError as error:
            raise ValueError(f"{name or 'the layer'} ({n_in} → {n_out}): {error}") from None
    return bands


def _factors(
    chosen: Mapping[str, Dense], factors: Sequence[int] | None, density: float | None, parts: Mapping[str, int]
) -> Sequence[int]:
    """One for every layer: as given, or of a density."""
    if factors is None:
        if density is None or not 0 < density <= 1:
            raise ValueError(f"density must be in (0, 1], got {density}")
        return [factor(density, dense.weight.shape[0] // parts[name]) for name, dense in chosen.items()]
    if len(factors) != len(chosen):
        raise ValueError(f"{len(factors)} factors for {len(chosen)} layers: {', '.join(chosen)}")
    return factors


def _by_name(mapping: Mapping[str, int], chosen: Mapping[str, Dense]) -> dict[str, int]:
    """What ``mapping`` gives every layer by a pattern that matches its name; 1 where none does."""
    values = dict.fromkeys(chosen, 1)
    for pattern, value in mapping.items():
        matched = [name for name in chosen if fnmatchcase(name, pattern)]
        if not matched:
            raise ValueError(f"pattern {pattern!r} matches none of the chosen layers: {', '.join(chosen)}")
        values |= dict.fromkeys(matched, value)
    return values


def _warn_of_others(
    model: nn.Module, chosen: Mapping[str, Dense], include: str | Sequence[str], exclude: str | Sequence[str]
) -> None:
    """What an ``nn.MultiheadAttention`` keeps to itself is not meant by anyone, and is not named."""
    others = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not isinstance(module, NonDynamicallyQuantizableLinear)
        if name not in chosen and _matches(name, include) and not _matches(name, exclude)
    ]
    if others:
        warnings.warn(f"not plain nn.Linear, and left dense: {', '.join(others)}", stacklevel=3)


def _matches(name: str, patterns: str | Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _patterns(patterns))


def _replacement(
    dense: Dense, band: Band, form: str, rows: int, optimizer: torch.optim.Optimizer | None, carried: bool
) -> NISTLinear:
    entries = entrywise(dense.weight, optimizer)
    kind = NISTConv2d if isinstance(dense, nn.Conv2d) else NISTLinear
    layer = kind.from_dense(dense, band, form, rows)
    if optimizer is not None:
        inputs, outputs = layer.connections()
        for name, value in entries.items():
            values = value.reshape(band.n_out, band.n_in)[outputs, inputs] * carried
            optimizer.state[layer.weight][name] = layer.arranged(inputs, outputs, values)
    dense.register_forward_pre_hook(_refuse)
    return layer


def _refuse(dense: nn.Module, _inputs: tuple) -> None:
    """A hook on a layer that was replaced: its weight is the NIST layer's, and it would train it without a mask."""
    raise ValueError(
        f"this {type(dense).__name__} has become a NIST layer, and is used where that did not take its place: give "
        "sparsify the whole model, or put what it returns there"
    )
