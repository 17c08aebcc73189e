import pytest
import torch

from nist.data import packed
from nist.studies import study
from nist.training import cuda_graph
from nist.training.cuda_graph import WARM_UP, Graphed
from tests.nist.training.block import train_block, without_times

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
EPOCHS = 6  # digits are pruned at the end of the fourth


def rows(variant, together, name="lenet5-digits"):
    images = packed.Images(*(array[::4] for array in packed.digits()))
    experiment = study.load(name)
    cuda = torch.device("cuda")
    found, said = train_block(experiment, variant, range(3), images, cuda, EPOCHS, together=together)
    assert said["sessions"][-1]["runs_at_once"] == together
    return without_times(found)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_every_call_counts_once_whatever_its_shape(device):
    total, graphed = torch.zeros(2, device=device), Graphed()

    def add(tensor):
        total.add_(tensor.sum(0))

    for value in range(2 * WARM_UP):
        graphed(add, torch.full((3, 2), float(value), device=device))
        graphed(add, torch.full((1, 2), 1000.0, device=device))
    assert total.tolist() == [3 * sum(range(2 * WARM_UP)) + 1000 * 2 * WARM_UP] * 2


@needs_gpu
@pytest.mark.parametrize("variant", ["dense", "nist-1-10-p99.5"])
def test_a_stack_that_is_recorded_has_the_bits_of_one_that_is_not(variant, monkeypatch):
    recorded = rows(variant, together=3)
    monkeypatch.setattr(cuda_graph, "WARM_UP", float("inf"))
    assert rows(variant, together=3) == recorded


@needs_gpu
@pytest.mark.parametrize("variant", ["dense", "nist-1-10-p98"])
def test_on_a_gpu_a_stack_and_runs_alone_agree_to_rounding(variant):
    for alone, stacked in zip(rows(variant, together=1), rows(variant, together=3), strict=True):
        assert stacked["val_loss"] == pytest.approx(alone["val_loss"], abs=1e-3)
        assert stacked["train_loss"] == pytest.approx(alone["train_loss"], abs=1e-3)


@needs_gpu
def test_on_a_gpu_runs_with_batch_normalisation_are_stacked():
    for alone, stacked in zip(
        rows("dense-1", 1, "mobilenetv1-digits"), rows("dense-1", 3, "mobilenetv1-digits"), strict=True
    ):
        assert stacked["train_loss"] == pytest.approx(alone["train_loss"], abs=0.1)  # it makes more of rounding
