"""Neuro-inspired sparse training (NIST): deterministic sparse masks on linear layers and one magnitude prune.

The names below load torch on first use; ``nist.mask``, ``nist.record`` and ``nist.study`` do without it, so that
the statistics can share them on a machine that has no torch.
"""

from importlib import import_module

_HOMES = {
    "NISTConv2d": "nist.convolution",
    "NISTLinear": "nist.linear",
    "audit": "nist.auditing",
    "densify": "nist.densifying",
    "neuroseed_mask": "nist.mask",
    "prune": "nist.pruning",
    "PruneOnce": "nist.pruning",
    "reform": "nist.reforming",
    "sparsify": "nist.sparsifying",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'nist' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
