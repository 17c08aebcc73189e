"""Copies of models for inference alone."""

import copy

import pytest
import torch
from torch import nn

from nist import NISTLinear, for_inference, prune, sparsify
from nist.sparse import inference
from nist.sparse.inference import SparseLinear
from nist.sparse.kernels import FORMS
from nist.sparse.narrowing import of_layer


def pruned(form="auto", sparsity=0.9):
    torch.manual_seed(0)
    layers = nn.Linear(60, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 40, bias=False), nn.ReLU(), nn.Linear(40, 6)
    model = sparsify(nn.Sequential(*layers), density=0.4, form=form)
    prune(model, sparsity)
    return model


@pytest.mark.parametrize("rows", [1, 3, 64])
@pytest.mark.parametrize("form", FORMS)
def test_it_computes_the_same_and_leaves_the_model_as_it_is(form, rows):
    model, x = pruned(form), torch.randn(rows, 60)
    before = copy.deepcopy(model.state_dict())
    fast = for_inference(model, rows)
    torch.testing.assert_close(fast(x), model.eval()(x).detach())
    torch.testing.assert_close(fast(torch.stack([x, x])), model(torch.stack([x, x])).detach())
    assert not any(isinstance(each, NISTLinear) for each in fast.modules())
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize("way", ["listed", "block"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_weights_alone_compute_the_same(way, kept, dtype):
    layer = NISTLinear(30, 20, 4, dtype=dtype)
    layer.keep(layer.stored < layer.stored.flatten().quantile(kept) if kept else torch.zeros_like(layer.stored).bool())
    sparse = SparseLinear(of_layer(layer), way)
    for shape in ((30,), (1, 30), (7, 30), (2, 3, 30), (0, 30)):
        x = torch.randn(shape, dtype=dtype)
        torch.testing.assert_close(sparse(x), layer(x).detach())


@pytest.mark.parametrize("way", ["listed", "block"])
def test_inputs_of_another_width_are_refused_and_those_of_autocast_taken(way):
    sparse = SparseLinear(of_layer(NISTLinear(30, 20, 4)), way)
    with pytest.raises(ValueError, match="this layer takes 30 features"):
        sparse(torch.randn(1, 31))
    with torch.autocast("cpu"):
        found = sparse(torch.randn(1, 30).bfloat16())
    assert found.shape == (1, 20)


def test_a_large_pruned_layer_is_its_weights_alone_and_a_dense_one_stays():
    layer = NISTLinear(2048, 2048, 4)
    prune(layer, 0.9999)
    assert isinstance(for_inference(layer), SparseLinear)
    assert type(for_inference(NISTLinear(64, 64, 64), 64)) is nn.Linear


def test_what_cannot_be_listed_is_timed_in_its_own_form_too():
    convolution = sparsify(nn.Sequential(nn.Conv2d(64, 256, 3)), [2], include="0")[0]
    prune(convolution, 0.9999)
    for layer in (convolution, NISTLinear(64, 64, 2, form="compressed").bfloat16()):
        assert any(way is layer for way in inference._ways(layer))
        assert type(inference._ways(layer)[0]) in (nn.Conv2d, nn.Linear)
    found = for_inference(nn.Sequential(convolution, nn.Flatten()))
    x = torch.randn(2, 64, 3, 3)
    torch.testing.assert_close(found(x), convolution(x).flatten(1))


def test_an_intact_band_may_stay_as_it_is():
    layer = NISTLinear(4096, 4096, 1, form="banded")
    assert isinstance(for_inference(layer, 64), NISTLinear | SparseLinear)


@pytest.mark.parametrize("way", ["listed", "block"])
def test_inputs_that_have_a_gradient_are_taken_without(way):
    sparse = SparseLinear(of_layer(NISTLinear(30, 20, 4)), way)
    assert not sparse(torch.randn(1, 30, requires_grad=True)).requires_grad


@pytest.mark.parametrize("rows", [0, 1.5, "1", None])
def test_rows_are_a_count(rows):
    with pytest.raises(ValueError, match="rows must be a whole number of at least 1"):
        for_inference(pruned(), rows)


@pytest.mark.parametrize("way", ["listed", "block"])
def test_its_weight_can_be_read(way):
    layer = pruned()[0]
    sparse = SparseLinear(of_layer(layer), way)
    torch.testing.assert_close(sparse.weight, layer.dense_weight().detach())


def test_hooks_are_called_and_change_what_they_changed():
    model, x, seen = pruned().eval(), torch.randn(3, 60), []
    model[0].register_forward_hook(lambda module, given, output: output * 2)
    model.register_forward_hook(lambda *_: seen.append(1))
    torch.testing.assert_close(for_inference(model)(x), model(x).detach())
    assert len(seen) == 2
