"""How many seed-epochs a second our trainer does, beside the script of ``plain_pytorch``, on the same images.

On a CPU both use every core: as many processes as there are cores, one thread and one seed each, as the DAG does with
blocks. On a GPU ours trains a block in one process, and the script one process a seed. Beside them stands the floor of
the arithmetic: the same floating-point operations as large matrix products, at the rate that the same cores reach.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from nist.benchmarks import results_file
from nist.benchmarks.layers import where_measured
from nist.data import packed
from nist.errors import run
from nist.models.build import build
from nist.runtime import devices
from nist.studies import study
from nist.training import session

# Study, variant, pixels a side and channels, and the share of --images that makes an epoch short enough on a CPU.
STUDIES = (
    ("lenet5-fmnist", "dense", (28, 1), 1.0),
    ("mobilenetv1-cifar10", "dense-1", (32, 3), 0.25),
    ("alexnet-cifar10", "nist-1-2-10-p99.99", (32, 3), 0.05),
)
TEST_SHARE = 6  # training images for each validation image
FLOOR = "matrix products alone"
SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices
PRODUCTS = 50


def generated(n: int, side: int, channels: int) -> packed.Images:
    """Random pictures: what they show makes no difference to time."""
    rng = np.random.default_rng(0)
    counts = {"train": n, "test": n // TEST_SHARE}
    parts: list[np.ndarray] = []
    for count in counts.values():
        parts += [rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8), rng.integers(0, 10, count)]
    return packed.Images(*parts)


def ours(argv: list[str]) -> None:
    """Train seeds of a variant, before its prune, on an ``.npz`` of images and print what the plain script prints."""
    name, variant, path, seeds, epochs, device = argv
    torch.set_num_threads(1)
    devices.keep_freed_memory()
    with np.load(path, allow_pickle=False) as archive:
        images = packed.Images(*(archive[field] for field in packed.Images._fields))
    where = torch.device(device)
    experiment = study.load(name)
    trunk = experiment.trunk(variant)
    configuration = trunk.configuration if trunk else experiment.configuration(variant)
    training = session.Training(experiment, variant, configuration, study.parse_seeds(seeds), images, where)
    block = training.block(int(epochs))
    training.train(block)
    rows = block.finished_rows()
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": [row["seconds"] for row in rows], "peak_bytes": peak}))


def floor(argv: list[str]) -> None:
    """Print, as the plain script does, how long an epoch's floating-point operations take as products of matrices."""
    name, variant, path, device = argv
    torch.set_num_threads(1)
    configuration = study.load(name).configuration(variant)
    with np.load(path, allow_pickle=False) as archive:
        counts = [len(archive[f"{split}_labels"]) for split in ("train", "test")]
        channels = archive["train_images"].shape[3]
    side = configuration["data"]["image_size"]
    work = operations(configuration["model"], (channels, side, side), *counts)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": [work / rate(torch.device(device))], "peak_bytes": peak}))


def operations(model: dict, image_shape: tuple[int, int, int], training: int, validation: int) -> float:
    """Floating-point operations of an epoch of ``model``: convolutions and products forward, and back twice as many.

    The first convolution needs no gradient of the images.
    """
    network = build(model, image_shape).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *image_shape))
    convolution = next(name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    first = sum(counter.get_flop_counts()[f"{type(network).__name__}.{convolution}"].values())
    forward = counter.get_total_flops()
    return training * (3 * forward - first) + validation * forward


def rate(device: torch.device) -> float:
    """Floating-point operations a second of products of large float32 matrices, by the median product."""
    side, seconds = SIDE[device.type], []
    left, right = torch.randn(2, side, side, device=device)
    for _ in range(PRODUCTS):
        started = time.perf_counter()
        torch.mm(left, right)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return 2 * side**3 / float(np.median(seconds))


def commands(name: str, variant: str, path: Path, epochs: int, seeds: int, device: str) -> dict[str, list[list[str]]]:
    """Processes to run at once, by trainer."""
    stock = [
        "nist.benchmarks.plain_pytorch",
        f"--study={name}",
        f"--variant={variant}",
        f"--images={path}",
        f"--epochs={epochs}",
    ]
    together = [f"0-{seeds - 1}"] if device == "cuda" else [f"{seed}-{seed}" for seed in range(seeds)]
    script = {
        f"script, {workers} workers": [
            [*stock, "--seed", str(seed), "--workers", str(workers), "--device", device]
            for seed in range(min(seeds, 4))
        ]
        for workers in (0, 1)
    }
    mine = [
        ["nist.benchmarks.trainer", "ours", name, variant, str(path), block, str(epochs), device] for block in together
    ]
    least = ["nist.benchmarks.trainer", "floor", name, variant, str(path), device]
    return {"ours": mine, FLOOR: [least] * (1 if device == "cuda" else seeds), **script}


def measure(processes: list[list[str]]) -> dict:
    """Seed-epochs a second of processes that run at once, by the median epoch of each, and the memory of them all.

    The seconds of a stacked run's epoch are its share of the block's.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([sys.executable, "-m", *process], stdout=subprocess.PIPE, text=True, env=environment)
        for process in processes
    ]
    outputs = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    return {
        "seed_epochs_a_second": float(sum(1 / np.median(output["seconds"]) for output in outputs)),
        "peak_bytes": sum(output["peak_bytes"] for output in outputs),
    }


def summary(rounds: list[dict[str, dict]]) -> list[dict]:
    """One row a trainer: medians over rounds, and ratios within rounds, of ours to it and of it to the floor."""

    def ratio(one: str, other: str) -> float:
        name = "seed_epochs_a_second"
        return float(np.median([each[one][name] / each[other][name] for each in rounds]))

    return [
        {
            "candidate": trainer,
            "rounds": len(rounds),
            **{name: float(np.median([one[trainer][name] for one in rounds])) for name in rounds[0][trainer]},
            "ours_over_this": ratio("ours", trainer),
            "share_of_floor": ratio(trainer, FLOOR),
        }
        for trainer in rounds[0]
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure both trainers, in turns, and write trainer.parquet."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] in (["ours"], ["floor"]):
        return {"ours": ours, "floor": floor}[argv[0]](argv[1:])
    parser = argparse.ArgumentParser(prog="python -m nist.benchmarks.trainer", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"), help="folder (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--images", type=int, default=6_400, help="training images (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=2, help="for each seed (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every trainer (default: %(default)s)")
    arguments = parser.parse_args(argv)
    device = devices.choose_device(arguments.device)
    cores = os.cpu_count() or 1
    seeds = 20 if device.type == "cuda" else cores
    rows = []
    for name, variant, picture, share in tqdm(STUDIES, disable=None):
        n_images = arguments.images if device.type == "cuda" else int(share * arguments.images)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "images.npz")
            np.savez(path, **generated(n_images, *picture)._asdict())
            trainers = commands(name, variant, path, arguments.epochs, seeds, device.type)
            rounds = [
                {trainer: measure(processes) for trainer, processes in trainers.items()}
                for _ in range(arguments.rounds)
            ]
        setting = {"network": name, "variant": variant, "images": n_images, "epochs": arguments.epochs}
        rows += [{**setting, **row} for row in summary(rounds)]
    results_file.write(arguments.out / device.type / "trainer.parquet", rows, where_measured(device, cores))
    return None


if __name__ == "__main__":
    run(main)
