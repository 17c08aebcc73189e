"""The learning rate of every study, epoch by epoch, beside the formula of the scheduler that it names."""

from math import cos, pi

import pytest
import torch

from nist.studies import study
from nist.training import optimizers

EVERY = sorted(path.stem for path in study.FOLDER.glob("*.yaml"))


def network():
    """Of parameters that every study's patterns match."""
    names = ("weight", "bias", "norm", "cls_token", "pos_embed")
    return torch.nn.ModuleDict({"model": torch.nn.ParameterDict({name: torch.zeros(2) for name in names})})


def trace(training):
    """Learning rates as training sets them: a fresh optimizer where a phase starts, then one rate an epoch."""
    starts, rates = optimizers.starts(training), []
    for epoch in range(1, training["epochs"] + 1):
        if epoch in starts:
            optimizer = optimizers.create(starts[epoch], network())
        optimizers.set_learning_rate(optimizer, training, epoch)
        rates.append({group["lr"] for group in optimizer.param_groups})
    assert all(len(rate) == 1 for rate in rates)  # every group has the same
    return [rate.pop() for rate in rates]


def constant(training):
    """Table A1: one rate for each optimizer's share of the epochs (U32, U33)."""
    adam, *sgd = training["optimizers"]
    n = round(adam["share"] * training["epochs"])
    return [adam["learning_rate"]] * n + [phase["learning_rate"] for phase in sgd] * (training["epochs"] - n)


def cosine(training):
    """Loshchilov & Hutter 2017, Eq. 5, after a linear warm-up that it includes, stepped by epoch from 0 (U43)."""
    schedule, top = training["schedule"], training["optimizers"][0]["learning_rate"]
    low, warm, first = schedule["lr_min"], schedule["warmup_t"], schedule["warmup_lr_init"]
    return [
        first + t * (top - first) / warm
        if t < warm
        else low + (top - low) * (1 + cos(pi * t / schedule["t_initial"])) / 2
        for t in range(training["epochs"])
    ]


@pytest.mark.parametrize("name", EVERY)
def test_the_learning_rate_of_every_study(name):
    training = study.load(name).content["training"]
    expected = constant(training) if training["schedule"] == "constant" else cosine(training)
    assert trace(training) == pytest.approx(expected, rel=1e-12)


def test_deit_starts_warm_and_ends_near_its_minimum():
    rates = trace(study.load("deit-small-imagenet100").content["training"])
    assert rates[0] == 4e-5  # Table A1: lr / 25
    assert max(rates) == rates[5] == pytest.approx(1e-3, rel=1e-3)
    assert rates[-1] == pytest.approx(1e-4, rel=1e-3)


def test_a_run_that_goes_on_has_the_rate_of_its_epoch():
    training = study.load("deit-small-imagenet100").content["training"]
    optimizer = optimizers.create(training["optimizers"][0], network())
    optimizers.set_learning_rate(optimizer, training, 200)
    assert optimizer.param_groups[0]["lr"] == trace(training)[199]
