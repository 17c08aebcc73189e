"""How long Snakemake plans many jobs: this workflow beside plain rules of as many jobs that only touch files."""

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

from analysis.scale import usage
from analysis.scale.usage import Usage
from nist.errors import InputError, run
from nist.studies import study
from nist.studies.plan import chosen

PROJECT = ("Snakefile", "analysis", "config", "docs", "nist", "profiles", "workflow")
PROFILE = ["--workflow-profile", "profiles/default"]
STUDY = "lenet5-cifar10"
# As many jobs as the study has: from every trunk two others go on, and one needs them all.
PLAIN = """
rule all:
    input: expand("{{trunk}}-{{variant}}/{{block}}", trunk=range({trunks}), variant=range(2), block=range({blocks}))
    output: "all"
    shell: "touch {{output}}"
rule train:
    input: "trunks/{{trunk}}/{{block}}"
    output: "{{trunk}}-{{variant}}/{{block}}"
    shell: "touch {{output}}"
rule trunk:
    output: "trunks/{{trunk}}/{{block}}"
    shell: "touch {{output}}"
"""


class Planned(NamedTuple):
    """A dry run: how many jobs, and what it took."""

    jobs: int
    usage: Usage


def plan(folder: Path, options: list[str]) -> Planned:
    """Let Snakemake plan everything in ``folder``. Raises ``InputError`` with its last line if it does not."""
    taken, said = usage.of([sys.executable, "-m", "snakemake", "--dry-run", *options], folder)
    total = re.search(r"^total +(\d+)$", said, re.MULTILINE)
    if total is None:
        raise InputError(f"snakemake --dry-run: {said.strip().splitlines()[-1]}")
    return Planned(int(total[1]), taken)


def link(folder: Path) -> Path:
    """Make ``folder`` a copy of this project of which nothing has been run."""
    folder.mkdir()
    for name in PROJECT:
        (folder / name).symlink_to(Path(name).resolve())
    return folder


def cases(folder: Path, blocks: int, seeds: int) -> dict[str, tuple[Path, list[str]]]:
    """By name, where to plan and with which options: one study of ``blocks``, plain rules, all studies of the paper."""
    project, plain = link(folder / "project"), folder / "plain"
    plain.mkdir()
    one = study.load(STUDY)
    n, trunks = blocks // len(one.variants), {trunk.key for name in one.variants if (trunk := one.trunk(name))}
    (plain / "Snakefile").write_text(PLAIN.format(trunks=len(trunks), blocks=n), encoding="utf-8")
    every = ", ".join(f"{name}: 0-{seeds - 1}" for name in chosen("paper"))
    single = [f"studies=[{STUDY}]", f"seeds={{{STUDY}: 0-{n - 1}}}", "block_size=1"]
    return {
        f"{STUDY}, {n * len(one.variants):,} blocks of {len(trunks)} trunks": (
            project,
            [*PROFILE, "--config", *single],
        ),
        f"plain rules, {2 * n * len(trunks):,} blocks of {len(trunks)} trunks": (plain, ["--quiet", "all"]),
        f"the paper's studies, {seeds:,} seeds each": (
            project,
            [*PROFILE, "--config", "studies=paper", f"seeds={{{every}}}", "block_size=auto"],
        ),
    }


def main(argv: list[str] | None = None) -> None:
    """Plan many jobs, in turns, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m analysis.scale.planning", description=main.__doc__)
    parser.add_argument("--blocks", type=int, default=10_000, help="of one study (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=1_000, help="of every study (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: %(default)s)")
    arguments = parser.parse_args(argv)
    measured: dict[str, list[Planned]] = {}
    with tempfile.TemporaryDirectory() as folder:
        named = cases(Path(folder), arguments.blocks, arguments.seeds)
        for name, case in tqdm([*named.items()] * arguments.rounds, disable=None):
            measured.setdefault(name, []).append(plan(*case))
    print(pd.DataFrame(summary(measured)).to_markdown(index=False))
    print(f"\n{usage.load()}")


def summary(measured: dict[str, list[Planned]]) -> list[dict]:
    """A row a case: medians, and the fastest and slowest round."""
    return [
        {
            "Planned": name,
            "Jobs": f"{rounds[0].jobs:,}",
            "n": len(rounds),
            "Seconds": _spread([one.usage.seconds for one in rounds]),
            "CPU seconds": _spread([one.usage.cpu_seconds for one in rounds]),
            "Peak memory": f"{max(one.usage.peak_bytes for one in rounds) / 1e6:,.0f} MB",
        }
        for name, rounds in measured.items()
    ]


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


if __name__ == "__main__":
    run(main)
