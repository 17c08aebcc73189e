"""``python -m analysis.scale``: what many seeds of every study would take, without running any."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import cli
from analysis.networks import macs
from analysis.published import store
from analysis.scale import hours, jobs, simulation
from nist.errors import InputError, run
from nist.metrics_file import MetricsFile
from nist.studies import plan, study

Columns = dict[str, tuple[str, Callable]]  # of the CSV file: the heading in print, and how a value is written there
JOBS: Columns = {
    "study": ("Study", str),
    "runs": ("Runs", "{:,.0f}".format),
    "block_size": ("Seeds a job", "{:,.0f}".format),
    "blocks": ("Jobs: blocks", "{:,.0f}".format),
    "trunks": ("Jobs: trunks", "{:,.0f}".format),
    "taken": ("Jobs: taken over", "{:,.0f}".format),
    "files": ("Metrics files", "{:,.0f}".format),
    "metrics_bytes": ("Metrics, GB", lambda value: f"{value / 1e9:,.3f}"),
    "trunk_bytes": ("Trunks, GB", lambda value: f"{value / 1e9:,.1f}"),
    "checkpoint_bytes": ("Checkpoint of a job, GB", lambda value: f"{value / 1e9:,.3f}"),
    "image_bytes": ("Images, GB", lambda value: f"{value / 1e9:,.1f}"),
}
HOURS: Columns = {
    "study": ("Study", str),
    "epochs": ("Epochs of all runs", "{:,.0f}".format),
    "flops": ("PFLOP, floor", lambda value: f"{value / 1e15:,.0f}"),
    "floor_hours": ("Hours, floor", "{:,.1f}".format),
    "floor_cost": ("Cost, floor", "{:,.0f}".format),
    "measured_hours": ("Hours, measured", lambda value: f"{value:,.0f}" if value >= 10 else f"{value:.1f}"),
    "measured_cost": ("Cost, measured", "{:,.2f}".format),
    "measured_runs": ("n", "{:,.0f}".format),
    "measured_on": ("Measured on", str),
}
NOT_KNOWN = "not known"
NOT_ADDED = ("study", "block_size", "checkpoint_bytes", "image_bytes", "measured_runs", "measured_on")
LEGEND = """
Jobs follow from the studies. Metrics: bytes of a file of random numbers, written to be measured. Trunks, and at most
the checkpoint of a job: weights, masks and Adam's state, from shapes, without the places of weights in a compressed
layer; trunks are kept, a checkpoint goes when its job ends. Images: decoded, once for all studies of a data set. Floor:
multiply-accumulates at the rate given, and nothing else. Measured: seconds an epoch of published runs of the same data,
model and batch size, of a core or a GPU whose jobs may have shared it."""


def estimate(experiment: study.Study, n_seeds: int, size: int, blocks: list[MetricsFile]) -> dict:
    """A study's row but for rates and prices: counts, bytes, FLOPs, and hours where they were measured."""
    counted = jobs.of(experiment, n_seeds, size)
    found = hours.measured(experiment, blocks)
    return {
        "study": experiment.name,
        "seeds": n_seeds,
        "block_size": size,
        **counted._asdict(),
        "files": counted.files,
        "metrics_bytes": counted.files * simulation.sample_bytes(experiment, size),
        **_of_network(experiment, n_seeds, size),
        "image_bytes": _or_nan(hours.image_bytes(experiment.content["data"])),
        "measured_hours": counted.epochs * found.seconds / 3600 if found else np.nan,
        "measured_runs": found.n if found else np.nan,
        "measured_on": f"{found.study}: {found.device}" if found else None,
    }


def _of_network(experiment: study.Study, n_seeds: int, size: int) -> dict[str, float]:
    """Bytes of states and FLOPs, from the shapes of the study's network; NaN of a model that is not the paper's."""
    configurations = {name: experiment.configuration(name) for name in experiment.trained}
    shared = {trunk.key: trunk.configuration for name in configurations if (trunk := experiment.trunk(name))}
    try:
        trunks = [macs.state_bytes(configuration) for configuration in shared.values()]
        checkpoints = [macs.checkpoint_bytes(configuration, size) for configuration in configurations.values()]
        flops = hours.training_flops(experiment, n_seeds)
    except KeyError:
        return dict.fromkeys(("trunk_bytes", "checkpoint_bytes", "flops"), np.nan)
    kept = [size * state for state in trunks]  # a trunk's job keeps all its states
    return {
        "trunk_bytes": n_seeds * sum(trunks),
        "checkpoint_bytes": max([*checkpoints, *kept], default=0),
        "flops": _or_nan(flops),
    }


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def priced(table: pd.DataFrame, tflops: float | None, price: float | None, cpu_price: float | None) -> pd.DataFrame:
    """The table with hours at a rate of ``tflops`` TFLOP/s and costs at prices an hour, where these are given."""
    if tflops:
        table = table.assign(floor_hours=table["flops"] / (tflops * 1e12) / 3600)
    if tflops and price:
        table = table.assign(floor_cost=table["floor_hours"] * price)
    if price or cpu_price:
        on_cpu = [hours.is_cpu(str(device)) for device in table["measured_on"]]
        rates = [cpu_price if cpu else price for cpu in on_cpu]
        table = table.assign(measured_cost=table["measured_hours"] * np.array(rates, dtype=float))
    return table


def total(table: pd.DataFrame) -> pd.DataFrame:
    """A last row of sums; a sum is not known where one of its parts is not."""
    added = [name for name in table if name not in NOT_ADDED]
    return pd.DataFrame([{"study": "Together", **table[added].sum(skipna=False)}])


def printed(table: pd.DataFrame, columns: Columns) -> str:
    """Columns of the table and their total as Markdown."""
    columns = {name: column for name, column in columns.items() if name in table and not (table[name] == 0).all()}
    cells = {
        heading: [NOT_KNOWN if pd.isna(value) else write(value) for value in table[name]]
        for name, (heading, write) in columns.items()
    }
    sums = total(table).iloc[0]
    for name, (heading, write) in columns.items():
        cells[heading].append("" if name not in sums else NOT_KNOWN if pd.isna(sums[name]) else write(sums[name]))
    align = ["right" if name not in ("study", "measured_on") else "left" for name in columns]
    return pd.DataFrame(cells).to_markdown(index=False, disable_numparse=True, colalign=align)


def main(argv: list[str] | None = None) -> None:
    """Jobs, files, bytes, hours and cost of many seeds of the paper's studies, or of those named."""
    parser = argparse.ArgumentParser(prog="python -m analysis.scale", description=main.__doc__)
    parser.add_argument("studies", nargs="*", type=study.load, help="names or YAML files (default: the paper's)")
    parser.add_argument("--seeds", type=int, default=1_000, help="of every variant (default: %(default)s)")
    parser.add_argument("--own-seeds", action="store_true", help="as many seeds as each study has, in place of --seeds")
    parser.add_argument("--block-size", type=int, help="seeds a job (default: each study's)")
    parser.add_argument("--tflops", type=float, help="TFLOP/s that a GPU sustains, for hours at least")
    parser.add_argument("--price", type=float, help="of an hour of a GPU, in any currency")
    parser.add_argument("--cpu-price", type=float, help="of an hour of one CPU core")
    parser.add_argument("-o", "--output", type=Path, help="CSV file to write too")
    arguments = parser.parse_args(argv)
    if min(arguments.seeds, 1 if arguments.block_size is None else arguments.block_size) < 1:
        raise InputError("--seeds, --block-size: give at least 1")
    chosen = arguments.studies or plan.chosen("paper").values()
    blocks = list(store.read().values())
    rows = [
        estimate(
            one,
            len(one.seeds) if arguments.own_seeds else arguments.seeds,
            arguments.block_size or one.content["block_size"],
            blocks,
        )
        for one in chosen
    ]
    table = priced(pd.DataFrame(rows), arguments.tflops, arguments.price, arguments.cpu_price)
    seeds = "each study's own" if arguments.own_seeds else f"{arguments.seeds:,}"
    print(f"{seeds} seeds of every variant\n\n{printed(table, JOBS)}\n\n{printed(table, HOURS)}\n{LEGEND}")
    if arguments.output:
        cli.write_csv(table, arguments.output)


if __name__ == "__main__":
    run(main)
