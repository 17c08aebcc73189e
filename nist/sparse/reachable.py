"""Weights that a prune must keep for every output to have a path from an input."""

from collections.abc import Sequence

import torch

from nist.sparse.linear import NISTLinear


def best_paths(layers: Sequence[NISTLinear]) -> list[torch.Tensor]:
    """The weights, as boolean masks ``(n_out, n_in)``, on the best path to each output of the last layer.

    ``layers`` follow each other. The best path is the one whose smallest weight is largest in absolute value; of equals
    the one by the lower inputs. An output that no path of active weights leads to has none.
    """
    widths, sources = _widest(layers)
    masks = [torch.zeros(layer.out_features, layer.in_features, dtype=torch.bool) for layer in layers]
    for output in (widths >= 0).nonzero().flatten().tolist():
        for mask, source in zip(reversed(masks), reversed(sources), strict=True):
            mask[output, source[output]] = True
            output = int(source[output])
    return masks


def _widest(layers: Sequence[NISTLinear]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Of each output of the last layer the smallest weight on its best path, -1 where there is none.

    And for each layer the input by which the best path to each of its outputs comes.
    """
    widths = torch.full((layers[0].in_features,), torch.inf, dtype=torch.float64)
    sources = []
    for layer in layers:
        inputs, outputs = (each.cpu() for each in layer.connections())
        sizes = torch.full((layer.out_features, layer.in_features), -1.0, dtype=torch.float64)
        sizes[outputs, inputs] = layer.values().abs().double().cpu().nan_to_num(nan=torch.inf)
        widths, source = torch.minimum(sizes, widths).max(dim=1)
        sources.append(source)
    return widths, sources
