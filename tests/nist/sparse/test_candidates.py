"""Which weights of a model are meant, and what is said of the others."""

import pytest
import timm
import torch
from torch import nn

from nist import audit, sparsify
from nist.sparse.candidates import left_dense


def error(model, **options):
    with pytest.raises(ValueError, match=".") as found:
        sparsify(model, **options)
    return str(found.value)


def test_a_convolution_of_one_pixel_needs_no_padding_however_it_says_so():
    model = sparsify(nn.Sequential(nn.Conv2d(4, 8, 1, padding="valid")), density=0.5, include="0")
    assert len(audit(model)) == 1


def test_what_a_pattern_matches_instead_of_a_linear_layer_is_said():
    network = timm.create_model("resnetv2_18", num_classes=10)
    assert "no other linear layer: name those you mean, " in error(network, density=0.5)
    assert error(network, density=0.5).endswith("head.fc")
    model = nn.Sequential(nn.Linear(6, 4), nn.Conv2d(3, 4, 3, padding=1), nn.LayerNorm(4))
    assert error(model, density=0.5, include="1").startswith("1 is a Conv2d with groups, stride, padding or dilation")
    assert error(model, density=0.5, include="2") == (
        "2 is a LayerNorm, which is not linear; nn.Linear is, and nn.Conv2d if it does not slide"
    )
    sparsify(model, density=0.5)
    for include in ("*", "0"):
        assert "the model is sparsified already" in error(model, density=0.5, include=include)
    for include in ("*", "0"):
        lazy = nn.Sequential(nn.LazyLinear(4))
        assert error(lazy, density=0.5, include=include) == "0 has no weights yet: run a batch through the model first"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"density": "0.5"}, "density must be a number, got '0.5'"),
        ({"density": True}, "density must be a number, got True"),
        ({"density": torch.tensor([0.5, 0.5])}, "density must be a number, got tensor"),
        ({"factors": "12"}, "factors are a list, one a layer, or a dict by their names, got '12'"),
        ({"factors": 2}, "factors are a list, one a layer, or a dict by their names, got 2"),
        ({"factors": {}}, "there is no layer among the names"),
    ],
)
def test_factors_and_densities_of_other_types_are_refused(options, message):
    assert error(nn.Sequential(nn.Linear(6, 4)), **options).startswith(message)


def test_a_density_may_be_a_tensor():
    (row,) = audit(sparsify(nn.Sequential(nn.Linear(6, 4)), density=torch.tensor(0.5)))
    assert row.k == 2


def test_a_weight_that_shares_its_storage_is_refused():
    model = nn.ModuleDict({"embedding": nn.Embedding(10, 6), "head": nn.Linear(6, 10)})
    model["head"].weight = nn.Parameter(model["embedding"].weight.data)
    assert error(model, density=0.5) == "the weight of head is shared with embedding: exclude it"


class Depthwise(nn.Conv2d):
    pass


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.pos_embed = nn.Parameter(torch.zeros(4, 6)), nn.Parameter(torch.zeros(1, 9, 6))


def test_what_a_pattern_means_and_nothing_takes_over_is_named():
    modules = {"router": Router(), "fc": nn.Linear(6, 4), "conv": nn.Conv2d(3, 4, 3), "norm": nn.LayerNorm(4)}
    modules |= {"depthwise": Depthwise(4, 4, 3, groups=4), "embedding": nn.Embedding(9, 6), "rnn": nn.LSTM(6, 4)}
    model = nn.ModuleDict(modules)
    assert left_dense(model, ["fc"], "*", ()) == ["router"]
    assert left_dense(model, ["fc"], ["fc", "*ro*r*"], ()) == ["router", "router.pos_embed"]
    assert left_dense(model, ["fc"], ["fc", "con*"], ()) == ["conv"]
    assert left_dense(model, ["fc"], "*", "rou*") == []
    with pytest.warns(UserWarning, match="no linear layers that NIST knows, and left dense: router$"):
        sparsify(model, density=0.5)


class Initialised(nn.Linear):
    """A subclass that computes as its base does."""


def test_a_subclass_of_linear_layers_is_taken_if_it_computes_the_same():
    modules = {"initialised": Initialised(6, 4), "timm": timm.layers.Linear(6, 4)}
    model = sparsify(nn.ModuleDict({**modules, "attention": nn.MultiheadAttention(4, 2)}), density=0.5)
    assert [row.name for row in audit(model)] == [*modules]
