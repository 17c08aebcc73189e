"""A dozen models of the sweep, one a kind, and what it says of a model that breaks; ``make sweep`` tries them all."""

import sys

import pytest
import torch
from torch import nn

from tests.sweep import __main__ as sweep
from tests.sweep.models import Subject, subjects
from tests.sweep.outcomes import FAILED, NOTHING, OK, REFUSED, REMEDY, tried

pytestmark = pytest.mark.slow
KINDS = {
    "torchvision/squeezenet1_1": NOTHING,
    "torchvision/mobilenet_v3_small": OK,  # a head of two layers
    "timm/vit_tiny_patch16_224": OK,
    "timm/beit_base_patch16_224": OK,  # reads its layers' weights
    "timm/swinv2_tiny_window8_256": OK,  # a small network for its biases
    "timm/vit_pe_core_tiny_patch16_384": OK,  # pools by attention
    "timm/gmlp_ti16_224": OK,  # weights that begin at zero, on transposed features
    "timm/sequencer2d_s": OK,  # LSTMs, which stay as they are
    "transformers/gpt2": REMEDY,  # transposed, and a tied head
    "transformers/albert": OK,  # one block, several times
    "transformers/t5": REMEDY,
    "transformers/mixtral": OK,  # fused experts
    "transformers/gpt_oss": OK,  # the same, transposed
    "transformers/mamba": REMEDY,
    "transformers/wavlm": OK,  # functional attention
}


@pytest.fixture(scope="module")
def every():
    return {subject.name: subject for subject in subjects()}


@pytest.mark.parametrize("name", KINDS)
def test_models_of_other_libraries(every, name):
    if name.startswith("transformers/"):
        pytest.importorskip("transformers")
    result = tried(every[name])
    assert result.outcome == KINDS[name], result.message


def test_at_least_a_hundred_models_have_a_name_each(every):
    assert len(every) == len(list(subjects())) >= 100


def made(model):
    return Subject("one", lambda: (model, {"input": torch.randn(2, 8)}))


class Own(nn.Linear):
    """A linear layer that NIST does not know, and whose copies compute something else."""

    def forward(self, input):  # as nn.Linear names it
        return 2 * super().forward(input)

    def __deepcopy__(self, memo):
        return Own(self.in_features, self.out_features)


def test_what_goes_wrong_is_an_outcome_too():
    assert tried(made(Own(8, 8))).outcome == REFUSED
    result = tried(made(nn.Sequential(nn.Linear(9, 8))))
    assert result.outcome == FAILED
    assert "takes 9 features" in result.message
    assert "nist/sparse/linear.py:" in result.message
    result = tried(made(nn.Sequential(nn.Linear(8, 8), Own(8, 8))))
    assert result.outcome == FAILED
    assert "outputs:" in result.message


def test_the_sweep_counts_outcomes_and_fails_with_a_failure(monkeypatch, capsys):
    every = [made(nn.Sequential(nn.Linear(8, 8))), made(nn.Sequential(nn.Linear(9, 8)))]
    monkeypatch.setattr(sweep, "subjects", lambda: every)
    monkeypatch.setattr(sys, "argv", ["sweep", "on*"])
    assert sweep.main() == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 ok, 0 ok with a remedy, 0 no linear layer, 0 refused")
    every.pop()
    assert sweep.main() == 0
    monkeypatch.setattr(sys, "argv", ["sweep", "two"])
    with pytest.raises(SystemExit):
        sweep.main()
    assert "no model 'two'" in capsys.readouterr().err
