import pytest
import torch
from torch import nn

from nist import NISTLinear
from nist.mask import neuroseed_mask


def test_forward_is_the_masked_dense_product():
    torch.manual_seed(0)
    layer = NISTLinear(7, 5, 3, dtype=torch.float64)
    x = torch.randn(4, 7, dtype=torch.float64)
    mask = torch.from_numpy(neuroseed_mask(7, 5, 3))
    expected = x @ (layer.weight.T * mask) + layer.bias
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


def test_initial_values_are_those_of_nn_linear_inside_the_mask():
    torch.manual_seed(3)
    dense = nn.Linear(12, 9)
    torch.manual_seed(3)
    layer = NISTLinear(12, 9, 2)
    assert torch.equal(layer.weight, dense.weight * layer.mask)
    assert torch.equal(layer.bias, dense.bias)


def test_weights_outside_the_mask_are_zero_and_get_no_gradient():
    layer = NISTLinear(6, 8, 2)
    layer(torch.randn(3, 6)).square().sum().backward()
    assert (layer.weight[~layer.mask] == 0).all()
    assert (layer.weight.grad[~layer.mask] == 0).all()
    assert (layer.weight.grad[layer.mask] != 0).all()


def test_leading_dimensions_are_free():
    layer = NISTLinear(6, 4, 2)
    x = torch.randn(2, 3, 6)
    torch.testing.assert_close(layer(x).view(6, 4), layer(x.view(6, 6)))


def test_the_mask_survives_saving_and_loading(tmp_path):
    layer, other = NISTLinear(6, 4, 2), NISTLinear(6, 4, 2)
    layer.restrict(layer.mask & (layer.weight > 0))
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(other.mask, layer.mask)
    x = torch.randn(5, 6)
    assert torch.equal(other(x), layer(x))


def test_without_bias():
    layer, x = NISTLinear(6, 4, 2, bias=False), torch.randn(2, 6)
    assert layer.bias is None
    torch.testing.assert_close(layer(x), x @ layer.weight.T)


def test_a_factor_out_of_range_is_refused():
    with pytest.raises(ValueError, match="neuroseed factor must be between 1 and n_out = 4, got 0"):
        NISTLinear(6, 4, 0)


def test_repr_says_what_is_sparse():
    assert "k=2, active_weights=12" in repr(NISTLinear(6, 4, 2))
