"""The training of a block of seeds in this process, for tests."""

import torch

from nist.data import packed
from nist.studies import study
from nist.training import session


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
