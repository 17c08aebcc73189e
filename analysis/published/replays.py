"""Replays: published runs that were trained again, and the first epoch at which the two trainings differ.

A replay is a metrics file of one seed (see ``nist.metrics_file``), trained from its first epoch and without its
variant's trunk. Whatever is measured is compared to the last bit, but for the time that an epoch took.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.metrics import runs
from analysis.metrics.sessions import versions
from nist import metrics_file
from nist.errors import InputError
from nist.metrics_file import MetricsFile
from nist.studies import checks, study

NOT_RECORDED = "not recorded"
MEASURED = [name for name in metrics_file.SCHEMA.names if name not in (*runs.KEYS, "model", "dataset", "seconds")]


class Comparison(NamedTuple):
    """A replay beside the published run, over all epochs.

    ``first_difference`` is the first epoch at which any of ``MEASURED`` differs in any bit, ``None`` if none does;
    ``columns`` are those that differ there. ``accuracy`` and ``loss`` are the largest absolute differences of
    validation accuracy, in percentage points, and of validation loss, infinite where one of two losses is finite.
    ``peak`` is the highest validation accuracy of the replay less that of the published run, in percentage points.
    ``circumstances`` are those of the replay, ``NOT_RECORDED`` unless the published run recorded its own too, and
    ``changed`` names those that differ.
    """

    study: str
    variant: str
    seed: int
    epochs: int
    first_difference: int | None
    columns: list[str]
    accuracy: float
    loss: float
    peak: float
    circumstances: dict[str, str]
    changed: list[str]


def chosen(blocks: Iterable[MetricsFile], experiment: study.Study, seed: int | None = None) -> dict[str, int]:
    """The seed to replay of each variant that ``experiment`` trains itself and that ``blocks`` have runs of.

    It is ``seed``, or the variant's lowest. Raises ``InputError`` if there is no run of ``seed``.
    """
    seeds: dict[str, set[int]] = {}
    for block in blocks:
        name, variant = runs.name(block)
        if name == experiment.name and variant in experiment.trained:
            seeds.setdefault(variant, set()).update(block.description["seeds"])
    for variant, there in seeds.items():
        if seed is not None and seed not in there:
            known = ", ".join(map(str, sorted(there)))
            raise InputError(f"no run of seed {seed} of {experiment.name}/{variant} is published; there are {known}")
    return {variant: min(there) if seed is None else seed for variant, there in seeds.items()}


def compare_all(replays: dict[Path, MetricsFile], published: Iterable[MetricsFile]) -> list[Comparison]:
    """Every replay beside its published run, by study, variant and seed.

    Raises ``InputError`` that names the first file which holds several seeds, whose run is not published or only of
    another configuration, or which has epochs of the published run itself.
    """
    owners = {(*runs.name(block), seed): block for block in published for seed in block.description["seeds"]}
    compared = [_compare(path, replay, _published_block(path, replay, owners)) for path, replay in replays.items()]
    return sorted(compared, key=lambda one: (one.study, one.variant, one.seed))


def _published_block(path: Path, replay: MetricsFile, owners: dict[tuple[str, str, int], MetricsFile]) -> MetricsFile:
    """The block with the run that ``replay`` repeats, if that run can be told and has the same configuration."""
    (name, variant), seeds = runs.name(replay), replay.description["seeds"]
    if len(seeds) != 1:
        raise InputError(f"{path}: holds {len(seeds)} seeds; a replay is of one")
    if (block := owners.get((name, variant, seeds[0]))) is None:
        raise InputError(f"{path}: a replay of seed {seeds[0]} of {name}/{variant}, which is not published")
    before, now = block.description, replay.description
    if before["configuration_digest"] != now["configuration_digest"]:
        change = checks.first_difference(before["configuration"], now["configuration"])
        raise InputError(f"{path}: of another configuration than the published run that it replays: {change}")
    return block


def _compare(path: Path, replay: MetricsFile, block: MetricsFile) -> Comparison:
    (name, variant), (seed,) = runs.name(replay), replay.description["seeds"]
    ours, theirs = _columns(replay, seed), _columns(block, seed)
    _check_trained(path, ours["seconds"], theirs["seconds"])
    same = {column: _same_bits(ours[column], theirs[column]) for column in MEASURED}
    differing = np.flatnonzero(~np.all(list(same.values()), axis=0))
    first = int(differing[0]) if len(differing) else None
    # Of what one side did not record, nobody can say whether it was another.
    libraries = replay.description["versions"].keys() & block.description["versions"].keys()
    now, before = (circumstances(side.description, libraries) for side in (replay, block))
    now |= {name: NOT_RECORDED for name in now if NOT_RECORDED in (now[name], before[name])}
    return Comparison(
        study=name,
        variant=variant,
        seed=seed,
        epochs=replay.description["epochs"],
        first_difference=None if first is None else first + 1,
        columns=[] if first is None else [column for column in MEASURED if not same[column][first]],
        accuracy=100 * _largest_difference(ours["val_accuracy"], theirs["val_accuracy"]),
        loss=_largest_difference(ours["val_loss"], theirs["val_loss"]),
        peak=100 * float(ours["val_accuracy"].max() - theirs["val_accuracy"].max()),
        circumstances=now,
        changed=[name for name in now if now[name] not in (before[name], NOT_RECORDED)],
    )


def circumstances(said: dict, libraries: Collection[str]) -> dict[str, str]:
    """From a block's description what can change the rounding of a run though its configuration stays, in words.

    ``libraries`` are those whose versions count.
    """
    threads = said.get("threads")
    return {
        "device": said["device"],
        "threads": str(threads) if isinstance(threads, int) else NOT_RECORDED,
        "stack": _stack(said),
        "precision": said["precision"],
        "versions": versions(said, libraries),
        "training code": said["training_code_digest"][:12],
    }


def _stack(said: dict) -> str:
    """How many runs were advanced together, at most, as all sessions of a block say."""
    counts = [session.get("runs_at_once") for session in said.get("sessions", [])]
    if not counts or None in counts:
        return NOT_RECORDED
    return f"{max(counts)} run{'s' * (max(counts) > 1)}"


def _same(text: str, is_changed: bool) -> str:
    return f"no: {text}" if is_changed else NOT_RECORDED if text == NOT_RECORDED else "yes"


def _columns(block: MetricsFile, seed: int) -> dict[str, np.ndarray]:
    """What was measured of one seed, and the seconds: a value an epoch, in their order."""
    rows = block.table["seed"].to_numpy() == seed
    return {column: block.table[column].to_numpy()[rows] for column in (*MEASURED, "seconds")}


def _check_trained(path: Path, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Check that no epoch took the very time of the published one: no clock repeats itself to the nanosecond."""
    copied = np.flatnonzero(ours == theirs)
    if len(copied):
        raise InputError(
            f"{path}: epoch {copied[0] + 1} took the very time that it took in the published run, so it is "
            "that one and was not trained again"
        )


def _same_bits(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Epoch by epoch, whether two columns have the same bits; one NaN is as good as another."""
    if ours.dtype.kind != "f":
        return ours == theirs
    return (ours.view(np.int64) == theirs.view(np.int64)) | (np.isnan(ours) & np.isnan(theirs))


def _largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of all epochs, infinite if a value of one run is NaN or infinite and that of the other is not."""
    apart = ~_same_bits(ours, theirs)
    return float(np.nan_to_num(np.abs(ours[apart] - theirs[apart]), nan=np.inf).max(initial=0))


def words(one: Comparison) -> dict[str, str]:
    """A comparison in a reader's words, by heading."""
    return {
        "Study": one.study,
        "Variant": one.variant,
        "Seed": str(one.seed),
        "Epochs": str(one.epochs),
        "First epoch that differs": "–" if one.first_difference is None else str(one.first_difference),
        "Columns that differ there": ", ".join(one.columns) or "–",
        "Largest difference in validation accuracy (points)": f"{one.accuracy:.2f}",
        "Largest difference in validation loss": f"{one.loss:.2g}",
        "Difference of the peak accuracy (points)": f"{one.peak:+.2f}",
        **{f"Same {name}": _same(text, name in one.changed) for name, text in one.circumstances.items()},
    }


def sentence(one: Comparison) -> str:
    """A comparison in one line."""
    run = f"{one.study}/{one.variant}, seed {one.seed}"
    changed = "".join(f"; another {name}, {one.circumstances[name]}" for name in one.changed)
    if one.first_difference is None:
        return f"{run}: the same bits in all {one.epochs} epochs{changed}"
    where = f"epoch {one.first_difference} of {one.epochs} ({', '.join(one.columns)})"
    return f"{run}: differs first at {where}, in validation accuracy by {one.accuracy:.2f} points at most{changed}"
