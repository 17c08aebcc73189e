"""Plain loops of tests: the paper's listing, and a training."""

import torch


def double_loop_mask(n_in, n_out, k):
    """The listing of section 3.1, transposed to torch's (n_out, n_in)."""
    mask = torch.zeros(n_out, n_in, dtype=torch.bool)
    for i in range(n_in):
        for t in range(k):
            mask[(i + t) % n_out, i] = True
    return mask


def steps(model, optimizer, n):
    """Train a model of twelve features for ``n`` steps."""
    for _ in range(n):
        optimizer.zero_grad()
        model(torch.randn(8, 12, dtype=torch.float64)).square().mean().backward()
        optimizer.step()
