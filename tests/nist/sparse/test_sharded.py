"""NIST layers whose parameters are spread over processes, or flattened, or copied to replicas."""

import copy

import pytest
import torch
from torch import nn
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

from nist import NISTLinear, audit, densify, prune, reform, sparsify

pytestmark = pytest.mark.filterwarnings("ignore:FSDP is switching to use")

BATCHES = torch.randn(8, 8, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def process_group(tmp_path):
    init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    destroy_process_group()


def network(form="masked"):
    torch.manual_seed(0)
    layers = nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 20), nn.Tanh(), nn.Linear(20, 5)
    return sparsify(nn.Sequential(*layers).double(), density=0.4, form=form)


def trained_and_pruned(shard, rank=0, world=1):
    """What the densified network says of the first batch, and its counts."""
    model = network()
    if shard:
        for layer in (model[0], model[2]):
            fully_shard(layer)
        fully_shard(model)  # with the last layer's parameters
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step, batch in enumerate(BATCHES):
        if step == 4:
            model(batch)  # an evaluation leaves the root's parameters gathered
            assert prune(model, 0.8, optimizer) == 260
        optimizer.zero_grad()
        model(batch.chunk(world)[rank]).square().mean().backward()
        optimizer.step()
    dense = densify(model)
    assert {type(layer) for layer in dense} == {nn.Linear, nn.Tanh}
    return dense(BATCHES[0]).detach(), [row.active_weights for row in audit(model)]


def test_a_sharded_network_is_trained_pruned_and_densified_as_a_plain_one(process_group):
    (plain, counts), (sharded, its) = trained_and_pruned(False), trained_and_pruned(True)
    torch.testing.assert_close(sharded, plain, rtol=1e-9, atol=1e-12)
    assert counts == its


def test_states_go_between_sharded_networks_and_plain_ones(process_group):
    model, other, plain = fully_shard(network()), fully_shard(network()), network()
    with torch.no_grad():
        model[0].stored.mul_(2)
    prune(model, 0.8)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(BATCHES[0]), model(BATCHES[0]))
    full = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    plain.load_state_dict(full)
    torch.testing.assert_close(plain(BATCHES[0]), model(BATCHES[0]))
    assert [row.active_weights for row in audit(other)] == [row.active_weights for row in audit(plain)]


def test_a_random_prune_keeps_the_same_weights_of_a_sharded_network(process_group):
    model, plain = fully_shard(network()), network()
    for each in (model, plain):
        assert prune(each, 0.8, generator=torch.Generator().manual_seed(1)) == 260
    assert torch.equal(model[0].mask, plain[0].mask)


def shard_of(rank, world, folder):
    init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=world)
    output, _ = trained_and_pruned(True, rank, world)
    torch.testing.assert_close(output, trained_and_pruned(False)[0], rtol=1e-9, atol=1e-12)
    destroy_process_group()


@pytest.mark.slow
def test_two_shards_are_trained_pruned_and_densified_as_a_plain_network(tmp_path):
    torch.multiprocessing.spawn(shard_of, (2, str(tmp_path)), nprocs=2)


@pytest.mark.parametrize("form", ["banded", "compressed"])
def test_a_change_of_shape_is_refused_on_a_sharded_network_before_anything_changes(form, process_group):
    model = fully_shard(network(form))
    before = model(BATCHES[0]).detach()
    with pytest.raises(ValueError, match=rf"0.weight is sharded and {form}, .* reform\(model, 'masked'\) before"):
        prune(model, 0.8)
    with pytest.raises(ValueError, match=r"0.weight is sharded: reform before fully_shard"):
        reform(model, "masked")
    assert torch.equal(model(BATCHES[0]), before)
    torch.testing.assert_close(densify(model)(BATCHES[0]), before)
    with pytest.raises(ValueError, match=r"0.weight is sharded: sparsify before fully_shard"):
        sparsify(fully_shard(nn.Sequential(nn.Linear(4, 4))), density=0.5)


def test_a_wrapper_that_flattens_parameters_is_refused(process_group):
    model = network()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="FullyShardedDataParallel cannot flatten it: fully_shard can shard it"):
        FullyShardedDataParallel(model, device_id=torch.device("cpu"))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    wrapped = FullyShardedDataParallel(nn.Linear(4, 4), device_id=torch.device("cpu"))
    for change in (lambda: prune(wrapped, 0.5), lambda: sparsify(wrapped, density=0.5)):
        with pytest.raises(ValueError, match="FullyShardedDataParallel flattens parameters: .* or use fully_shard"):
            change()


def test_a_wrapper_around_a_module_that_was_pruned_inside_it_is_named(process_group):
    model = nn.Sequential(NISTLinear(20, 30, 3, form="banded"), nn.Linear(30, 4)).double()
    wrapper = DistributedDataParallel(model)
    wrapper(BATCHES[0]).sum().backward()
    prune(model, 0.95)
    with pytest.raises(ValueError, match="wrapper was made before a change of its module's parameters: delete it, and"):
        wrapper(BATCHES[0])
    DistributedDataParallel(model)(BATCHES[0]).sum().backward()
