"""Which weights of a model that somebody else wrote can become those of NIST layers, and which ones are meant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.utils.parametrize import is_parametrized

from nist.sparse.convolution import NISTConv2d, slides
from nist.sparse.hugging_face import NISTConv1D, NISTExperts, experts_of, is_conv1d
from nist.sparse.linear import NISTLinear

Patterns = str | Sequence[str]
# Subclasses of nn.Linear whose forward is their own, and computes the same.
EQUIVALENT = ("timm.layers.linear.Linear", "transformers.models.falcon.modeling_falcon.FalconLinear")
PROJECTIONS = {"q", "k", "v", "o", "r", "w"}  # names of matrices, as XLNet has them
NOT_LINEAR = (nn.modules.conv._ConvNd, nn.Embedding, nn.EmbeddingBag, nn.Bilinear, nn.RNNBase, nn.RNNCellBase)
AT_MOST = 12  # names in a message


@dataclass(frozen=True, eq=False)
class Candidate:
    """A weight of the module ``owner``, its parameter ``attribute``, and the ``kind`` of NIST layer to take it over."""

    owner: nn.Module
    attribute: str
    kind: type[NISTLinear]

    @property
    def weight(self) -> torch.Tensor:
        """The dense weight."""
        return getattr(self.owner, self.attribute)

    @property
    def experts(self) -> int:
        """Number of experts fused into the weight; 1 for a layer."""
        return len(self.weight) if self.kind is NISTExperts else 1

    @property
    def sizes(self) -> tuple[int, int]:
        """Inputs and outputs of the layer; of fused experts, the outputs of all of them."""
        n_out, n_in = self.flat(torch.empty(self.weight.shape, device="meta")).shape
        return n_in, n_out

    def flat(self, dense: torch.Tensor) -> torch.Tensor:
        """``(n_out, n_in)`` from a tensor laid out as the weight; of fused experts, one below the other."""
        return self.kind.flat(self.owner, dense)  # type: ignore[arg-type]  # experts say how they lie, layer or not


def candidates(model: nn.Module) -> dict[str, Candidate]:
    """Every weight of ``model`` that a NIST layer can take over, by the name of its layer or of itself."""
    found = {}
    for name, module in model.named_modules():
        kind = _kind(module)
        if kind is not None:
            found[name] = Candidate(module, "weight", kind)
        for attribute in experts_of(module):
            found[f"{name}.{attribute}".lstrip(".")] = Candidate(module, attribute, NISTExperts)
    return found


def chosen_candidates(model: nn.Module, include: Patterns, exclude: Patterns) -> dict[str, Candidate]:
    """Those of them that a pattern of ``include`` matches and none of ``exclude``, in the order of the model.

    ``*`` takes no convolution. Raises ``ValueError`` for a pattern that matches none, and for a full name of something
    that is not linear.
    """
    modules, there = dict(model.named_modules()), candidates(model)
    names: set[str] = set()
    for pattern in listed(include):
        matched = {name for name in there if fnmatchcase(name, pattern)}
        if pattern == "*":
            matched = {name for name in matched if there[name].kind is not NISTConv2d}
        if not matched:
            raise ValueError(_nothing(pattern, modules, there))
        names |= matched
    for pattern in listed(exclude):
        if not any(fnmatchcase(name, pattern) for name in (*modules, *there)):
            raise ValueError(f"pattern {pattern!r} to exclude matches no module; linear layers are {_some(there)}")
        names = {name for name in names if not fnmatchcase(name, pattern)}
    if not names:
        raise ValueError("every linear layer is excluded")
    return {name: candidate for name, candidate in there.items() if name in names}


def named_candidates(model: nn.Module, names: Sequence[str]) -> dict[str, Candidate]:
    """Those of these very names, in the order of the model. Raises ``ValueError`` for one that is not linear."""
    there = candidates(model)
    for name in names:
        if name not in there:
            raise ValueError(_nothing(name, dict(model.named_modules()), there))
    if not names:
        raise ValueError("there is no layer among the names")
    return {name: candidate for name, candidate in there.items() if name in names}


def left_dense(model: nn.Module, chosen: Iterable[str], include: Patterns, exclude: Patterns) -> list[str]:
    """Names of the weights that the patterns mean and that stay dense, as nothing takes them over.

    ``*`` means linear layers: of its matches, those that are subclasses of ``nn.Linear``, parametrized, or weights of
    the model's own modules.
    """
    found = []
    for name, module in model.named_modules():
        # What an nn.MultiheadAttention keeps to itself is not meant by anyone.
        if isinstance(module, NISTLinear | NonDynamicallyQuantizableLinear | nn.MultiheadAttention) or name in chosen:
            continue
        for weight in _matrices(module):
            full = f"{name}.{weight}".lstrip(".")
            if full in chosen or any(fnmatchcase(each, one) for each in (name, full) for one in listed(exclude)):
                continue
            if any(_means(pattern, (name, full), module, weight) for pattern in listed(include)):
                found.append(name if weight == "weight" else full)
    return found


def _means(pattern: str, names: tuple[str, str], module: nn.Module, weight: str) -> bool:
    if not any(fnmatchcase(name, pattern) for name in names):
        return False
    named = "weight" in weight or "proj" in weight or weight in PROJECTIONS
    own = named and not isinstance(module, NOT_LINEAR)
    return pattern != "*" or isinstance(module, nn.Linear) or own


def _matrices(module: nn.Module) -> list[str]:
    if is_parametrized(module):
        return list(module.parametrizations)  # type: ignore[arg-type]
    return [
        name
        for name, value in module.named_parameters(recurse=False)
        if not isinstance(value, nn.UninitializedParameter) and value.dim() >= 2 and min(value.shape[-2:]) > 1
        if "bias" not in name
    ]


def listed(patterns: Patterns) -> Sequence[str]:
    """``patterns`` as a list."""
    return [patterns] if isinstance(patterns, str) else patterns


def _kind(module: nn.Module) -> type[NISTLinear] | None:
    if _is_plain(module):
        return NISTLinear
    if is_conv1d(module):
        return NISTConv1D
    return NISTConv2d if type(module) is nn.Conv2d and not slides(module) else None


def _is_plain(module: nn.Module) -> bool:
    """Whether ``module`` computes what an ``nn.Linear`` does, from a weight of its own."""
    kind = type(module)
    if not isinstance(module, nn.Linear) or isinstance(module, NonDynamicallyQuantizableLinear | nn.LazyLinear):
        return False
    own = kind.forward is nn.Linear.forward or f"{kind.__module__}.{kind.__name__}" in EQUIVALENT
    return own and not is_parametrized(module)


def _nothing(pattern: str, modules: Mapping[str, nn.Module], there: Mapping[str, Candidate]) -> str:
    """Why ``pattern`` matches nothing."""
    module = modules.get(pattern)
    if isinstance(module, nn.LazyLinear):
        return f"{pattern} has no weights yet: run a batch through the model first"
    if isinstance(module, NISTLinear) or (pattern == "*" and any(isinstance(m, NISTLinear) for m in modules.values())):
        return f"pattern {pattern!r} matches no dense linear layer, but NIST layers: the model is sparsified already"
    if type(module) is nn.Conv2d:
        return f"{pattern} is a Conv2d with groups, stride, padding or dilation, which no linear layer replaces"
    if module is not None and pattern != "":
        kind = type(module).__name__
        return f"{pattern} is a {kind}, which is not linear; nn.Linear is, and nn.Conv2d if it does not slide"
    if pattern == "*" and there:
        return f"'*' takes no convolution, and there is no other linear layer: name those you mean, {_some(there)}"
    lazy = [name for name, each in modules.items() if isinstance(each, nn.LazyLinear)]
    if lazy and not there:
        return f"{lazy[0]} has no weights yet: run a batch through the model first"
    return f"pattern {pattern!r} matches no linear layer; there are {_some(there)}"


def _some(there: Mapping[str, Candidate]) -> str:
    names, rest = [*there][:AT_MOST], len(there) - AT_MOST
    return ", ".join(names) + (f" and {rest} more" if rest > 0 else "") or "none"
