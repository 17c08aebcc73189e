import torch
from torch import nn

from nist import NISTLinear, audit, prune
from nist.sparse.audit import unreached_outputs


def sparse_3():
    """The head of section 4.3."""
    layers = [NISTLinear(1024, 100, 2), nn.ReLU(), NISTLinear(100, 200, 50), nn.ReLU(), NISTLinear(200, 10, 10)]
    return nn.ModuleDict({"backbone": nn.Linear(3, 1024), "head": nn.Sequential(*layers)})


def test_the_papers_sparse_3_head():
    rows = audit(sparse_3())
    assert [row.name for row in rows] == ["head.0", "head.2", "head.4"]
    assert [row.active_weights for row in rows] == [2_048, 5_000, 2_000]
    assert [row.unconnected for row in rows] == [0, 51, 0]
    assert [(row.fan_in_min, row.fan_in_max) for row in rows] == [(20, 22), (0, 50), (200, 200)]
    assert rows[2].sparsity == 0


def test_a_prune_that_cuts_units_off_shows():
    layer = NISTLinear(4, 4, 1, form="banded")
    with torch.no_grad():
        layer.stored.copy_(torch.tensor([[1.0, 4.0, 3.0, 2.0]]))
    prune(layer, 0.875)  # keeps 2 of 16: inputs 1 and 2
    (row,) = audit(layer)
    assert (row.form, row.active_weights, row.sparsity) == ("compressed", 2, 0.875)
    assert (row.unconnected, row.unused) == (2, 2)


def chain(*active):
    """NIST layers that keep the connections where ``active``, (n_out, n_in) each, is not zero."""
    layers = []
    for weight in active:
        weight = torch.tensor(weight, dtype=torch.float32)
        layer = NISTLinear(weight.shape[1], weight.shape[0], weight.shape[0], form="masked")
        layer.keep(weight != 0)
        layers.append(layer)
    return layers


def test_an_output_is_reached_by_a_path_through_all_layers_alone():
    first = [[1, 0], [0, 0], [0, 0]]  # hidden unit 0 sees the input, 1 and 2 do not
    assert unreached_outputs(chain(first)) == 2
    assert unreached_outputs(chain(first, [[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]])) == 2
    assert unreached_outputs(chain([[0, 0], [0, 0]], [[1, 1], [1, 1]])) == 2


def test_a_dense_layer_passes_on_whatever_reaches_it():
    assert unreached_outputs([*chain([[1, 0], [0, 0]]), nn.Linear(2, 5)]) == 0
    assert unreached_outputs([*chain([[0, 0], [0, 0]]), nn.Linear(2, 5)]) == 5
    assert unreached_outputs([nn.Linear(3, 2), *chain([[1, 0], [0, 0]])]) == 1


def test_an_unreached_output_is_the_same_for_every_input():
    torch.manual_seed(0)
    layers = [NISTLinear(12, 8, 2), nn.Tanh(), NISTLinear(8, 10, 10)]
    head = nn.Sequential(*layers)
    prune(head, 0.9, scope="layer")  # keeps 9 of 96 and 8 of 80
    answers = head(torch.randn(50, 12))
    constant = int((answers.std(dim=0) == 0).sum())
    assert 0 < constant < 10
    assert unreached_outputs([layers[0], layers[2]]) == constant
