"""Table A5: active weights and training FLOPs of VGG16's heads over the epochs that they need."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from analysis import study_results
from analysis.claims.claim import Claim, read
from analysis.formatting import percent_margin, trillions
from analysis.networks import eq3
from analysis.statistics import cost
from analysis.study_results import Source
from analysis.tables import layout
from analysis.tables.printed import NOT_RUN, OURS, PAPER, RECOMPUTED, cell

IMAGES = 130_000  # C3: one number for all rows; A.4.4 has 100 classes of about 1,300
WEIGHTS, EPOCHS, FLOPS, SHARE = "Active weights", "Epochs", "Total FLOPs (×10¹²)", "Rel. to dense (%)"


class Row(NamedTuple):
    """One head: its variant, the paper's note, and the ids of the claims on its weights in turn and on the rest."""

    configuration: str
    variant: str
    note: str
    weights: tuple[str, ...]
    epochs: str
    flops: str
    share: str


SPARSE, PRUNED, SCRATCH = "a5.vgg.scratch", "a5.vgg.p999", "a4.vgg.scratch.params"
IN_TURN = (SCRATCH, f"{PRUNED}.weights")
ROWS = [
    Row(
        *("Dense VGG16 head (FC 25088→4096→4096→100)", "dense", "Baseline", ("a5.vgg.dense.active_weights",)),
        *("t1.vgg.dense.epochs", "a5.vgg.dense.flops", "a5.vgg.dense.rel"),
    ),
    Row(
        *("NIST: sparsified from scratch", "nist-1-2-100", "Reaches peak accuracy by epoch {}–{}", (SCRATCH,)),
        *("t1.vgg.nist.epochs", f"{SPARSE}.flops", f"{SPARSE}.rel"),
    ),
    Row(
        *("NIST: sparse + pruning after 1 epoch", "nist-1-2-100-p99.9-early", "Most efficient case", IN_TURN),
        *("t1.vgg.nist.epochs", f"{PRUNED}.flops", f"{PRUNED}.rel"),
    ),
]


def build(given: list[Source]) -> pd.DataFrame:
    """Three rows a head, text, from ``accuracy``, ``cost`` and ``learning_curve`` of the study of VGG16.

    As printed; recomputed for the paper's epochs and 130,000 images; and ours over the measured epochs to converge.
    """
    claims, rows = read(), []
    for source in given:
        for row in ROWS:
            cells = (_printed(row, claims), _recomputed(row, source, claims), _measured(row, source))
            origins = zip((PAPER, RECOMPUTED, OURS), cells, strict=True)
            rows += [{"Configuration": row.configuration, "Source": origin, **one} for origin, one in origins]
    rows.append({"Configuration": " ".join(study_results.missing(given))})
    return layout.frame(rows, ["Configuration", "Source", WEIGHTS, EPOCHS, FLOPS, SHARE, "Notes", "Runs"])


def _printed(row: Row, claims: Mapping[str, Claim]) -> dict:
    return {
        WEIGHTS: " → ".join(cell(claims, name) for name in row.weights),
        EPOCHS: cell(claims, row.epochs),
        FLOPS: cell(claims, row.flops),
        SHARE: cell(claims, row.share),
        "Notes": row.note.format(*(cell(claims, f"{SPARSE}.peak_{end}") for end in ("lo", "hi"))),
    }


def _recomputed(row: Row, source: Source, claims: Mapping[str, Claim]) -> dict:
    def flops(one: Row) -> int:
        configuration = source.study.configuration(one.variant)
        prune, epochs = configuration["prune"], int(claims[one.epochs].printed)
        return eq3.training_flops(
            eq3.schedule(cost.head_weights(configuration), prune and prune["epoch"], epochs), IMAGES
        )

    counts = cost.head_weights(source.study.configuration(row.variant))
    epochs = cell(claims, row.epochs)
    return {WEIGHTS: _weights(counts), EPOCHS: f"for {epochs}", **_flops(flops(row), flops(ROWS[0]))}


def _measured(row: Row, source: Source) -> dict:
    if not {row.variant, ROWS[0].variant} <= set(source.variants()):
        return {EPOCHS: NOT_RUN, "Runs": "0"}
    counted = source.statistic("cost").set_index("variant")
    curves = source.statistic("learning_curve")
    curve = curves[(curves["metric"] == "val_accuracy") & (curves["variant"] == row.variant)].set_index("epoch")["mean"]
    peak = source.statistic("accuracy").set_index(["score", "variant"]).loc[("peak", row.variant)]
    ours, dense = (eq3.flops_counted(counted.loc[name], "to_converge") for name in (row.variant, ROWS[0].variant))
    return {
        WEIGHTS: _weights(counted.loc[row.variant]),
        EPOCHS: str(counted.loc[row.variant, "epochs_to_converge"]),
        **_flops(ours, dense),
        "Notes": f"peak {percent_margin(peak['mean'], peak['margin'])} %, of the mean at epoch {curve.idxmax()}",
        "Runs": layout.runs(peak["n"], peak["n_diverged"]),
    }


def _weights(counts: Mapping[str, int]) -> str:
    return " → ".join(f"{int(weights):,}" for weights in dict.fromkeys((counts["initial"], counts["final"])))


def _flops(ours: int, dense: int) -> dict:
    return {FLOPS: trillions(ours), SHARE: f"{100 * ours / dense:.3g}"}
