"""What it takes to render published runs of few and of many studies, stage by stage."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from analysis.scale import simulation, usage
from analysis.scale.planning import link
from analysis.scale.usage import Usage
from nist.errors import run
from nist.studies import plan, study

COPIED = "lenet5-fmnist"  # by the studies beyond the paper's
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--quiet", "all"]
# Each stage finds what those above it have made; what it takes itself is beyond planning.
STAGES = {
    "planning": ["--dry-run"],
    "statistics": ["--until", "statistics"],
    "figures and tables": ["--omit-from", "ledger", "findings", "report"],
    "ledger": ["--until", "ledger"],
    "findings": ["--until", "findings"],
    "page": [],
}


def project(folder: Path, n_studies: int, n_seeds: int | None = None) -> Path:
    """A copy of this project in which random metrics of so many studies are published, the paper's own first.

    ``n_seeds`` replaces the number that each has.
    """
    made = link(folder)
    (made / "config").unlink()
    shutil.copytree("config", made / "config")
    paths = [made / path for path in plan.of_edition("paper")]
    for number in range(len(paths), n_studies):
        paths.append(made / study.FOLDER / f"simulated-{number}.yaml")
        said = {
            "study": paths[-1].stem,
            "extends": COPIED,
            "edition": "control",
            "title": "Simulated",
            "description": "Random numbers",
        }
        paths[-1].write_text("".join(f"{key}: {value}\n" for key, value in said.items()), encoding="utf-8")
    for experiment in map(study.load, paths[:n_studies]):
        n, size = n_seeds or len(experiment.seeds), experiment.content["block_size"]
        simulation.write_all(made / "trained" / experiment.name, experiment, n, size)
    usage.of([sys.executable, "-m", "analysis.published.add", "trained"], made)
    return made


def stages(made: Path) -> dict[str, Usage]:
    """What each stage takes in a project in which nothing has been rendered, beyond the planning before it."""
    taken: dict[str, Usage] = {}
    for name, options in STAGES.items():
        one, _ = usage.of([*SNAKEMAKE, *options, "--config", "metrics_source=published"], made)
        before = taken.get("planning", Usage(0.0, 0.0, 0))
        taken[name] = Usage(one.seconds - before.seconds, one.cpu_seconds - before.cpu_seconds, one.peak_bytes)
    return taken


def main(argv: list[str] | None = None) -> None:
    """Render random metrics of so many studies from nothing, and print what each stage took."""
    parser = argparse.ArgumentParser(prog="python -m analysis.scale.rendering", description=main.__doc__)
    parser.add_argument("--studies", type=int, nargs="+", default=[7, 20, 50], help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, help="of every variant (default: the studies' own)")
    arguments = parser.parse_args(argv)
    rows: dict[str, dict[str, str]] = {name: {"Stage": name} for name in [*STAGES, "together"]}
    for n in tqdm(arguments.studies, disable=None):
        with tempfile.TemporaryDirectory() as folder:
            taken = stages(project(Path(folder, "project"), n, arguments.seeds))
        together = Usage(sum(one.seconds for one in taken.values()), sum(one.cpu_seconds for one in taken.values()), 0)
        for name, one in {**taken, "together": together}.items():
            rows[name] |= {f"{n} studies, s": f"{one.seconds:.1f}", f"{n} studies, CPU s": f"{one.cpu_seconds:.1f}"}
    print(pd.DataFrame(rows.values()).to_markdown(index=False, disable_numparse=True))
    print(f"\n{usage.load()}")


if __name__ == "__main__":
    run(main)
