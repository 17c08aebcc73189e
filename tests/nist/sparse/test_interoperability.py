"""NIST layers in the company they will keep: checkpoints, compilers, precision, exporters, replicas."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.utils import ModelEmaV3
from torch import nn
from torch.distributed import destroy_process_group, init_process_group
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from nist import NISTLinear, densify, prune
from nist.sparse.kernels import FORMS

# A prune of a fresh layer rightly takes what it takes.
pytestmark = pytest.mark.filterwarnings("ignore:the prune left nothing of")


def network(form, dtype=torch.float32, seed=0):
    torch.manual_seed(seed)
    layers = NISTLinear(20, 30, 2, form=form, dtype=dtype), nn.Tanh(), NISTLinear(30, 6, 3, form=form, dtype=dtype)
    return nn.Sequential(*layers)


def gradients(model):
    return [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_need_no_pickle(form, tmp_path):
    model = network(form)
    prune(model, 0.95)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    for state in (torch.load(tmp_path / "model.pt", weights_only=True), load_file(tmp_path / "model.safetensors")):
        other = network(form, seed=1)
        other.load_state_dict(state)
        x = torch.randn(4, 20)
        assert torch.equal(other(x), model(x))


@pytest.mark.parametrize("form", FORMS)
def test_compiled_whole_it_computes_the_same(form):
    model, x = network(form), torch.randn(4, 3, 20)
    model(x).square().sum().backward()
    expected = gradients(model)
    compiled = copy.deepcopy(model)
    compiled.zero_grad()
    torch.compile(compiled, fullgraph=True, backend="aot_eager", dynamic=True)(x).square().sum().backward()
    for ours, theirs in zip(gradients(compiled), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("form", FORMS)
def test_autocast_gives_bfloat16_like_a_linear_layer_and_gradients_in_full_precision(form):
    model, x = network(form), torch.randn(16, 20)
    expected = model(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(x)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.02)
    output.float().square().sum().backward()
    assert {gradient.dtype for gradient in gradients(model)} == {torch.float32}


@pytest.mark.parametrize("form", FORMS)
def test_a_model_in_bfloat16(form):
    model, x = network(form), torch.randn(16, 20)
    expected = model(x)
    output = model.bfloat16()(x.bfloat16())
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.03)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_checkpointing(form):
    model, x = network(form), torch.randn(4, 20)
    model(x).square().sum().backward()
    expected = gradients(model)
    model.zero_grad()
    checkpoint(model, x, use_reentrant=False).square().sum().backward()
    for ours, theirs in zip(gradients(model), expected, strict=True):
        assert torch.equal(ours, theirs)


AVERAGES = {
    "timm": lambda model: ModelEmaV3(model, decay=0.5),
    "torch": lambda model: AveragedModel(model, use_buffers=False),
}


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("resumed", [False, True])
def test_an_average_of_a_masked_model_follows_its_prune(name, resumed):
    torch.manual_seed(0)
    model = nn.Sequential(NISTLinear(8, 8, 8, form="masked"), NISTLinear(8, 4, 1, form="masked"))
    averages = AVERAGES[name](model)
    if resumed:
        averages.module.load_state_dict(model.state_dict())
    update = averages.update if name == "timm" else averages.update_parameters
    update(model)
    prune(model, 0.7)
    update(model)
    average, x = averages.module, torch.randn(2, 8)
    assert torch.equal(average[0].mask, model[0].mask)
    torch.testing.assert_close(average(x), densify(average)(x))


def replica(rank, world, folder):
    """Train on one share of each batch, prune in the middle, and save what comes out."""
    init_process_group("gloo", init_method=f"file://{folder}/{world}", rank=rank, world_size=world)
    trained_and_pruned(f"{folder}/{world}.safetensors" if rank == 0 else None, rank, world)
    destroy_process_group()


def trained_and_pruned(path, rank=0, world=0):
    """With a ``world`` of 0, without a wrapper."""
    model = nn.Sequential(*(layer for form in FORMS for layer in network(form, torch.float64)[:1]))
    model = nn.Sequential(*(nn.Sequential(layer, nn.Linear(30, 20, dtype=torch.float64)) for layer in model))
    batches = torch.randn(10, 8, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for steps in (batches[:5], batches[5:]):
        trained = nn.parallel.DistributedDataParallel(model) if world else model
        for batch in steps:
            optimizer.zero_grad()
            trained(batch.chunk(world or 1)[rank]).square().mean().backward()
            optimizer.step()
        if world:
            with pytest.raises(ValueError, match="delete the wrapper, prune, and wrap it again"):
                prune(trained, 0.95, optimizer)
        del trained
        if not model[0][0].is_pruned:
            prune(model, 0.95, optimizer)
    if path:
        save_file(model.state_dict(), path)


# A single replica in this process goes through the same wrapper, and takes none of the seconds that another one starts.
@pytest.mark.parametrize("world", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_replicas_are_trained_and_pruned_as_a_plain_model_is(tmp_path, world):
    trained_and_pruned(tmp_path / "0.safetensors")
    if world == 1:
        replica(0, 1, tmp_path)
    else:
        torch.multiprocessing.spawn(replica, (world, str(tmp_path)), nprocs=world)
    plain, replicated = (load_file(tmp_path / f"{each}.safetensors") for each in (0, world))
    assert plain.keys() == replicated.keys()
    for name, value in plain.items():
        torch.testing.assert_close(replicated[name], value, rtol=1e-9, atol=1e-12, msg=name)
