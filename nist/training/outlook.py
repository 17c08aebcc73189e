"""How much of a plan is still to be trained, in epochs and hours, judged by its checkpoints and metrics."""

from pathlib import Path
from statistics import median

from nist import metrics_file
from nist.studies import trained
from nist.studies.plan import Plan
from nist.training import checkpoint


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
    """Runs and epochs that are left of a study, and the seconds of those that were trained."""
    one, runs, epochs, seconds = plan.studies[name], 0, 0, []
    for variant in one.trained:
        for path in trained.metrics_of(trained.OWN, name, variant):
            seconds += metrics_file.read(path).table["seconds"].to_pylist()
        for first, last in plan.files(name, variant):
            kept = _kept(name, variant, f"seeds{first}-{last}.safetensors")
            runs += last - first + 1
            epochs += (last - first + 1) * one.configuration(variant)["training"]["epochs"] - len(kept)
            seconds += kept
    return runs, epochs, seconds


def _kept(name: str, variant: str, file: str) -> list[float]:
    """Seconds of the epochs in a block's newest checkpoint."""
    newest: Path | None = max(
        checkpoint.FOLDER.glob(f"{name}/{variant}/*/{file}"), key=lambda path: path.stat().st_mtime, default=None
    )
    return checkpoint.seconds(newest) if newest else []
