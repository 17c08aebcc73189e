"""Putting NIST into a model that somebody else wrote."""

import contextlib
import inspect
import re
import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from nist.sparse.changeable import check_changeable
from nist.sparse.convolution import NISTConv2d, check_linear
from nist.sparse.linear import NISTLinear, check_device, check_form
from nist.sparse.mask import Band, factor
from nist.sparse.optimizer_state import entrywise

WEIGHTS = ("carried", "fresh")
HOOKS = ["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks"]
HOOKS += ["_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"]


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
    _check_sharing(model, chosen)
    _check_readers(model, chosen)
    _check_hooks(chosen)
    _warn_of_others(model, chosen, include, exclude)
    replacements = {}
    for name, dense in chosen.items():
        if weights == "fresh":
            dense.reset_parameters()
        replacements[dense] = _replacement(dense, bands[name], form, rows, optimizer, weights == "carried")
    return replaced(model, replacements)


def replaced(model: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """``model`` with modules replaced in place, wherever they are used; another one if it is replaced itself."""
    for parent in list(model.modules()):
        # Not named_children, which names a module that is used twice only once.
        for name in [name for name, child in parent._modules.items() if child in replacements]:
            setattr(parent, name, replacements[parent._modules[name]])
            if isinstance(parent, nn.TransformerEncoderLayer):
                parent.activation_relu_or_gelu = 0  # no fast path for inference, which reads its layers' weights itself
    new = set(replacements.values())
    for encoder in model.modules():
        if isinstance(encoder, nn.TransformerEncoder) and not new.isdisjoint(encoder.modules()):
            encoder.use_nested_tensor = False  # they are for that fast path alone, and no NIST layer takes them
    return replacements.get(model, model)


def linear_layers(model: nn.Module, include: str | Sequence[str], exclude: str | Sequence[str]) -> dict[str, nn.Module]:
    """The linear layers of ``model`` that a pattern of ``include`` matches and none of ``exclude``, by name.

    Raises ``ValueError`` for a pattern that matches none, and for a full name of something that is not linear.
    """
    modules = dict(model.named_modules())
    chosen = set()
    for pattern in _patterns(include):
        matched = [name for name in modules if fnmatchcase(name, pattern)]
        if pattern in modules:
            check_linear(pattern, modules[pattern])
        linear = {name for name in matched if _is_candidate(name, modules[name], pattern)}
        if not linear:
            raise ValueError(f"pattern {pattern!r} matches no linear layer; there are {_listed(modules)}")
        chosen |= linear
    for pattern in _patterns(exclude):
        if not any(fnmatchcase(name, pattern) for name in modules):
            raise ValueError(f"pattern {pattern!r} to exclude matches no module; linear layers are {_listed(modules)}")
        chosen -= {name for name in chosen if fnmatchcase(name, pattern)}
    if not chosen:
        raise ValueError("every linear layer is excluded")
    return {name: modules[name] for name in modules if name in chosen}


def _patterns(patterns: str | Sequence[str]) -> Sequence[str]:
    return [patterns] if isinstance(patterns, str) else patterns


def _is_candidate(name: str, module: nn.Module, pattern: str) -> bool:
    try:
        check_linear(name, module)
    except ValueError:
        return False
    return pattern != "*" or type(module) is nn.Linear


def _listed(modules: Mapping[str, nn.Module], at_most: int = 12) -> str:
    names = [name for name, module in modules.items() if _is_candidate(name, module, name)]
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most} more" if len(names) > at_most else "") or "none"


def _bands(chosen, factors, density, scheme, split, channels_last) -> dict[str, Band]:
    if factors is not None and len(factors) != len(chosen):
        raise ValueError(f"{len(factors)} factors for {len(chosen)} layers: {', '.join(chosen)}")
    if density is not None and not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density}")
    parts, channels = (_by_name(mapping, chosen) for mapping in (split, channels_last))
    bands = {}
    for position, (name, dense) in enumerate(chosen.items()):
        n_out, n_in = dense.weight.shape[0], dense.weight[0].numel()
        part = parts.get(name, 1)
        k = factors[position] if density is None else factor(density, n_out // part)
        try:
            bands[name] = Band(n_in, n_out, k, scheme, part, channels.get(name, 1))
        except ValueError as error:
            raise ValueError(f"{name or 'the layer'} ({n_in} → {n_out}): {error}") from None
    return bands


def _by_name(mapping: Mapping[str, int], chosen: Mapping[str, nn.Module]) -> dict[str, int]:
    values = {}
    for pattern, value in mapping.items():
        matched = [name for name in chosen if fnmatchcase(name, pattern)]
        if not matched:
            raise ValueError(f"pattern {pattern!r} matches none of the chosen layers: {', '.join(chosen)}")
        values |= dict.fromkeys(matched, value)
    return values


def _check_sharing(model: nn.Module, chosen: Mapping[str, nn.Module]) -> None:
    """A weight that another module uses too, or that is no parameter of its own, cannot become a NIST layer's."""
    users: dict[nn.Parameter, list[str]] = {}
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            users.setdefault(parameter, []).append(name)
    for name, dense in chosen.items():
        if not isinstance(dense.weight, nn.Parameter):
            raise ValueError(
                f"the weight of {name} is made anew in every step, as torch.nn.utils.prune does: remove that"
            )
        check_device(dense.weight)
        others = [other for other in users[dense.weight] if other != name]
        if others:
            raise ValueError(f"the weight of {name} is shared with {', '.join(others)}: exclude it")


def _check_readers(model: nn.Module, chosen: Mapping[str, nn.Module]) -> None:
    """A mask is in the layer's ``forward``, which a module that reads the weight itself passes by."""
    names = {dense: name for name, dense in chosen.items()}
    for parent, reader in model.named_modules():
        for inner, dense in reader.named_modules():
            if dense not in names or dense is reader:
                continue
            name = names[dense]
            remedy = f"exclude {name}"
            # timm's attention with biases of its own beside a fused projection without one: BEiT, Swin v2, EVA.
            if inner == "qkv" and hasattr(reader, "qkv_bias_separate"):
                reads = getattr(reader, "q_bias", None) is not None and not reader.qkv_bias_separate
                remedy = f"set qkv_bias_separate = True of that {type(reader).__name__}, or {remedy}"
            else:
                reads = _reads_weight(type(reader), inner)
            if reads:
                where = parent or f"the {type(reader).__name__}"
                raise ValueError(f"{where} reads the weight of {name} itself, past its mask: {remedy}")


def _reads_weight(kind: type, inner: str) -> bool:
    """Whether ``forward`` of ``kind`` takes more of ``self.<inner>.weight`` than its type and size."""
    harmless = "dtype|device|shape|ndim|requires_grad|is_[a-z]+|size|dim|numel"
    reading = rf"(?<!isinstance\()\bself\.{re.escape(inner)}\.weight\b(?!\.({harmless})\b)"
    return re.search(reading, _source_of_forward(kind)) is not None


@cache
def _source_of_forward(kind: type) -> str:
    """The source of ``forward`` and of the methods and properties that it uses, as far as there is any."""
    pending, sources = ["forward"], {}
    while pending:
        name = pending.pop()
        if name not in sources:
            sources[name] = _source(kind, name)
            pending += re.findall(r"\bself\.(\w+)", sources[name])
    return "\n".join(sources.values())


def _source(kind: type, name: str) -> str:
    """Of a method or property, with what it overrides if it calls that; empty if there is none.

    That of an ``nn.TransformerEncoderLayer`` is left out: its fast path is switched off in ``replaced``.
    """
    source = ""
    for base in kind.__mro__:
        if name not in vars(base) or base in (nn.Module, nn.TransformerEncoderLayer):
            continue
        found = vars(base)[name]
        with contextlib.suppress(OSError, TypeError):  # of what was not read from a file, or is no method
            source += inspect.getsource(found.fget if isinstance(found, property) else found)
        if "super()" not in source:
            break
    return source


def _check_hooks(chosen: Mapping[str, nn.Module]) -> None:
    """A NIST layer would not call them."""
    for name, dense in chosen.items():
        if any(getattr(dense, kind) for kind in HOOKS):
            raise ValueError(f"{name or 'the layer'} has hooks: register them after sparsify, or exclude it")


def _warn_of_others(
    model: nn.Module, chosen: Mapping[str, nn.Module], include: str | Sequence[str], exclude: str | Sequence[str]
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


def _replacement(dense, band, form, rows, optimizer, carried: bool) -> NISTLinear:
    entries = entrywise(dense.weight, optimizer)
    kind = NISTConv2d if isinstance(dense, nn.Conv2d) else NISTLinear
    layer = kind.from_dense(dense, band, form, rows)
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
