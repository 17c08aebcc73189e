"""Runs that are there already, as their metrics files say: published ones, and those that were trained here."""

from collections.abc import Iterable
from pathlib import Path

from nist import digest, metrics_file
from nist.studies.study import Study

PUBLISHED, OWN = Path("results/published/metrics"), Path("results/metrics")
Files = dict[tuple[str, str], dict[str, list[int]]]  # seeds by path, by study and variant


def find(studies: Iterable[Study], *folders: Path) -> Files:
    """Metrics files in ``folders`` of the variants of ``studies`` as they are configured now, with their seeds.

    Whatever code trained them. Raises ``InputError`` that names the first file which is damaged.
    """
    return {(one.name, variant): _of_variant(one, variant, folders) for one in studies for variant in one.variants}


def _of_variant(experiment: Study, variant: str, folders: Iterable[Path]) -> dict[str, list[int]]:
    current, found = digest.of_configuration(experiment.configuration(variant)), {}
    for folder in folders:
        for path in metrics_of(folder, experiment.name, variant):
            description = metrics_file.read(path).description
            if description["configuration_digest"] == current:
                found[str(path)] = description["seeds"]
    return found


def metrics_of(folder: Path, name: str, variant: str) -> list[Path]:
    """Metrics files of a variant, without the files of correct images beside them."""
    return sorted((folder / name / variant).glob("seeds*[0-9].parquet"))
