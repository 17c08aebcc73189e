import torch
from torch import nn

from nist import NISTLinear, audit, prune


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
        layer.weight.copy_(torch.tensor([[1.0, 4.0, 3.0, 2.0]]))
    prune(layer, 0.875)  # keeps 2 of 16: inputs 1 and 2
    (row,) = audit(layer)
    assert (row.form, row.active_weights, row.sparsity) == ("compressed", 2, 0.875)
    assert (row.unconnected, row.unused) == (2, 2)
