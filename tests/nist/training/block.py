"""The training of a block of seeds in this process, for tests."""

from itertools import count
from pathlib import Path

import torch

from nist.data import packed
from nist.studies import study
from nist.training import session
from nist.training.checkpoint import Checkpoint


def train_block(
    experiment: study.Study,
    variant: str,
    seeds: range,
    images: packed.Images,
    device: torch.device,
    epochs: int | None = None,
    **options,
) -> tuple[list[dict], dict]:
    """Train ``seeds`` of one variant; return the rows and the description of ``nist.metrics_file.write``.

    ``epochs`` overrides the study's number; ``options`` are those of ``nist.training.session.Training``.
    """
    configuration = experiment.configuration(variant, epochs)
    training = session.Training(experiment, variant, configuration, seeds, images, device, **options)
    block = training.block(configuration["training"]["epochs"])
    training.train(block)
    return block.finished_rows(), training.description()


def without_times(rows: list[dict]) -> list[dict]:
    """Rows without what differs between two trainings of the same run."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def stopping(path: Path, writes: int) -> Checkpoint:
    """A checkpoint after every epoch that stops its training, as if killed, when it has been written so many times."""
    written = count(1)

    class Stopped(Checkpoint):
        def write(self, *arguments):
            super().write(*arguments)
            if next(written) == writes:
                raise KeyboardInterrupt

    return Stopped(path, minutes=0)
