"""The published folder of a small study, as tests read and spoil it."""

import yaml

from analysis.published import store
from nist.studies import study

EPOCHS, SEEDS = 5, "0-3"
DENSE = "metrics/small/dense/seeds0-1.parquet"
NIST = "metrics/small/nist-1-10-p98/seeds0-1.parquet"
REPLAY = "replays/small/dense/seeds3-3.parquet"


def write_study(content):
    path = study.FOLDER / f"{content['study']}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def resum(folder):
    """Make SHA256SUMS say what the files are, as somebody would who wants no trouble."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    names = sorted([store.PROVENANCE, *names])
    lines = [f"{store.sha256(folder / name)}  {name}\n" for name in names]
    (folder / store.SUMS).write_text("".join(lines))


def state(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
