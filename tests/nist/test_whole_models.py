"""The paper's exact counts on the networks themselves, as timm builds them."""

import re
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from nist import audit, densify, prune, sparsify
from nist.mask import kept_weights

# Magnitudes of untrained layers have different scales; a prune may take all of one.
pytestmark = [pytest.mark.filterwarnings("ignore:the prune left nothing of"), pytest.mark.xdist_group("whole models")]


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def active(model):
    return sum(row.active_weights for row in audit(model))


def test_vgg16():
    model = timm.create_model("vgg16", num_classes=100)
    assert parameters(model) == 134_670_244  # audit C10
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


@pytest.fixture
def deit():
    torch.manual_seed(0)
    return timm.create_model("deit_small_patch16_224", num_classes=100, img_size=32, patch_size=8)


# E3, with the block weights rounded down as everywhere (B3); the audit rounds its 60 % and 80 % rows up by one.
E3 = {0.5: 11_087_332, 0.6: 8_963_965, 0.7: 6_840_599, 0.8: 4_717_232, 0.95: 1_532_183}


def test_deit_small_has_the_papers_size():
    assert parameters(timm.create_model("deit_small_patch16_224", num_classes=100)) == 21_704_164


def test_deit_small_block_linears(deit):
    sparsify(deit, density=0.5, include="blocks.*", form="banded")
    rows = audit(deit)
    assert len(rows) == 48
    dense = sum(row.n_in * row.n_out for row in rows)
    assert dense == 21_233_664
    rest = 21_704_164 - dense
    assert rest + active(deit) == E3[0.5]
    assert {sparsity: rest + kept_weights(dense, sparsity) for sparsity in E3} == E3
    assert rest + prune(deit, 0.7) == rest + active(deit) == E3[0.7]


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
    sparsify(deit, density=0.1, include="blocks.*", exclude="blocks.3.*", scheme="even", split={"*.qkv": 3}, rows=34)
    assert isinstance(deit.blocks[3].mlp.fc1, nn.Linear)
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


def test_the_example_for_practitioners_runs():
    page = (Path(__file__).parents[2] / "docs/own-model.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    def train_and_validate(model, optimizer):
        if not namespace["pruned"]:
            optimizer.zero_grad()
            model(torch.randn(1, 3, 224, 224)).square().mean().backward()
            optimizer.step()
        namespace["pruned"] = active(model) < 442_880
        return 0.5

    namespace = {"train_and_validate": train_and_validate, "pruned": False}
    exec(code, namespace)
    assert active(namespace["model"]) == 119_947
    assert namespace["onnx"].model.graph.inputs[0].shape.dims[1:] == (3, 224, 224)
