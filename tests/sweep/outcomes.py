"""What becomes of one model when NIST is put into it by hand, trained, pruned, saved and taken out again."""

import copy
import re
import traceback
import warnings
from operator import attrgetter
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

import nist
from nist.sparse.summary import Summary
from tests.sweep.models import Inputs, Subject

OUTCOMES = OK, REMEDY, NOTHING, REFUSED, FAILED = "ok", "ok with a remedy", "no linear layer", "refused", "failed"
EXCLUDE_IT = re.compile(r"^(?:the weight of )?(\S+) .*exclude it$")
NO_LAYER = re.compile(r"matches no linear layer; there are none$|takes no convolution, and there is no other")
NOISE = 1e-9  # of a model's largest gradient: less is what rounding leaves of one that is zero
TOLERANCE = 1e-3  # of the largest value: sums are in another order, and untrained layers make rounding larger
HERE, NIST = f"{Path.cwd()}/", f"{Path(nist.__file__).parent}/"


class Result(NamedTuple):
    """How it went with one model: what is to be known of an ``ok``, the refusal, or the error and its line."""

    model: str
    outcome: str
    message: str
    seconds: float


def tried(subject: Subject) -> Result:
    """The outcome of ``subject``; whatever its model, or NIST, raises is one."""
    start = perf_counter()
    torch.manual_seed(0)
    try:
        outcome, message = _outcome(*subject.build())
    except Exception as error:
        outcome, message = FAILED, _described(error)
    return Result(subject.name, outcome, message, perf_counter() - start)


def _outcome(model: nn.Module, inputs: Inputs) -> tuple[str, str]:
    other = copy.deepcopy(model)
    try:
        excluded, remarks = _sparsified(model)
    except ValueError as error:
        return _refusal(model, str(error)), str(error)
    forms = {row.form for row in nist.summary(model)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    _step(model, inputs, optimizer)
    kept = nist.prune(model, 0.9, optimizer, scope="layer")
    _step(model, inputs, optimizer)
    _outputs(model, inputs)  # no state of a training step is left in the model, which no copy takes
    plain = nist.densify(model)
    rows = nist.summary(model)
    _check_counts(rows, plain, kept)
    _check_same(model, plain, inputs)
    _sparsified(other, form="compressed")  # which auto seldom takes for models so small
    other.load_state_dict(model.state_dict())
    _check_close("outputs once loaded", _outputs(other.eval(), inputs), _outputs(model.eval(), inputs))
    forms |= {row.form for row in rows}
    return REMEDY if excluded else OK, "; ".join([f"{len(rows)} layers, {', '.join(sorted(forms))}", *remarks])


def _sparsified(model: nn.Module, form: str = "auto") -> tuple[list[str], list[str]]:
    """Sparsify ``model``; what had to be excluded, by the refusals' own word, and what NIST had to say."""
    excluded: list[str] = []
    remarks = []
    while True:
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                nist.sparsify(model, density=0.25, exclude=excluded, form=form)
        except ValueError as error:
            asked = EXCLUDE_IT.match(str(error))
            if not asked or asked[1] in excluded:
                raise
            excluded.append(asked[1])
            remarks.append(str(error))
        else:
            return excluded, [*remarks, *(str(each.message) for each in warned if "left dense" in str(each.message))]


def _refusal(model: nn.Module, message: str) -> str:
    """Whether a refusal is for want of linear layers, or of a model that has some."""
    has_some = any(isinstance(module, nn.Linear) for module in model.modules())
    return NOTHING if NO_LAYER.search(message) and not has_some else REFUSED


def _step(model: nn.Module, inputs: Inputs, optimizer: torch.optim.Optimizer) -> None:
    _backward(model.train(), inputs)
    optimizer.step()


def _backward(model: nn.Module, inputs: Inputs) -> None:
    """Gradients of the mean square of how far all that the model puts out is from one; many heads begin at zero."""
    model.zero_grad()
    sum((each - 1).square().mean() for each in _outputs(model, inputs, grad=True)).backward()


def _outputs(model: nn.Module, inputs: Inputs, grad: bool = False) -> list[torch.Tensor]:
    """Every tensor of floating-point numbers that the model puts out."""
    torch.manual_seed(0)
    with torch.set_grad_enabled(grad):
        leaves = tree_leaves(model(**inputs))
    return [each for each in leaves if torch.is_tensor(each) and each.is_floating_point()]


def _check_counts(rows: Summary, plain: nn.Module, kept: int) -> None:
    """The table's sums, and each row, against the prune and the plain weights; a weight may happen to be zero."""
    assert sum(row.active for row in rows) == rows.total.active == kept, f"{rows.total} of {kept}"
    for row in rows:
        weight = attrgetter(_weight_of(row.layer))(plain)
        assert row.dense == weight.numel(), f"{row} of {tuple(weight.shape)}"
        assert weight.count_nonzero() <= row.active <= row.dense, f"{row} of {weight.count_nonzero()}"


def _weight_of(layer: str) -> str:
    """The plain model's parameter with the weights of a NIST layer; that of fused experts has the layer's place."""
    owner, _, name = layer.rpartition(".")
    return f"{owner}.{name.removeprefix('nist_')}" if name.startswith("nist_") else f"{layer}.weight"


def _check_same(model: nn.Module, plain: nn.Module, inputs: Inputs) -> None:
    """The same outputs with and without NIST, and the same gradients where there is a weight."""
    _check_close("outputs", _outputs(model.eval(), inputs), _outputs(plain.eval(), inputs))
    for each in (model, plain):
        _backward(each, inputs)
    largest = max(float(each.grad.abs().max()) for each in plain.parameters() if each.grad is not None)
    for name, parameter in plain.named_parameters():
        own = attrgetter(name)(model)
        assert (own.grad is None) == (parameter.grad is None), f"only one has a gradient of {name}"
        if parameter.grad is not None:
            there = isinstance(own, nn.Parameter) | (own.detach() != 0) | (own.grad != 0)
            _check_close(f"gradient of {name}", [own.grad], [parameter.grad * there], NOISE * largest)


def _check_close(what: str, found: list[torch.Tensor], wanted: list[torch.Tensor], noise: float = 0.0) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape, f"{what}: {tuple(ours.shape)}, and {tuple(theirs.shape)} without NIST"
        apart, scale = (ours - theirs).abs().max(), theirs.abs().max()
        assert apart <= TOLERANCE * scale + noise, f"{what}: {apart:.1e} apart, of {scale:.1e}"


def _described(error: Exception) -> str:
    """Type and message in one line, with the last line of NIST's that was at work and the last one of all."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if frame.filename.startswith(NIST)][-1:] + frames[-1:]
    lines = dict.fromkeys(f"{frame.filename.removeprefix(HERE)}:{frame.lineno}" for frame in last)
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({', '.join(lines)})"
