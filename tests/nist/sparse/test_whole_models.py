"""The paper's exact counts on the networks themselves, as timm builds them."""

import copy
import inspect
import re
from itertools import count
from pathlib import Path

import pytest
import timm
import torch
from timm.models.vgg import VGG
from torch import nn

from nist import audit, densify, prune, sparsify
from nist.sparse.mask import kept_weights

# Magnitudes of untrained layers have different scales; a prune may take all of one.
pytestmark = [pytest.mark.filterwarnings("ignore:the prune left nothing of"), pytest.mark.xdist_group("whole models")]


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def active(model):
    return sum(row.active_weights for row in audit(model))


@pytest.mark.parametrize(
    ("name", "count"),
    [("vgg16", 134_670_244), ("deit_small_patch16_224", 21_704_164)],  # audit C10
)
def test_the_networks_have_the_papers_size(name, count):
    with torch.device("meta"):
        assert parameters(timm.create_model(name, num_classes=100)) == count


def test_vgg16():
    model = timm.create_model("vgg16", num_classes=100)
    head = {"include": ["pre_logits.fc*", "head.fc"], "channels_last": {"pre_logits.fc1": 512}}
    sparsify(model, [1, 2, 100], **head, form="compressed")
    rows = audit(model)
    assert sum(row.n_in * row.n_out for row in rows) == 119_947_264
    assert [row.active_weights for row in rows] == [25_088, 8_192, 409_600]
    assert active(model) == 442_880  # audit C2
    # Hidden unit h sums six or seven positions of one channel (U25).
    inputs, outputs = model.pre_logits.fc1.connections()
    assert (rows[0].fan_in_min, rows[0].fan_in_max) == (6, 7)
    channels = inputs // 49
    assert all(len(channels[outputs == h].unique()) == 1 for h in range(0, 4096, 117))
    assert prune(model, 0.999) == active(model) == 119_947
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(images), densify(model)(images), rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def made():
    torch.manual_seed(0)
    return timm.create_model("deit_small_patch16_224", num_classes=100, img_size=32, patch_size=8)


@pytest.fixture
def deit(made):
    return copy.deepcopy(made)


# E3, with the block weights rounded down as everywhere (B3); the audit rounds its 60 % and 80 % rows up by one.
E3 = {0.5: 11_087_332, 0.6: 8_963_965, 0.7: 6_840_599, 0.8: 4_717_232, 0.95: 1_532_183}


DENSE = 21_233_664  # of the linear layers of its blocks
REST = 21_704_164 - DENSE


def test_deit_small_keeps_as_many_weights_as_the_paper_says(deit):
    layers = [module for module in deit.blocks.modules() if isinstance(module, nn.Linear)]
    assert len(layers) == 48
    assert sum(layer.weight.numel() for layer in layers) == DENSE
    assert {sparsity: REST + kept_weights(DENSE, sparsity) for sparsity in E3} == E3


@pytest.mark.slow
def test_deit_small_block_linears(deit):
    sparsify(deit, density=0.5, include="blocks.*", form="banded")
    assert REST + active(deit) == E3[0.5]
    assert REST + prune(deit, 0.7) == REST + active(deit) == E3[0.7]


def test_deit_small_literal_and_even(deit):
    literal = {row.name.split(".", 2)[2]: row for row in audit(sparsify(deit, density=0.5, include="blocks.0.*"))}
    assert {name: row.k for name, row in literal.items()} == {
        "attn.qkv": 576,
        "attn.proj": 192,
        "mlp.fc1": 768,
        "mlp.fc2": 192,
    }
    assert {name: row.unconnected for name, row in literal.items()} == {  # audit E11
        "attn.qkv": 193,
        "attn.proj": 0,
        "mlp.fc1": 385,
        "mlp.fc2": 0,
    }
    sparsify(deit, density=0.5, include="blocks.1.*", scheme="even", split={"*.qkv": 3})
    for row in audit(deit.blocks[1]):
        assert (row.unconnected, row.sparsity) == (0, 0.5)
        assert row.fan_in_max == row.fan_in_min == row.n_in // 2


def test_deit_small_trains_with_tokens(deit):
    deit.blocks = deit.blocks[:2]
    sparsify(deit, density=0.1, include="blocks.*", exclude="blocks.1.*", scheme="even", split={"*.qkv": 3}, rows=34)
    assert isinstance(deit.blocks[1].mlp.fc1, nn.Linear)
    optimizer = torch.optim.AdamW(deit.parameters(), lr=1e-3)
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([3, 70])
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(deit(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_the_example_for_practitioners_runs_on_a_smaller_network(monkeypatch):
    layers = ["M"] * 5 + [512]  # poolings and one convolution, before a head with 40 hidden units first
    monkeypatch.setattr(timm, "create_model", lambda _, num_classes: VGG(layers, num_classes, mlp_ratio=0.01))
    takes = inspect.signature(torch.onnx.export)

    def export(*arguments, **options):
        takes.bind(*arguments, **options)
        model, images = arguments
        return model(*images)

    monkeypatch.setattr(torch.onnx, "export", export)
    made = example()
    head = 512 * 49 * 40 + 40 * 4096 + 4096 * 100
    assert active(made["model"]) == kept_weights(head, 0.999)
    assert made["onnx"].shape == (1, 100)


@pytest.mark.slow
def test_the_example_for_practitioners_runs():
    made = example()
    assert active(made["model"]) == 119_947
    assert made["onnx"].model.graph.inputs[0].shape.dims[1:] == (3, 224, 224)


def example():
    """What the code of the page has made when it has run; the loop that it takes as given takes two steps."""
    page = (Path(__file__).parents[3] / "docs/own-model.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    steps = count()

    def train_and_validate(model, optimizer):
        if next(steps) in (0, 4):  # before the prune and after it
            optimizer.zero_grad()
            model(torch.randn(1, 3, 224, 224)).square().mean().backward()
            optimizer.step()
        return 0.5

    made = {"train_and_validate": train_and_validate}
    exec(code, made)
    return made
