"""How much of a plan is still to be trained, in epochs and hours, judged by its checkpoints and metrics."""

from pathlib import Path
from statistics import median

from nist import metrics_file
from nist.studies import trained
from nist.studies.plan import Block, Plan
from nist.training import checkpoint
from nist.training.session import digests


def left(plan: Plan, at_once: int) -> str:
    """How much of ``plan`` is left, and how long it will take with so many jobs ``at_once``, in words.

    An epoch of a study is taken to last as long as the median of those of it that were trained here.
    """
    runs, epochs, seconds = 0, 0, 0.0
    for name in plan.studies:
        blocks, missing, trained_here = _of_study(plan, name)
        runs, epochs = runs + blocks, epochs + missing
        seconds += missing * (median(trained_here) if trained_here else float("nan"))
    amount = f"{runs} runs, {epochs:,} epochs left"
    return amount if seconds != seconds else f"{amount}: about {seconds / 3600 / at_once:.1f} h, {at_once} at once"


def _of_study(plan: Plan, name: str) -> tuple[int, int, list[float]]:
    """Runs and epochs that are left of a study, a shared trunk once, and the seconds of those that were trained."""
    one, runs, epochs, seconds = plan.studies[name], 0, 0, []
    trunks: set[str] = set()
    for variant in one.trained:
        for path in trained.metrics_of(trained.OWN, name, variant):
            seconds += metrics_file.read(path).table["seconds"].to_pylist()
        configuration, trunk = one.configuration(variant), plan.trunks[name][variant]
        for block in plan.files(name, variant):
            n, kept = block[1] - block[0] + 1, _kept(name, variant, block, configuration)
            shared = n * trunk.epoch if trunk else 0
            runs, epochs = runs + n, epochs + n * configuration["training"]["epochs"] - max(shared, len(kept))
            seconds += kept[shared:]
            file = plan.trunk_file(name, variant, block)
            if trunk and file and file not in trunks and not Path(file).exists():
                trunks.add(file)
                done = _kept(name, plan.variant_of_trunk(name, trunk.key), block, trunk.configuration)
                epochs, seconds = epochs + shared - len(done), seconds + done
    return runs, epochs, seconds


def _kept(name: str, variant: str, block: Block, configuration: dict) -> list[float]:
    """Seconds of the epochs in a block's checkpoint, if it is of the present configuration and code."""
    seeds = range(block[0], block[1] + 1)
    path = checkpoint.path_of(checkpoint.FOLDER, name, variant, seeds, digests(configuration))
    return checkpoint.seconds(path) if path.exists() else []
