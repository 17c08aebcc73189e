import copy

import pytest
import torch
from torch import nn

from nist import NISTLinear, prune, reform
from nist.sparse.kernels import FORMS
from tests.nist.sparse.plain_loops import steps


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_training_goes_on_as_if_nothing_had_happened(source, target):
    results = []
    for form in (source, target):
        torch.manual_seed(0)
        model = nn.Sequential(NISTLinear(12, 9, 2, form=source), nn.Tanh(), NISTLinear(9, 7, 3, form=source)).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        steps(model, optimizer, 5)
        reform(model, form, optimizer=optimizer)
        assert model[0].form == model[2].form == form
        assert model[0].state_dict().keys() == NISTLinear(12, 9, 2, form=form).state_dict().keys()
        steps(model, optimizer, 10)
        results.append(model[0].dense_weight())
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-12)


CHANGES = {
    "prune": lambda model, form: prune(model, 0.9),
    "reform": lambda model, form: reform(model, "banded" if form == "masked" else "masked"),
    "load": lambda model, form: model.load_state_dict(pruned().state_dict()),
}


def pruned():
    model = nn.Sequential(NISTLinear(9, 9, 3), nn.ReLU(), NISTLinear(9, 4, 1))
    prune(model, 0.9)
    return model


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_loss_of_an_earlier_step_that_is_still_there_hinders_nothing(change, form):
    torch.manual_seed(0)
    model = nn.Sequential(NISTLinear(9, 9, 3, form=form), nn.ReLU(), NISTLinear(9, 4, 1, form=form))
    images = torch.randn(5, 9)
    loss = model(images).sum()  # as in a loop at the top level of a script, where the name lives on
    loss.backward()
    change(model, form)
    after = model(images).sum()
    after.backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in model.parameters())
    assert loss is not after


def test_a_pruned_layer_becomes_compressed_instead_of_a_band():
    model = NISTLinear(12, 9, 2, form="masked")
    prune(model, 0.9)
    assert reform(model, "banded").form == "compressed"


def test_rows_are_remembered(monkeypatch):
    monkeypatch.setattr("nist.sparse.cost_model.cheapest", lambda band, active_weights, rows, device: "banded")
    model = reform(NISTLinear(12, 9, 2, form="masked"), rows=500)
    assert (model.form, model.rows, model.is_automatic) == ("banded", 500, True)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="unknown form 'diagonal'"):
        reform(nn.Linear(3, 2), "diagonal")


def chain(kept, bias=True):
    """Layers 20 → 40 → 30 → 6, ReLUs in place between them, compressed, of which a share ``kept`` is left."""
    torch.manual_seed(0)
    sizes = ((20, 40), (40, 30), (30, 6))
    layers = [each for n_in, n_out in sizes for each in (NISTLinear(n_in, n_out, n_out, bias), nn.ReLU(inplace=True))]
    model = nn.Sequential(*layers).double()
    prune(model, 1 - kept, scope="layer")
    return reform(model, "compressed")


def by_feature(model):
    return [layer.by_feature for layer in model if isinstance(layer, NISTLinear)]


def derivatives(model, rows):
    """Outputs, and gradients of inputs, weights by input and output, and biases."""
    torch.manual_seed(1)
    x = torch.randn(rows, 20, dtype=torch.float64, requires_grad=True)
    y = model(x)
    y.square().sum().backward()
    layers = [layer for layer in model if isinstance(layer, NISTLinear)]
    weights = [layer.dense_weight(layer.stored.grad) for layer in layers]
    return [y, x.grad, *weights, *(layer.bias.grad for layer in layers if layer.bias is not None)]


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kept", [0.01, 0.05, 0.3, 1.0])
def test_outputs_lie_as_the_next_layer_takes_them_best_and_nothing_else_changes(rows, bias, kept):
    model = chain(kept, bias)
    assert by_feature(model) == [True, True, False]
    assert model[0](torch.randn(rows, 20, dtype=torch.float64)).T.is_contiguous()
    masked = reform(copy.deepcopy(model), "masked")
    assert by_feature(masked) == [False, False, False]
    torch.testing.assert_close(derivatives(model, rows), derivatives(masked, rows))


def test_they_lie_row_by_row_where_the_next_layer_may_be_of_another_form():
    model = chain(0.05)
    model.load_state_dict(model.state_dict())
    assert by_feature(model) == [False, False, False]
    assert by_feature(reform(model, "compressed")) == [True, True, False]
