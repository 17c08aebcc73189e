"""Weights, compression and training cost of a head, from shapes and Eq. 3 alone."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from analysis.networks import eq3
from analysis.statistics.study_runs import StudyRuns
from nist.metrics_file import MetricsFile
from nist.sparse.layers import dense_weights, initial_weights
from nist.sparse.mask import kept_weights


def head_weights(configuration: dict) -> dict:
    """Weights of the layers that NIST sparsifies: ``dense``, ``initial`` and ``final`` counts, no biases (N2).

    Another method than NIST has its final count from the first recorded epoch on.
    """
    model, prune, method = configuration["model"], configuration["prune"], configuration.get("method")
    dense = dense_weights(model)
    initial = kept_weights(dense, method["sparsity"]) if method else initial_weights(model)
    return {
        "dense": dense,
        "initial": initial,
        "final": kept_weights(dense, prune["sparsity"]) if prune else initial,
    }


def ratios(counts: Mapping[str, int]) -> dict:
    """``initial_sparsity`` and ``final_sparsity``, fractions, and ``compression``, from the result of ``head_weights``.

    Compression is dense / final, and so 1 for a dense head (assumption N6).
    """
    return {
        "initial_sparsity": 1 - counts["initial"] / counts["dense"],
        "final_sparsity": 1 - counts["final"] / counts["dense"],
        "compression": counts["dense"] / counts["final"],
    }


def head_biases(configuration: dict) -> int:
    """Biases of a head's layers, which no total of the paper counts (N2); 0 for blocks, whose biases are (E3)."""
    head = configuration["model"].get("head")
    return sum(head["sizes"]) if head and head["bias"] else 0


def cost(blocks: dict[Path, MetricsFile], convergence: pd.DataFrame) -> pd.DataFrame:
    """Counts, compression and Eq. 3 of every variant.

    ``blocks`` come from ``analysis.metrics.runs.read_blocks``, ``convergence`` from ``epochs_to_converge``. Returns one
    row a variant: head weights ``dense``, ``initial``, ``final``; ``initial_sparsity`` and ``final_sparsity``,
    fractions; ``compression`` = dense / final (1 for the dense head, assumption N6); ``total`` parameters of the
    network at the end, biases included; and Eq. 3 in FLOPs over all ``epochs`` and over those to converge (U48).
    """
    described = {runs.name(block): block.description for block in blocks.values()}
    converged = convergence.set_index(runs.GROUP)["epochs"]
    return pd.DataFrame([_row(name, description, converged[name]) for name, description in described.items()])


def _row(name: tuple[str, str], description: dict, epochs_to_converge: int) -> dict:
    configuration, epochs = description["configuration"], description["epochs"]
    counts = head_weights(configuration)
    prune_epoch = configuration["prune"]["epoch"] if configuration["prune"] else None
    active, samples = eq3.schedule(counts, prune_epoch, epochs), description["training_images"]
    parameters = description["parameters"]
    return {
        **dict(zip(runs.GROUP, name, strict=True)),
        **counts,
        **ratios(counts),
        "total": parameters["other"] + counts["final"],
        "epochs": epochs,
        "training_images": samples,
        "flops": eq3.training_flops(active, samples),
        "epochs_to_converge": epochs_to_converge,
        "flops_to_converge": eq3.training_flops(active[:epochs_to_converge], samples),
    }


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Weights, sparsity, compression and Eq. 3 of every variant."""
    return cost(study_runs.blocks, study_runs["epochs_to_converge"])
