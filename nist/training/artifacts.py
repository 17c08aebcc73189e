"""The files of a training job: metrics of a block, or the trunk of variants that differ in their prune alone (E9).

The driver of a cluster's jobs can be killed while they run; started again, it does not know how they ended. So a job
looks first whether its file is there already, whole.
"""

from pathlib import Path

from nist import correctness, metrics_file
from nist.errors import InputError
from nist.runtime.files import replacing
from nist.training import checkpoint
from nist.training.checkpoint import Checkpoint


def save_trunk(path: Path, rows: list[dict], sessions: list[dict], states: dict, digests: tuple[str, str]) -> None:
    """Write rows and states of runs at the end of a trunk; ``digests`` as in ``nist.training.checkpoint.path_of``."""
    with replacing(path) as temporary:
        checkpoint.save(temporary, rows, sessions, states, digests=digests)


def graft(kept: Checkpoint, path: Path, digests: tuple[str, str], seeds: range, names: dict) -> None:
    """Let a variant, where ``kept`` has nothing of it yet, go on from the trunk at ``path``.

    ``names`` are its study and its own: a trunk that is configured alike may be another's. Raises ``InputError`` that
    names the file if it is missing, damaged, or of another configuration.
    """
    if kept.rows:
        return
    try:
        content, states = checkpoint.read(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such trunk; train it with --until-prune, or leave --trunk away") from None
    except checkpoint.DAMAGE as error:
        raise InputError(f"{path}: damaged trunk ({error}); remove it and train it again") from None
    if content.get("digests") != list(digests):
        raise InputError(f"{path}: trunk of another configuration or another version of the code; train it again")
    if sorted(states) != list(seeds):
        raise InputError(f"{path}: trunk of seeds {sorted(states)}, not {seeds.start}-{seeds.stop - 1}")
    kept.rows = [{**row, **names} for row in content["rows"]]
    kept.sessions, kept.states, kept.source = content["sessions"], states, path


def is_block(path: Path, study: str, variant: str, seeds: range, digests: tuple[str, str]) -> bool:
    """Whether ``path`` holds the metrics of these runs, made of the configuration and by the code of ``digests``.

    Which images are right must lie beside it.
    """
    try:
        table, description = metrics_file.read(path)
    except InputError:
        return False
    found = (description["configuration_digest"], description.get("training_code_digest"))
    names = [table[column].unique().to_pylist() for column in ("study", "variant")]
    beside = correctness.path_of(path).exists()
    return beside and found == digests and description["seeds"] == list(seeds) and names == [[study], [variant]]


def is_trunk(path: Path, seeds: range, digests: tuple[str, str]) -> bool:
    """Whether ``path`` holds the trunk of these seeds, made of the configuration and by the code of ``digests``."""
    try:
        content, states = checkpoint.read(path)
    except (*checkpoint.DAMAGE, OSError):
        return False
    return content.get("digests") == list(digests) and sorted(states) == list(seeds)
