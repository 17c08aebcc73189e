"""Layers that follow each other, without what does not vary and what is not read."""

from collections import OrderedDict
from itertools import pairwise

import pytest
import torch
from torch import nn

from nist import NISTLinear, for_inference, prune, shrink, sparsify, summary
from nist.sparse import narrowing
from nist.sparse.inference import SparseLinear, Together
from nist.sparse.narrowing import can_be_narrowed, narrowed


def head(function=None, sparsity=0.97, scope="uniform", dtype=None):
    """Three layers, pruned so far that most features between them are constant or are not read."""
    torch.manual_seed(0)
    layers = [NISTLinear(80, 60, 4, dtype=dtype), NISTLinear(60, 50, 8, bias=False, dtype=dtype)]
    functions = [function or nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(layers[0], functions[0], layers[1], functions[1], nn.Linear(50, 7, dtype=dtype))
    prune(model, sparsity, scope=scope)
    return model.eval()


def computed(model, x):
    """What the narrowed layers compute, in each way."""
    matrices = narrowed([*model])
    for way in ("listed", "block"):
        places = {layer: SparseLinear(matrix, way) for layer, matrix in matrices.items()}
        yield nn.Sequential(*(places.get(each, each) for each in model))(x)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [nn.ReLU(inplace=True), nn.Tanh(), nn.PReLU(), nn.Softplus(), nn.Identity()])
def test_it_computes_the_same_with_fewer_features_between(function, dtype):
    model = head(function.to(dtype), dtype=dtype)
    for rows in (1, 5):
        x = torch.randn(rows, 80, dtype=dtype)
        for found in computed(model, x):
            torch.testing.assert_close(found, model(x))
    first, second, last = narrowed([*model]).values()
    assert (first.n_in, len(last.bias)) == (80, 7)
    assert len(first.bias) == second.n_in < 60
    assert len(second.bias) == last.n_in < 50


@torch.no_grad()
def test_every_weight_that_is_left_lies_on_a_path():
    matrices = [*narrowed([*head()]).values()]
    for one, other in pairwise(matrices):
        assert {*one.outputs.tolist()} == {*range(len(one.bias))} == {*other.inputs.tolist()}


@torch.no_grad()
@pytest.mark.filterwarnings("ignore:the prune left nothing")
def test_a_head_without_a_path_is_its_biases():
    model = head()
    model[0].keep(torch.zeros_like(model[0].stored).bool())
    x = torch.randn(3, 80)
    assert [len(matrix.weight) for matrix in narrowed([*model]).values()] == [0, 0, 0]
    for found in [*computed(model, x), for_inference(model, 3)(x)]:
        torch.testing.assert_close(found, model(x))
        assert (found == found[0]).all()


@torch.no_grad()
def test_an_unpruned_head_keeps_all_its_features():
    model = nn.Sequential(NISTLinear(40, 30, 3), nn.ReLU(), NISTLinear(30, 10, 5)).eval()
    assert [(matrix.n_in, len(matrix.bias)) for matrix in narrowed([*model]).values()] == [(40, 30), (30, 10)]


def test_a_layer_with_more_weights_than_can_be_listed_stays(monkeypatch):
    model = head()
    monkeypatch.setattr(narrowing, "MOST", 349)
    assert not can_be_narrowed([*model])
    monkeypatch.setattr(narrowing, "MOST", 350)  # those of the dense layer
    assert can_be_narrowed([*model])


class Loop(nn.Module):
    """Calls the layers of its Sequential itself, with another function between them."""

    def __init__(self):
        super().__init__()
        self.net = head()

    def forward(self, x):
        return self.net[4](torch.sigmoid(self.net[2](torch.sigmoid(self.net[0](x))))), self.net[:2](x), self.net(x)


class Normed(nn.Identity):
    def forward(self, x):
        return nn.functional.layer_norm(x, x.shape[-1:])


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 64])
def test_a_model_that_calls_the_layers_itself_gets_what_it_got(rows):
    model, x = Loop().eval(), torch.randn(rows, 80)
    fast = for_inference(model, rows)
    torch.testing.assert_close(fast(x), model(x))
    if isinstance(fast.net, Together):
        assert (len(fast.net), len([*fast.net])) == (5, 5)


@torch.no_grad()
def test_what_only_looks_like_a_function_of_single_numbers_is_none():
    patched = nn.ReLU()
    patched.forward = Normed()
    for function in (Normed(), patched):
        model, x = head(function), torch.randn(3, 80)
        torch.testing.assert_close(for_inference(model, 3)(x), model(x))


def hooked(model):
    model[2].register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize(
    ("model", "can"),
    [
        (lambda: head(), True),
        (lambda: nn.Sequential(head()), True),
        (lambda: hooked(head()), False),
        (lambda: head(nn.PReLU(60)), False),
        (lambda: head().half(), False),
    ],
)
def test_what_something_else_sees_stays_as_wide(model, can):
    model = model()
    run = next(iter(each for each in model.modules() if isinstance(each, nn.Sequential) and len(each) == 5))
    assert can_be_narrowed([*run]) == can
    if can:
        x = torch.randn(2, 80)
        torch.testing.assert_close(for_inference(model, 2)(x), model(x).detach())


def test_a_layer_that_is_used_twice_stays():
    layer, x = NISTLinear(30, 30, 2), torch.randn(4, 30)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    prune(model, 0.95)
    assert not can_be_narrowed([*model])
    torch.testing.assert_close(for_inference(model, 4)(x), model(x).detach())


def test_a_hook_between_layers_sees_what_it_saw():
    seen, model = [], head()
    model[1].register_forward_hook(lambda module, given, result: seen.append(result))
    for one in (model, for_inference(model, 64)):
        one(torch.ones(64, 80))
    torch.testing.assert_close(seen[1], seen[0])


@torch.no_grad()
def test_a_pruned_head_is_narrowed():
    torch.manual_seed(0)
    model = nn.Sequential(NISTLinear(4096, 2048, 2), nn.ReLU(), NISTLinear(2048, 10, 10)).eval()
    prune(model, 0.9999, scope="uniform")
    fast, x = for_inference(model, 64), torch.randn(64, 4096)
    torch.testing.assert_close(fast(x), model(x))
    assert fast._narrow[0].out_features == fast._narrow[2].in_features < 100
    assert fast[0].out_features == 2048


class Branches(nn.Module):
    """An ``nn.Sequential`` as a list of branches, each called by itself."""

    def __init__(self):
        super().__init__()
        self.heads = nn.Sequential(nn.Linear(64, 10), nn.Linear(64, 5))

    def forward(self, x):
        return torch.cat([head(x) for head in self.heads], dim=-1)


class ByName(nn.Module):
    """An ``nn.Sequential`` whose layers are called by their names."""

    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(OrderedDict(wide=nn.Linear(512, 2048), function=nn.ReLU(), last=nn.Linear(2048, 10)))

    def forward(self, x):
        return self.head.last(self.head.function(self.head.wide(x)))


@pytest.mark.parametrize(("kind", "width"), [(Branches, 64), (ByName, 512)])
def test_a_model_that_calls_the_layers_of_a_sequential_itself_computes_the_same(kind, width):
    model, x = sparsify(kind(), density=0.5).eval(), torch.randn(2, width)
    prune(model, 0.99)
    assert len(summary(model)) == 2
    expected = model(x).detach()
    torch.testing.assert_close(for_inference(model)(x), expected)
    if kind is Branches:
        torch.testing.assert_close(shrink(model)(x), expected)
