import pytest
import torch

from nist.errors import InputError
from nist.studies import study
from nist.training import optimizers


def first_epochs(shares, epochs):
    return [*optimizers.starts({"optimizers": [{"share": share} for share in shares], "epochs": epochs})]


@pytest.mark.parametrize(
    ("shares", "epochs", "expected"),
    [
        ([0.8, 0.2], 120, [1, 97]),  # assumption U32: LeNet-5 switches at 96 of 120
        ([0.8, 0.2], 60, [1, 49]),  # AlexNet at 48 of 60
        ([0.8, 0.2], 8, [1, 7]),
        ([1], 30, [1]),
        ([0.1, 0.2, 0.7], 10, [1, 2, 4]),
    ],
)
def test_the_switch_comes_after_its_share_of_the_epochs(shares, epochs, expected):
    assert first_epochs(shares, epochs) == expected


def test_the_studies_of_the_paper_use_table_a1():
    adam, sgd = study.load("lenet5-cifar10").content["training"]["optimizers"]
    network = torch.nn.Linear(1, 1)
    group = optimizers.create(adam, network).param_groups[0]
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-3, (0.9, 0.999), 1e-8, 0)
    group = optimizers.create(sgd, network).param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (1e-3, 0.9, 0)


def test_a_pattern_of_undecayed_parameters_must_match_one():
    network, settings = torch.nn.Linear(2, 2), study.load("deit-small-imagenet100").content["training"]["optimizers"][0]
    network.bias.requires_grad_(False)
    groups = optimizers.create({**settings, "undecayed": ["bias"]}, network).param_groups
    assert [len(group["params"]) for group in groups] == [1, 0]
    with pytest.raises(InputError, match=r"undecayed: pattern '\*biases' matches no parameter of the model"):
        optimizers.create({**settings, "undecayed": ["bias", "*biases"]}, network)
