"""Modules that read the weight of a NIST layer themselves, instead of calling the layer."""

import copy
import pickle
import warnings

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune as torch_prune
from torchvision.models.swin_transformer import SwinTransformerBlock, SwinTransformerBlockV2

from nist import NISTLinear, audit, densify, prune, sparsify
from nist.sparse.kernels import FORMS


class Tied(nn.Module):
    """An autoencoder that decodes with the weight it encodes with, out of a container and by a property."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(9, 6), nn.Tanh())

    @property
    def decoder(self):
        return self.encoder[0].weight.t()

    def forward(self, x):
        return F.linear(self.encoder(x.to(self.encoder[0].weight)), self.decoder)


def tied(form):
    torch.manual_seed(0)
    model = Tied().double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    return sparsify(model, density=0.4, form=form, optimizer=optimizer), optimizer


@pytest.mark.parametrize("form", FORMS)
def test_whoever_reads_the_weight_gets_the_masked_one_and_its_gradient(form):
    (model, optimizer), (other, theirs) = tied(form), tied("masked")
    x = torch.randn(5, 9)
    for epoch in range(6):
        if epoch == 3:
            for each, its in ((model, optimizer), (other, theirs)):
                prune(each, 0.8, its)
        for each, its in ((model, optimizer), (other, theirs)):
            its.zero_grad()
            (each(x) - x).square().mean().backward()
            its.step()
        torch.testing.assert_close(model(x), densify(model)(x))
        torch.testing.assert_close(model(x), other(x))
    assert audit(model)[0].active_weights == 10 == int((model.encoder[0].weight != 0).sum())


def test_a_masked_out_entry_gets_no_gradient_from_its_readers():
    layer = NISTLinear(6, 4, 2, form="masked")
    (layer.weight * torch.randn(4, 6)).sum().backward()
    assert not layer.stored.grad[~layer.mask].any()
    assert layer.stored.grad[layer.mask].all()
    assert torch.equal(layer.weight.grad, layer.stored.grad)


@pytest.mark.parametrize("form", FORMS)
def test_what_can_be_asked_of_the_weight_of_a_linear_layer_is_answered(form):
    layer = NISTLinear(6, 4, 2, form=form)
    weight, dense = layer.weight, layer.dense().weight
    assert (weight.shape, weight.dtype, weight.device, weight.ndim) == ((4, 6), torch.float32, dense.device, 2)
    assert (weight.size(0), len(weight), weight.numel(), weight.requires_grad) == (4, 4, 24, True)
    assert weight.grad is None
    assert isinstance(weight, torch.Tensor)
    assert repr(weight.detach().clone()) == repr(dense.detach())
    assert torch.equal(weight, dense)
    assert torch.equal(weight[1:, ::2], dense[1:, ::2])
    assert torch.equal(torch.stack([weight, weight])[1], dense)
    assert (weight.detach().numpy() == dense.detach().numpy()).all()
    assert torch.equal(copy.deepcopy(weight.detach()), dense)
    assert torch.equal(pickle.loads(pickle.dumps(weight.detach())), dense)
    torch.testing.assert_close(torch.linalg.matrix_norm(weight, 2), torch.linalg.matrix_norm(dense, 2))


WRITES = {
    "fill_": lambda weight: weight.data.fill_(1),
    "__setitem__": lambda weight: weight.__setitem__(0, 1.0),
    "kaiming_uniform_": nn.init.kaiming_uniform_,
    "zero_": lambda weight: weight.detach().zero_(),
    "normal_": lambda weight: nn.init.normal_(weight),
    "mul_": lambda weight: weight[1].mul_(0.5),
    "__set__": lambda weight: setattr(weight, "data", torch.zeros(4, 6)),
    "add": lambda weight: torch.add(1, 1, out=weight),
    "_foreach_mul_": lambda weight: torch._foreach_mul_([weight], 0.5),
    "div_": lambda weight: weight[0].div_(torch.ones(6)),
    "sub_": lambda weight: weight.data.t()[1:].sub_(1),
    "copy_": lambda weight: weight.view(2, 12).copy_(torch.ones(2, 12)),
    "requires_grad": lambda weight: nn.Parameter(weight.data),
}


@pytest.mark.parametrize("form", ["masked", "banded"])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_would_be_lost_is_refused(name, form):
    layer = NISTLinear(6, 4, 2, form=form)
    with torch.no_grad(), pytest.raises(ValueError, match="the weight of a NIST layer is computed when it is read"):
        WRITES[name](layer.weight)
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        torch.optim.SGD([layer.weight.clone()], lr=0.1)
    with pytest.raises(ValueError, match="read-only"):
        layer.weight.detach().numpy().fill(1)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_scaled_in_place(form):
    """As rwkv of transformers does between training and evaluation."""
    layer = NISTLinear(6, 4, 2, form=form)
    before = layer.dense_weight().detach()
    with torch.no_grad():
        layer.weight.div_(4).mul_(2.0)
        layer.weight *= 3
    torch.testing.assert_close(layer.dense_weight(), 1.5 * before)


DERIVATIVES = {
    "grad": lambda layer, loss: torch.autograd.grad(loss, layer.weight),
    "unused": lambda layer, loss: torch.autograd.grad(loss, [layer.weight], allow_unused=True),
    "backward": lambda layer, loss: torch.autograd.backward(loss, inputs=[layer.weight]),
    "of the loss": lambda layer, loss: loss.backward(inputs=[layer.weight]),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_a_derivative_by_it_is_refused(name):
    layer = NISTLinear(6, 4, 2)
    with pytest.raises(ValueError, match="differentiate by layer.stored"):
        DERIVATIVES[name](layer, layer(torch.randn(3, 6)).sum())


def test_a_module_that_keeps_it_is_copied_with_its_layer():
    module = nn.Sequential(NISTLinear(6, 4, 2))
    module.kept = [module[0].weight]
    other = copy.deepcopy(module)
    with torch.no_grad():
        other[0].stored.fill_(1)
    assert torch.equal(other.kept[0], other[0].dense_weight())
    assert torch.equal(module.kept[0], module[0].dense_weight())


def test_it_can_be_frozen_by_its_weight():
    layer = NISTLinear(6, 4, 2)
    layer.weight.requires_grad = False
    assert [each.requires_grad for each in (layer.weight, layer.stored, layer.bias)] == [False, False, True]
    layer.weight.requires_grad_()
    assert layer.stored.requires_grad


@pytest.mark.parametrize("form", FORMS)
def test_compiled_exported_and_traced_readers_compute_the_same(form):
    (model, _), x = tied(form), torch.randn(5, 9, dtype=torch.float64)
    expected = model(x)
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="aot_eager")(x), expected)
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.testing.assert_close(torch.jit.trace(model, x)(x), expected)


def attention(kind):
    if kind == "beit":
        return timm.models.beit.Beit(
            img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=2, num_classes=3, init_values=0.1
        )
    if kind == "eva":
        return timm.models.eva.Eva(img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=2, num_classes=3)
    if kind == "swin v2":
        return timm.models.swin_transformer_v2.SwinTransformerV2(
            img_size=32, patch_size=4, window_size=4, embed_dim=24, depths=(1,), num_heads=(2,), num_classes=3
        )
    sizes = {"patch_size": [4, 4], "embed_dim": 24, "depths": [1, 1], "num_heads": [2, 2], "window_size": [4, 4]}
    block = SwinTransformerBlock if kind == "torchvision's swin" else SwinTransformerBlockV2
    return torchvision.models.SwinTransformer(**sizes, num_classes=3, block=block)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["beit", "eva", "swin v2", "torchvision's swin", "torchvision's swin v2"])
def test_attention_that_reads_its_weights_is_sparse(kind, form):
    torch.manual_seed(0)
    model, x = attention(kind).eval(), torch.randn(2, 3, 32, 32)
    sparsify(model, density=0.25, form=form)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(x).square().sum().backward()
    optimizer.step()
    prune(model, 0.9, optimizer, scope="layer")
    torch.testing.assert_close(model(x), densify(model)(x), rtol=1e-4, atol=1e-5)


NORMALISATIONS = {
    "spectral_norm": torch.nn.utils.spectral_norm,
    "weight_norm": torch.nn.utils.weight_norm,
    "prune": lambda layer: torch_prune.l1_unstructured(layer, "weight", 0.5),
    "parametrizations.spectral_norm": torch.nn.utils.parametrizations.spectral_norm,
    "parametrizations.weight_norm": torch.nn.utils.parametrizations.weight_norm,
}


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NORMALISATIONS)
def test_a_weight_that_hooks_would_make_anew_is_refused(name, form):
    with pytest.raises(ValueError, match="It takes no parametrization, spectral"):
        NORMALISATIONS[name](NISTLinear(6, 4, 2, form=form))


def test_another_modules_weight_is_refused_and_a_loaded_one_is_not():
    layer = NISTLinear(6, 4, 2, form="banded")
    with pytest.raises(ValueError, match="is shared with no other module"):
        layer.weight = nn.Embedding(4, 6).weight
    other = NISTLinear(6, 4, 2, form="banded")
    layer.load_state_dict(other.state_dict(), assign=True)
    assert torch.equal(layer.stored, other.stored)
