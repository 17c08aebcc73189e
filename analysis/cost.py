"""Weights, compression and training cost of a head, from shapes and Eq. 3 alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from analysis import command, runs
from nist.errors import run
from nist.metrics_file import Block
from nist.sparse.layers import bands, dense_weights, initial_weights
from nist.sparse.mask import kept_weights

FLOPS_PER_WEIGHT = 4  # Eq. 3: one forward, two backward, one for the update


def head_weights(configuration: dict) -> dict:
    """Weights of the layers that NIST sparsifies: ``dense``, ``initial`` and ``final`` counts, no biases (N2).

    ``unconnected`` is the number of units that Eq. 1 leaves without input, over all layers (assumption D8).
    """
    model, prune = configuration["model"], configuration["prune"]
    dense, initial = dense_weights(model), initial_weights(model)
    return {
        "dense": dense,
        "initial": initial,
        "final": kept_weights(dense, prune["sparsity"]) if prune else initial,
        "unconnected": sum(band.n_unconnected for band in bands(model)),
    }


def ratios(counts: dict) -> dict:
    """``initial_sparsity`` and ``final_sparsity``, fractions, and ``compression``, from the result of ``head_weights``.

    Compression is dense / final, and so 1 for a dense head (assumption N6).
    """
    return {
        "initial_sparsity": 1 - counts["initial"] / counts["dense"],
        "final_sparsity": 1 - counts["final"] / counts["dense"],
        "compression": counts["dense"] / counts["final"],
    }


def training_flops(active_weights: Iterable[int], samples: int) -> int:
    """Eq. 3 with the real schedule: 4 × active weights × samples, summed over epochs.

    ``active_weights`` holds the count of each epoch trained, ``samples`` the training images an epoch.
    """
    return FLOPS_PER_WEIGHT * samples * sum(int(weights) for weights in active_weights)


def flops_counted(row: Mapping[str, int], epochs: str, other: int = 0) -> int:
    """Eq. 3 of a row of ``cost``: over the epochs ``to_converge`` or over ``all`` (U48).

    ``other`` weights beside those that NIST sparsifies are counted too, in every epoch: all the rest of a transformer.
    """
    suffix = "" if epochs == "all" else "_to_converge"
    return row[f"flops{suffix}"] + training_flops([other] * row[f"epochs{suffix}"], row["training_images"])


def head_biases(configuration: dict) -> int:
    """Biases of a head's layers, which no total of the paper counts (N2); 0 for blocks, whose biases are (E3)."""
    head = configuration["model"].get("head")
    return sum(head["sizes"]) if head and head["bias"] else 0


def schedule(counts: dict, prune_epoch: int | None, epochs: int) -> list[int]:
    """Active weights of every epoch: the initial count up to and including the prune epoch, then the final one."""
    return [
        counts["initial"] if prune_epoch is None or epoch <= prune_epoch else counts["final"]
        for epoch in range(1, epochs + 1)
    ]


def cost(blocks: dict[Path, Block], convergence: pd.DataFrame) -> pd.DataFrame:
    """Counts, compression and Eq. 3 of every variant.

    ``blocks`` come from ``analysis.runs.read_blocks``, ``convergence`` from ``epochs_to_converge``. Returns one row a
    variant: head weights ``dense``, ``initial``, ``final``; ``initial_sparsity`` and ``final_sparsity``, fractions;
    ``compression`` = dense / final (1 for the dense head, assumption N6); ``unconnected`` units; ``total`` parameters
    of the network at the end, biases included; and Eq. 3 in FLOPs over all ``epochs`` and over those to converge (U48).
    """
    described = {tuple(block.table[c][0].as_py() for c in runs.GROUP): block.description for block in blocks.values()}
    converged = convergence.set_index(runs.GROUP)["epochs"]
    return pd.DataFrame([_row(name, description, converged[name]) for name, description in described.items()])


def _row(name: tuple[str, str], description: dict, epochs_to_converge: int) -> dict:
    configuration, epochs = description["configuration"], description["epochs"]
    counts = head_weights(configuration)
    prune_epoch = configuration["prune"]["epoch"] if configuration["prune"] else None
    active, samples = schedule(counts, prune_epoch, epochs), description["training_images"]
    parameters = description["parameters"]
    return {
        **dict(zip(runs.GROUP, name, strict=True)),
        **counts,
        **ratios(counts),
        "total": parameters["other"] + counts["final"],
        "epochs": epochs,
        "training_images": samples,
        "flops": training_flops(active, samples),
        "epochs_to_converge": epochs_to_converge,
        "flops_to_converge": training_flops(active[:epochs_to_converge], samples),
    }


def main(argv: list[str] | None = None) -> None:
    """Weights, sparsity, compression and Eq. 3 of every variant."""
    parser = command.parser("analysis.cost", main.__doc__, "metrics files")
    parser.add_argument("--epochs-to-converge", required=True, type=Path, help="epochs_to_converge.csv")
    arguments = parser.parse_args(argv)
    result = cost(runs.read_blocks(arguments.inputs), command.read_csv(arguments.epochs_to_converge))
    command.write_csv(result, arguments.output)


if __name__ == "__main__":
    run(main)
