"""Few weights, multiplied one by one: the same as by CSR, and only where it pays."""

import math

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from nist import NISTLinear
from nist.sparse import csr, gathering
from nist.sparse.convert import reform
from nist.sparse.gathering import most_rows
from nist.sparse.inference import SparseLinear
from nist.sparse.narrowing import of_layer


@pytest.fixture(params=[True, False], ids=["gathered", "csr"])
def gathered(request, monkeypatch):
    """Whether gathering pays, always or never."""
    monkeypatch.setattr(gathering, "most_rows", lambda *_, **__: math.inf if request.param else -1)
    return request.param


@pytest.fixture
def calls(monkeypatch):
    """The products that were gathered."""
    found = []

    def counted(*arguments, way=gathering.gathered):
        found.append(arguments)
        return way(*arguments)

    monkeypatch.setattr(gathering, "gathered", counted)
    return found


def layer(kept=9, bias=True, dtype=torch.float64):
    torch.manual_seed(0)
    made = NISTLinear(12, 8, 3, bias, form="compressed", dtype=dtype)
    made.keep(torch.arange(made.stored.numel()) % 36 < kept)
    return made


@pytest.mark.parametrize("kept", [0, 1, 9, 36])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(12,), (1, 12), (5, 12), (0, 12), (2, 3, 12)])
def test_outputs_and_gradients_of_both_orders_are_those_of_a_dense_layer(gathered, calls, kept, bias, shape):
    sparse = layer(kept, bias)
    dense = sparse.dense()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    for ours, theirs in zip(_derivatives(sparse, x), _derivatives(dense, x), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert bool(calls) == (gathered and 0 not in shape)


def _derivatives(made, x):
    """Outputs, the gradient of the inputs, and the gradient of its square."""
    y = made(x)
    (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    return y, first, second


def test_gradients_of_weights_are_those_of_csr(monkeypatch):
    x, found = torch.randn(5, 12, dtype=torch.float64), []
    for most in (math.inf, -1):
        monkeypatch.setattr(gathering, "most_rows", lambda *_, most=most: most)
        made = layer()
        made(x).square().sum().backward()
        found.append((made.stored.grad, made.bias.grad))
    torch.testing.assert_close(*found)


def test_bfloat16_sums_are_in_float32_and_outputs_are_not(gathered):
    made, x = layer(dtype=torch.bfloat16), torch.randn(5, 12).bfloat16()
    expected = nn.functional.linear(x.float(), made.dense_weight().float(), made.bias.float())
    torch.testing.assert_close(made(x), expected.bfloat16())


@pytest.mark.parametrize(
    ("weights", "trained", "most"), [(5_000, True, math.inf), (20_000, True, 7), (20_000, False, 1), (80_000, True, 0)]
)
def test_it_pays_for_few_weights_or_few_rows(monkeypatch, weights, trained, most):
    drawn = torch.randint(4096 * 4096, (weights,), generator=torch.Generator().manual_seed(0)).unique()
    layout, _ = csr.layouts(drawn % 4096, drawn // 4096)
    monkeypatch.setattr(gathering, "most_rows", most_rows)
    found = gathering.most_rows_of(layout, trained)
    assert most == (found if math.isinf(found) else int(found))


def test_features_that_lie_one_after_the_other_are_not_gathered(gathered, calls):
    made = layer()
    made(torch.randn(12, 5, dtype=torch.float64).T)
    made.by_feature = True
    made(torch.randn(5, 12, dtype=torch.float64))
    assert not calls
    made(torch.randn(1, 12, dtype=torch.float64))
    assert bool(calls) == gathered


def test_layers_that_gather_lie_row_by_row(gathered):
    model = reform(nn.Sequential(layer(), nn.ReLU(), NISTLinear(8, 6, 2, dtype=torch.float64)), "compressed")
    assert model[0].by_feature != gathered


def test_for_inference_too(gathered, calls):
    sparse, x = SparseLinear(of_layer(layer()), "listed"), torch.randn(5, 12, dtype=torch.float64)
    found = sparse(x)
    assert bool(calls) == gathered
    torch.testing.assert_close(found, layer().dense()(x).detach())


@pytest.mark.parametrize("most", [0.5, 3])
def test_a_copy_for_inference_gathers_small_batches_alone(monkeypatch, calls, most):
    monkeypatch.setattr(gathering, "most_rows", lambda *_, **__: most)
    sparse, dense = SparseLinear(of_layer(layer()), "listed"), layer().dense()
    for rows in (0, 1, 3, 5):
        x = torch.randn(rows, 12, dtype=torch.float64)
        torch.testing.assert_close(sparse(x), dense(x).detach())
    assert [len(x) for x, *_ in calls] == [n for n in (1, 3) if n <= most]


def test_an_exported_layer_takes_any_number_of_rows(monkeypatch, calls):
    monkeypatch.setattr(gathering, "most_rows", lambda *_, **__: 7)
    x, rows = torch.randn(5, 12, dtype=torch.float64), torch.export.Dim("rows", min=2)
    exported = torch.export.export(layer(), (x,), dynamic_shapes=({0: rows},)).module()
    assert not calls
    for n in (5, 9):
        x = torch.randn(n, 12, dtype=torch.float64)
        torch.testing.assert_close(exported(x), layer()(x))


def test_autocast_takes_it(gathered, calls):
    made, x = layer(dtype=torch.float32), torch.randn(5, 12)
    with torch.autocast("cpu"):
        found, expected = made(x), made.dense()(x)
    assert found.dtype == torch.bfloat16
    assert bool(calls) == gathered
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_gradients_between_functions_in_place_are_the_same(gathered, calls, reentrant):
    model = nn.Sequential(layer(), nn.ReLU(inplace=True), NISTLinear(8, 6, 2, form="compressed", dtype=torch.float64))
    values, found = torch.randn(5, 12, dtype=torch.float64), []
    for run in (model, lambda x: checkpoint(model, x, use_reentrant=reentrant)):
        model.zero_grad()
        x = values.clone().requires_grad_()
        run(x).square().sum().backward()
        found.append([x.grad, *(parameter.grad for parameter in model.parameters())])
    torch.testing.assert_close(*found)
    assert bool(calls) == gathered


def test_counters_of_flops_see_the_product(gathered):
    with FlopCounterMode(display=False) as counter:
        layer()(torch.randn(5, 12, dtype=torch.float64))
    assert counter.get_total_flops() == 2 * 5 * 9
