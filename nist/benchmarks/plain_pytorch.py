"""A plain PyTorch training script, as one writes it: what ``nist.benchmarks.trainer`` measures our trainer against.

torchvision transforms on PIL images, a ``DataLoader`` with workers and pinned memory, fused Adam, one process a seed.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from nist.models.build import build
from nist.studies import study


class Pictures(Dataset):
    """Images of an ``.npz`` file, transformed one at a time as torchvision's data sets do it."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform):
        self.images, self.labels, self.transform = images.squeeze(), labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def transform(side: int, size: int, channels: int):
    """Padding to ``size`` pixels where needed, tensor, normalisation."""
    steps = [transforms.Pad((size - side) // 2)] if size > side else []
    return transforms.Compose(
        [*steps, transforms.ToTensor(), transforms.Normalize([0.5] * channels, [0.25] * channels)]
    )


def epoch(model, loader, device, optimizer=None) -> float:
    """One pass, training if there is an optimizer; accuracy."""
    model.train(optimizer is not None)
    correct = 0
    for images, labels in loader:
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        with torch.set_grad_enabled(optimizer is not None):
            logits = model(images)
        if optimizer is not None:
            optimizer.zero_grad()
            F.cross_entropy(logits, labels).backward()
            optimizer.step()
        correct += (logits.argmax(1) == labels).sum().item()
    return correct / len(loader.dataset)


def main(argv: list[str] | None = None) -> None:
    """Train one seed and print seconds an epoch and the peak memory as JSON."""
    parser = argparse.ArgumentParser(prog="python -m nist.benchmarks.plain_pytorch", description=main.__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--images", required=True, type=Path, help=".npz file of nist.data.packed.Images")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args(argv)
    configuration = study.load(arguments.study).configuration(arguments.variant)
    torch.manual_seed(arguments.seed)
    with np.load(arguments.images, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    side, channels = arrays["train_images"].shape[2:]
    size = configuration["data"]["image_size"]
    device = torch.device(arguments.device)
    model = build(configuration["model"], (channels, size, size)).to(device)
    settings = configuration["training"]
    options = {"num_workers": arguments.workers, "pin_memory": device.type == "cuda"}
    options |= {"persistent_workers": True} if arguments.workers else {}
    pictures = [
        Pictures(arrays[f"{split}_images"], arrays[f"{split}_labels"], transform(side, size, channels))
        for split in ("train", "test")
    ]
    training = DataLoader(pictures[0], settings["batch_size"], shuffle=True, **options)
    validation = DataLoader(pictures[1], 1024, **options)
    optimizer = torch.optim.Adam(model.parameters(), settings["optimizers"][0]["learning_rate"], fused=True)
    seconds = []
    for _ in range(arguments.epochs):
        started = time.perf_counter()
        epoch(model, training, device, optimizer)
        epoch(model, validation, device)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main()
