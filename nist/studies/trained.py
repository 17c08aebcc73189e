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
    return {
        (one.name, variant): {
            str(path): seeds
            for folder in folders
            for path in sorted((folder / one.name / variant).glob("seeds*[0-9].parquet"))  # nor what lies beside them
            if (seeds := _seeds(path, one, variant))
        }
        for one in studies
        for variant in one.variants
    }


def _seeds(path: Path, experiment: Study, variant: str) -> list[int]:
    """Seeds in a file; none if its runs are configured otherwise than the study is now."""
    description = metrics_file.read(path).description
    current = digest.of_configuration(experiment.configuration(variant))
    return description["seeds"] if description["configuration_digest"] == current else []
