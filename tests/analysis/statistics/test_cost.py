import pandas as pd
import pytest

from analysis.metrics import runs
from analysis.networks import eq3
from analysis.statistics import cost
from nist.studies import study


def test_eq_3_with_the_real_schedule():
    # Audit B5: AlexNet (1, 2, 10) pruned after epoch 6 of 7 on 50,000 images costs 0.0646e12, not 0.0047e12.
    counts = {"initial": 53_248, "final": 3_359}
    active = eq3.schedule(counts, prune_epoch=6, epochs=7)
    assert active == [53_248] * 6 + [3_359]
    assert eq3.training_flops(active, 50_000) == pytest.approx(0.0646e12, rel=1e-3)
    assert eq3.training_flops([3_359] * 7, 50_000) == pytest.approx(0.0047e12, rel=1e-2)


def test_eq_3_reproduces_the_printed_figures_from_their_sample_counts():
    # Audit B5: 262e12 in Table 1 needs ImageNet-100's 130,000 images; CIFAR-10's 50,000 give 100.8e12.
    assert eq3.training_flops([33_595_392] * 15, 130_000) == pytest.approx(262e12, rel=1e-3)
    assert eq3.training_flops([33_595_392] * 15, 50_000) == pytest.approx(100.8e12, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "variant", "expected"),
    [
        ("lenet5-cifar10", "dense", {"dense": 10_920, "initial": 10_920, "final": 10_920}),
        ("lenet5-cifar10", "nist-1-10-p98", {"dense": 10_920, "initial": 960, "final": 218}),
        ("lenet5-cifar10", "nist-1-5-p99.5", {"dense": 10_920, "initial": 540, "final": 54}),
        ("mobilenetv1-digits", "sparse-3", {"dense": 124_400, "initial": 9_048, "final": 9_048}),
    ],
)
def test_head_weights_of_the_paper(name, variant, expected):
    assert cost.head_weights(study.load(name).configuration(variant)) == expected


def test_the_table_of_costs(metrics_file):
    curves = [[0.1, 0.5, 0.6, 0.6, 0.7, 0.8]] * 2  # the configuration is pruned after epoch 4
    blocks = runs.read_blocks([metrics_file("a", curves)])
    row = cost.cost(blocks, pd.DataFrame([{"study": "s", "variant": "v", "epochs": 5}])).iloc[0]
    assert (row["initial"], row["final"], row["dense"]) == (960, 54, 10_920)
    assert row["compression"] == pytest.approx(10_920 / 54)
    assert row["initial_sparsity"] == pytest.approx(0.91209, abs=1e-5)  # Table A2: 91.2 %
    assert row["flops"] == 4 * 100 * (4 * 960 + 2 * 54)
    assert row["flops_to_converge"] == 4 * 100 * (4 * 960 + 54)
    assert row["total"] == 50_692 + 94 + 54


def test_flops_over_the_epochs_asked_for_with_the_rest_of_the_network():
    row = {"flops": 1000, "flops_to_converge": 300, "epochs": 10, "epochs_to_converge": 3, "training_images": 5}
    assert eq3.flops_counted(row, "to_converge") == 300
    assert eq3.flops_counted(row, "all", other=2) == 1000 + 4 * 5 * 2 * 10


def test_biases_that_no_total_of_the_paper_counts():
    assert cost.head_biases(study.load("alexnet-cifar10").configuration("dense")) == 4096 + 4096 + 10
    assert cost.head_biases(study.load("deit-small-imagenet100").configuration("dense")) == 0
