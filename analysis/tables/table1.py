"""Table 1: parameters, compression, training FLOPs, accuracy and epochs of AlexNet, VGG16 and DeiT-Small."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from analysis import study_results
from analysis.claims.claim import Claim, read
from analysis.formatting import bare_percent, percent_margin, times, trillions
from analysis.networks import eq3
from analysis.networks.counts import backbone
from analysis.statistics import cost
from analysis.study_results import Source
from analysis.tables import layout
from analysis.tables.printed import NOT_RUN, OURS, PAPER, RECOMPUTED, cell
from nist.studies.study import Study

NETWORKS = {"alexnet": "alexnet", "vgg16": "vgg16", "deit_small": "deit-small"}
IMAGES = {"cifar10": 50_000, "imagenet100": 130_000}  # B5; A.4.4: about 1,300 of each of 100 classes
PARAMS, FLOPS, TOP1, EPOCHS = "Params", "FLOPs (×10¹²)", "Top-1 (%)", "Epochs to converge"
COLUMNS = [
    "Model",
    "Dataset",
    "Source",
    PARAMS,
    "Compression",
    FLOPS,
    TOP1,
    "Max (%)",
    "Last epoch (%)",
    EPOCHS,
    "Runs",
]


@dataclass(frozen=True)
class Row:
    """One model: the variant that stands for it, and what the ids of its claims start with; exceptions in ``ids``."""

    model: str
    study: str
    variant: str
    start: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)

    def printed(self, claims: Mapping[str, Claim], *quantities: str) -> str:
        """What is printed for the first of ``quantities`` that has a claim."""
        found = (cell(claims, self.ids.get(name, f"{self.start}.{name}")) for name in quantities)
        return next(filter(None, found), "")


VGG = {"flops": "a5.vgg.p999.flops", "compression_head": "a4.vgg.p999.compression"}
ROWS = [
    Row("AlexNet (Dense)", "alexnet-cifar10", "dense", "t1.alexnet.dense"),
    Row("AlexNet + NIST", "alexnet-cifar10", "nist-1-2-10-p99.99", "t1.alexnet.nist"),
    Row("VGG16 (Dense)", "vgg16-imagenet100", "dense", "t1.vgg.dense", {"flops": "a5.vgg.dense.flops"}),
    # C4: the paper's FLOPs are those of a prune after epoch 1; section 3.1 and Fig. 2 have epoch 4
    Row("VGG16 + NIST, pruned after epoch 1", "vgg16-imagenet100", "nist-1-2-100-p99.9-early", "t1.vgg.nist", VGG),
    Row("VGG16 + NIST, pruned after epoch 4", "vgg16-imagenet100", "nist-1-2-100-p99.9"),
    Row("DeiT_Small (Dense)", "deit-small-imagenet100", "dense", "t1.deit.dense"),
    Row("DeiT_Small + NIST, 60 %", "deit-small-imagenet100", "nist-p60", "t1.deit.p60"),
    Row("DeiT_Small + NIST, 70 %", "deit-small-imagenet100", "nist-p70", "t1.deit.p70"),
]


def build(given: list[Source]) -> pd.DataFrame:
    """Three rows a model, text, from ``accuracy``, ``cost`` and ``epochs_to_converge``.

    As printed; recomputed for the paper's epochs from shapes, Eq. 1, Eq. 3 and the images of the data set (B5, C3, E1);
    and ours, measured. Models of a study that is not given are left out.
    """
    claims, rows = read(), []
    for row in ROWS:
        for source in given:
            if source.study.name == row.study and row.variant in source.study.variants:
                rows += _rows(row, source, claims)
    rows.append({"Model": " ".join(study_results.missing(given))})
    return layout.frame(rows, COLUMNS)


def _rows(row: Row, source: Source, claims: Mapping[str, Claim]) -> list[dict]:
    named = {"Model": row.model, "Dataset": layout.dataset(source.study)}
    cells = [(OURS, _measured(row, source))]
    if row.start:
        cells = [(PAPER, _printed(row, claims)), (RECOMPUTED, _recomputed(row, source.study, claims)), *cells]
    return [{**named, "Source": origin, **one} for origin, one in cells]


def _printed(row: Row, claims: Mapping[str, Claim]) -> dict:
    head, total = row.printed(claims, "head_params", "head"), row.printed(claims, "total_params", "total", "params")
    ratios = row.printed(claims, "compression_head"), row.printed(claims, "compression_total")
    return {
        PARAMS: _head_and_total(head, total),
        "Compression": row.printed(claims, "compression") or _head_and_total(*ratios),
        FLOPS: row.printed(claims, "flops"),
        TOP1: row.printed(claims, "top1"),
        EPOCHS: row.printed(claims, "epochs"),
    }


def _recomputed(row: Row, study: Study, claims: Mapping[str, Claim]) -> dict:
    configuration = study.configuration(row.variant)
    counts, other = cost.head_weights(configuration), backbone(NETWORKS[configuration["model"]["name"]])
    prune, epochs = configuration["prune"], int(row.printed(claims, "epochs"))
    active = eq3.schedule(counts, prune and prune["epoch"], epochs)
    whole = other if "blocks" in configuration["model"] else 0  # Eq. 3 of a transformer counts all of it (F2)
    images = IMAGES[configuration["data"]["dataset"]]
    return {
        **_sizes(configuration, counts, other),
        FLOPS: trillions(eq3.training_flops([weights + whole for weights in active], images)),
        EPOCHS: f"for {epochs}",
    }


def _measured(row: Row, source: Source) -> dict:
    if row.variant not in source.variants():
        return {TOP1: NOT_RUN, "Runs": "0"}
    configuration = source.study.configuration(row.variant)
    counted = source.statistic("cost").set_index("variant").loc[row.variant]
    converged = source.statistic("epochs_to_converge").set_index("variant").loc[row.variant]
    scores = source.statistic("accuracy").set_index(["variant", "score"]).loc[row.variant]
    peak, last = scores.loc["peak"], scores.loc["last"]
    other = counted["total"] - counted["final"] - cost.head_biases(configuration)
    whole = other if "blocks" in configuration["model"] else 0
    flops = eq3.flops_counted(counted, source.study.content["statistics"]["flops_epochs"], whole)
    return {
        **_sizes(configuration, counted, other),
        FLOPS: trillions(flops),
        TOP1: percent_margin(peak["mean"], peak["margin"], 2),
        "Max (%)": bare_percent(peak["max"], 2),
        "Last epoch (%)": percent_margin(last["mean"], last["margin"], 2),
        EPOCHS: f"{converged['epochs']}{_run_by_run(converged)}",
        "Runs": layout.runs(peak["n"], peak["n_diverged"]),
    }


def _run_by_run(converged: pd.Series) -> str:
    mean, sd = converged["run_mean"], converged["run_sd"]
    return "" if pd.isna(sd) else f" (run by run {mean:.1f}, SD {sd:.1f})"


def _sizes(configuration: dict, counts: Mapping[str, int], other: int) -> dict:
    """Parameters and compression, of head and network where NIST sparsifies a head; biases of the head not counted."""
    total, whole = f"{int(other + counts['final']):,}", (other + counts["dense"]) / (other + counts["final"])
    if "blocks" in configuration["model"]:
        return {PARAMS: total, "Compression": times(whole)}
    head = cost.ratios(counts)["compression"]
    return {
        PARAMS: _head_and_total(f"{int(counts['final']):,}", total),
        "Compression": _head_and_total(times(head), times(whole)) if head != 1 else times(1),
    }


def _head_and_total(head: str, total: str) -> str:
    return f"{head} (Head), {total} (Total)" if head else total
