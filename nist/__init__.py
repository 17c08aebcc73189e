"""Neuro-inspired sparse training (NIST): deterministic sparse masks on linear layers and one magnitude prune.

The names below load torch on first use; ``nist.sparse.mask``, ``nist.metrics_file`` and ``nist.studies.study`` do
without it, so that the statistics can share them on a machine that has no torch.
"""

from importlib import import_module

_HOMES = {
    "NISTConv2d": "nist.sparse.convolution",
    "NISTLinear": "nist.sparse.linear",
    "RigL": "nist.sparse.dynamic",
    "SET": "nist.sparse.dynamic",
    "audit": "nist.sparse.audit",
    "calibrate": "nist.benchmarks.calibrate",
    "densify": "nist.sparse.convert",
    "for_inference": "nist.sparse.inference",
    "initial_masks": "nist.sparse.initial_masks",
    "neuroseed_mask": "nist.sparse.mask",
    "prune": "nist.sparse.prune",
    "PruneOnce": "nist.sparse.prune",
    "reform": "nist.sparse.convert",
    "shrink": "nist.sparse.shrink",
    "sparsify": "nist.sparse.sparsify",
    "suggest": "nist.sparse.suggest",
    "summary": "nist.sparse.summary",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'nist' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
