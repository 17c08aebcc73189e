"""The common trunk of variants that differ in their prune alone (audit E9), in a file that each goes on from."""

from pathlib import Path

from nist.errors import InputError
from nist.runtime.files import replacing
from nist.training import checkpoint
from nist.training.checkpoint import Checkpoint


def save(path: Path, rows: list[dict], sessions: list[dict], states: dict, digests: tuple[str, str]) -> None:
    """Write rows and states of runs at the end of a trunk; ``digests`` as in ``nist.training.checkpoint.path_of``."""
    with replacing(path) as temporary:
        checkpoint.save(temporary, rows, sessions, states, digests=digests)


def graft(kept: Checkpoint, path: Path, digests: tuple[str, str], seeds: range, variant: str) -> None:
    """Let ``variant``, where ``kept`` has nothing of it yet, go on from the trunk at ``path``.

    Raises ``InputError`` that names the file if it is missing, damaged, or another one's trunk.
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
    kept.rows = [{**row, "variant": variant} for row in content["rows"]]
    kept.sessions, kept.states, kept.source = content["sessions"], states, path
