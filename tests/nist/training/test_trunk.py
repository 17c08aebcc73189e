"""Variants that differ in their prune alone, trained as one until then."""

import pytest
import torch

from nist import metrics_file, train
from nist.errors import InputError, StoppedError
from nist.training import session
from tests.nist.training.block import without_times


@pytest.fixture
def short(five_epochs):
    """With SGD from the third epoch."""
    return five_epochs(adam=0.4)


@pytest.fixture
def command(short, images, tmp_path, monkeypatch):
    """Run the command on a tenth of the digits and return the file it wrote."""
    monkeypatch.setattr(train.sources, "load", lambda *arguments: (images, None))

    def run(name, variant, *options, seeds="0-1"):
        out = tmp_path / name
        places = ["--out", out, "--checkpoints", tmp_path / "kept", "--cache", tmp_path]
        words = ["--study", short.path, "--variant", variant, "--seeds", seeds, *places, *options]
        train.main([str(word) for word in words])
        return out

    return run


def rows(path):
    return without_times(metrics_file.read(path).table.to_pylist())


def test_variants_share_a_trunk_if_they_differ_in_their_prune_alone(short):
    trunks = {name: short.trunk(name) for name in short.variants}
    assert trunks["dense"] is None
    assert trunks["nist-1-10-p98"] == trunks["nist-1-10-p99.5"]
    assert trunks["nist-1-10-p98"].epoch == 2
    assert trunks["nist-1-10-p98"].configuration["prune"] is None
    assert trunks["nist-1-5-p99.5"].key != trunks["nist-1-10-p98"].key
    assert short.trunk("nist-1-10-p98", epochs=4).key != trunks["nist-1-10-p98"].key


@pytest.mark.parametrize("together", [1, 2])
def test_runs_that_go_on_from_a_trunk_have_the_same_bits(command, together):
    options = ["--together", together]
    trunk = command("trunk.safetensors", "nist-1-10-p98", "--until-prune", *options)
    for variant in ("nist-1-10-p98", "nist-1-10-p99.5"):
        alone = command("alone.parquet", variant, *options)
        branch = command("branch.parquet", variant, "--trunk", trunk, *options)
        assert rows(branch) == rows(alone)
        assert {row["variant"] for row in rows(branch)} == {variant}
        assert len(metrics_file.read(branch).description["sessions"]) == 2
        assert (
            metrics_file.read(branch).description["configuration"]
            == metrics_file.read(alone).description["configuration"]
        )


def test_a_seed_replayed_alone_and_without_a_trunk_has_the_bits_of_its_published_block(command, tmp_path):
    trunk = command("trunk.safetensors", "nist-1-10-p98", "--until-prune")
    block = command("block.parquet", "nist-1-10-p98", "--trunk", trunk)
    replay = command("replay.parquet", "nist-1-10-p98", "--checkpoints", tmp_path / "kept/replays", seeds="1-1")
    assert rows(replay) == [row for row in rows(block) if row["seed"] == 1]
    assert len(metrics_file.read(replay).description["sessions"]) == 1  # every epoch is its own


def test_a_replay_neither_goes_on_from_nor_removes_the_checkpoint_of_a_training(command, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(metrics_file, "write", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(StoppedError, match="stopped at once; nothing is lost"):
            command("stopped.parquet", "dense", "--minutes", 0, seeds="1-1")
    before = {path: path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    replay = command("replay.parquet", "dense", "--checkpoints", tmp_path / "kept/replays", seeds="1-1")
    assert len(metrics_file.read(replay).description["sessions"]) == 1
    assert before
    assert {path: path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file()} == before
    assert len(metrics_file.read(command("stopped.parquet", "dense", seeds="1-1")).description["sessions"]) == 2


def test_a_checkpoint_of_its_own_comes_before_the_trunk(command, tmp_path, monkeypatch):
    trunk = command("trunk.safetensors", "nist-1-10-p98", "--until-prune")
    with monkeypatch.context() as patch:
        patch.setattr(metrics_file, "write", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(StoppedError, match="stopped at once; nothing is lost"):
            command("branch.parquet", "nist-1-10-p98", "--trunk", trunk, "--minutes", 0)
    branch = command("branch.parquet", "nist-1-10-p98", "--trunk", trunk)
    assert len(metrics_file.read(branch).description["sessions"]) == 3
    assert rows(branch) == rows(command("alone.parquet", "nist-1-10-p98"))
    assert not any((tmp_path / "kept").iterdir())


def test_a_trunk_that_does_not_fit_is_named(command, tmp_path):
    trunk = command("trunk.safetensors", "nist-1-10-p98", "--until-prune")
    refused = [
        ("nist-1-5-p99.5", trunk, "0-1", "trunk.safetensors: trunk of another configuration or another version"),
        ("nist-1-10-p98", trunk, "0-2", r"trunk of seeds \[0, 1\], not 0-2"),
        ("nist-1-10-p98", tmp_path / "none", "0-1", "none: no such trunk; train it with --until-prune"),
        ("dense", trunk, "0-1", "variants.dense is not pruned, so it has no trunk"),
    ]
    for variant, path, seeds, message in refused:
        with pytest.raises(InputError, match=message):
            command("m.parquet", variant, "--trunk", path, seeds=seeds)
    content = trunk.read_bytes()
    for damaged in (b"", content[:100], content[:-1], b"text"):
        trunk.write_bytes(damaged)
        with pytest.raises(InputError, match="trunk.safetensors: damaged trunk .*; remove it and train it again"):
            command("m.parquet", "nist-1-10-p98", "--trunk", trunk)
    assert not (tmp_path / "m.parquet").exists()


def test_a_trunk_goes_on_from_a_checkpoint(command, tmp_path, monkeypatch):
    whole = command("whole.safetensors", "nist-1-10-p98", "--until-prune")
    with monkeypatch.context() as patch:
        patch.setattr(train.artifacts, "save_trunk", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(StoppedError, match="stopped at once; nothing is lost"):
            command("trunk.safetensors", "nist-1-10-p98", "--until-prune", "--minutes", 0)
    patched = []
    monkeypatch.setattr(session.Run, "measured_epoch", lambda run: patched.append(run))
    again = command("trunk.safetensors", "nist-1-10-p98", "--until-prune")
    assert not patched  # every epoch was in the checkpoint
    ours, theirs = (train.artifacts.checkpoint.read(path)[1] for path in (again, whole))
    assert all(torch.equal(ours[seed][name], theirs[seed][name]) for seed in theirs for name in theirs[seed])
