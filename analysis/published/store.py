"""Metrics that were trained elsewhere and are kept with the project: which there are, and whether they are sound.

``results/published/`` holds ``metrics/<study>/<variant>/seeds<first>-<last>.parquet`` (see ``nist.metrics_file``),
beside some of them which images they got right (see ``nist.correctness``), replays of single seeds under ``replays/``
(see ``analysis.published.replays``), ``PROVENANCE.md``, and ``SHA256SUMS`` of all, which ``sha256sum -c`` can read.
``analysis.published.add`` writes them.
"""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

from analysis.metrics import runs
from analysis.published import provenance, replays, validate
from nist import correctness
from nist.digest import of_file as sha256
from nist.errors import InputError
from nist.metrics_file import MetricsFile
from nist.studies import study

FOLDER = Path("results/published")
SUMS, PROVENANCE = "SHA256SUMS", "PROVENANCE.md"
KINDS = METRICS, REPLAYS = "metrics", "replays"  # no statistic is made from a replay

ByKind = dict[str, dict[Path, MetricsFile]]


def read() -> dict[Path, MetricsFile]:
    """All published runs, sorted by path; none where nothing is published. Errors as those of ``read_by_kind``."""
    return read_by_kind()[METRICS]


def read_by_kind(outdated: dict[str, str] | None = None) -> ByKind:
    """All published blocks of each of ``KINDS``, sorted by path.

    Studies that have changed since are left out where there is ``outdated``, which then says why, by name. Raises
    ``InputError`` that names the first file which is not listed in ``SHA256SUMS``, not there, not what its sum says,
    not a metrics file of this version of the contract, not of runs that the studies ask for, no replay of a published
    run (see ``analysis.published.replays.compare_all``), or, of ``PROVENANCE.md``, not what the metrics files say.
    """
    sums = read_sums()
    check_listed(sums)
    check_sums(sums)
    sums.pop(PROVENANCE, None)
    blocks = {kind: validate.read(paths, outdated) for kind, paths in paths_by_kind(sums).items()}
    for kind in KINDS:
        check_places(blocks[kind], kind)
    check_beside(sums)
    check_provenance(blocks)
    return {kind: _without(outdated or {}, found) for kind, found in blocks.items()}


def _without(names: Iterable[str], blocks: dict[Path, MetricsFile]) -> dict[Path, MetricsFile]:
    return {path: block for path, block in blocks.items() if runs.name(block)[0] not in names}


def paths_by_kind(names: Iterable[str]) -> dict[str, list[Path]]:
    """Paths of published files by kind, to be read apart, as a replay has the seed of a run.

    A name that is of neither kind counts as metrics, where its place is refused. What lies beside metrics is no block.
    """
    paths: dict[str, list[Path]] = {METRICS: [], REPLAYS: []}
    for name in names:
        if name.endswith(correctness.SUFFIX):
            continue
        paths[REPLAYS if name.startswith(f"{REPLAYS}/") else METRICS].append(FOLDER / name)
    return paths


def read_sums() -> dict[str, str]:
    """Published files by name relative to ``FOLDER``, sorted, with their SHA-256; empty where nothing is published."""
    path, sums = FOLDER / SUMS, {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for number, line in enumerate(text.splitlines(), start=1):
        entry = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if entry is None or entry[2] in sums:
            fault = "is twice in it" if entry else "is not '<SHA-256>  <file>'"
            raise InputError(f"{path}: line {number}: {entry[2] if entry else line!r} {fault}")
        sums[entry[2]] = entry[1]
    return dict(sorted(sums.items()))


def check_listed(names: set[str] | dict[str, str]) -> None:
    """Check that ``FOLDER`` holds no published file that is not in ``names``; those with a leading dot are none."""
    present = [path for kind in KINDS for path in (FOLDER / kind).rglob("[!.]*") if path.is_file()]
    for path in sorted([*present, *FOLDER.glob(PROVENANCE)]):
        if path.relative_to(FOLDER).as_posix() not in names:
            raise InputError(f"{path}: not listed in {FOLDER / SUMS}; publish it with make publish, or remove it")


def check_sums(sums: dict[str, str]) -> None:
    """Check that every file is there and has the SHA-256 that ``sums`` says."""
    for name, expected in sums.items():
        path = FOLDER / name
        if not path.is_file():
            raise InputError(f"{path}: not there, but listed in {FOLDER / SUMS}; restore it, or delete that line")
        if sha256(path) != expected:
            raise InputError(f"{path}: altered, as its SHA-256 is not the one in {FOLDER / SUMS}; restore it")


def check_beside(names: Iterable[str]) -> None:
    """Check that what says which images runs got right lies beside them. Its content was checked when it came."""
    wanted = {str(correctness.path_of(Path(name))) for name in names if name.startswith(f"{METRICS}/")}
    for name in names:
        if name.endswith(correctness.SUFFIX) and name not in wanted:
            raise InputError(f"{FOLDER / name}: no metrics beside it; restore them, or remove it and its sum")


def check_places(blocks: dict[Path, MetricsFile], kind: str) -> None:
    """Check that every block is in the file whose name says what it holds."""
    for path, block in blocks.items():
        wanted = FOLDER / place(path, block, kind)
        if path != wanted:
            raise InputError(
                f"{path}: holds what belongs in {wanted}; it was renamed, or a run is missing or one too many"
            )


def check_provenance(blocks: ByKind) -> None:
    """Check that ``PROVENANCE.md`` says what the blocks say of themselves."""
    path, page = FOLDER / PROVENANCE, page_of(blocks)
    if any(blocks.values()) and not (path.is_file() and path.read_bytes() == page.encode()):
        raise InputError(f"{path}: not what the metrics files say; make publish FROM={FOLDER / METRICS} writes it anew")


def page_of(blocks: ByKind) -> str:
    """``PROVENANCE.md``, replays compared with their runs. Raises ``InputError`` for what is no replay of one."""
    metrics = blocks[METRICS].values()
    return provenance.page(metrics, replays.compare_all(blocks[REPLAYS], metrics))


def place(path: Path, block: MetricsFile, kind: str) -> str:
    """Name of a block's file below the published folder. Raises ``InputError`` if its seeds are no range."""
    seeds = sorted(block.description["seeds"])
    if seeds != list(range(seeds[0], seeds[-1] + 1)):
        raise InputError(
            f"{path}: seeds {', '.join(map(str, seeds))} are no range; publish each range as a file of its own"
        )
    return "/".join([kind, *runs.name(block), f"seeds{seeds[0]}-{seeds[-1]}.parquet"])


def of_study(blocks: dict[Path, MetricsFile], experiment: study.Study) -> dict[str, list[Path]]:
    """Files of each variant of a study, in the study's order and by seed; a variant without any has an empty list."""
    by_seed = sorted(blocks, key=lambda path: min(blocks[path].description["seeds"]))
    return {
        variant: [path for path in by_seed if runs.name(blocks[path]) == (experiment.name, variant)]
        for variant in experiment.variants
    }


def gaps(blocks: dict[Path, MetricsFile], experiment: study.Study) -> str:
    """Which runs of a study are not published, in words; empty if all are."""
    n, lacking = len(experiment.seeds), []
    for variant, paths in of_study(blocks, experiment).items():
        there = sum(len(blocks[path].description["seeds"]) for path in paths)
        if there < n:
            lacking.append(f"{variant} ({n - there} of {n} runs)")
    return ", ".join(lacking)


def renderable(
    blocks: dict[Path, MetricsFile], experiments: Iterable[study.Study]
) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of every study that can be rendered, by its name, and remarks on runs that are not published.

    A study whose baseline has no runs has nothing to compare with, and is left out.
    """
    files, remarks = {}, []
    for experiment in experiments:
        by_variant = of_study(blocks, experiment)
        if not by_variant[experiment.baseline]:
            remarks.append(
                f"{experiment.name}: left out, as its baseline, {experiment.baseline}, has no published runs"
            )
            continue
        files[experiment.name] = [path for paths in by_variant.values() for path in paths]
        if lacking := gaps(blocks, experiment):
            remarks.append(f"{experiment.name}: not published: {lacking}")
    return files, remarks


def checksums(paths: Iterable[Path | str]) -> dict[str, str]:
    """SHA-256 of files, by path as text."""
    return {str(path): sha256(Path(path)) for path in paths}


def main(argv: list[str] | None = None) -> None:
    """Check everything that is published, and say of which studies runs are missing."""
    argparse.ArgumentParser(prog="python -m analysis.published", description=main.__doc__).parse_args(argv)
    blocks = read()
    for name in sorted({runs.name(block)[0] for block in blocks.values()}):
        print(f"{name}: not published: {gaps(blocks, study.load(name)) or 'nothing'}")
