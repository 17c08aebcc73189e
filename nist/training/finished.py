"""Whether the file that a job would write is there already, whole: that of a job which finished when nobody saw it.

The driver of a cluster's jobs can be killed while they run; started again, it does not know how they ended.
"""

from pathlib import Path

from nist import correctness, metrics_file
from nist.errors import InputError
from nist.training import checkpoint


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
