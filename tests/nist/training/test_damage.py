"""Files cut at any byte, with any byte changed, or of any bytes at all: one line, never a traceback, never half."""

import json
import warnings

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nist import metrics_file as record
from nist.errors import InputError
from nist.training import artifacts, checkpoint
from nist.training.checkpoint import Checkpoint
from tests.refusals import FUZZED, PLACES, sampled_damage, taken

ACCURACIES = [[0.1, 0.9]]
DIGESTS = ("a" * 64, "b" * 64)
SESSION = {"started": "2026-01-01T00:00:00+00:00", "device": "d", "versions": {}, "commit": None}
STATES = {0: {"progress": torch.tensor([2, 0]), "network.x": torch.arange(20.0)}}


@pytest.fixture
def files(trained_rows, metrics_file, tmp_path):
    """A checkpoint, a trunk and a metrics file of the same rows."""
    rows = trained_rows(ACCURACIES)
    kept, stem = tmp_path / "block.safetensors", tmp_path / "trunk.safetensors"
    Checkpoint(kept).write(rows, [SESSION], STATES)
    artifacts.save_trunk(stem, rows, [SESSION], STATES, DIGESTS)
    metrics = metrics_file("m", ACCURACIES, describe={"configuration": {"prune": None}})
    return {"checkpoint": kept, "trunk": stem, "metrics": metrics}


def from_checkpoint(path):
    """What a checkpoint gives, ``None`` if it is said to be damaged."""
    with warnings.catch_warnings(record=True) as said:
        kept = Checkpoint(path)
    if not said:
        return kept.rows, kept.sessions, {seed: list(map(str, state.values())) for seed, state in kept.states.items()}
    assert "block.safetensors: damaged checkpoint" in str(said[0].message)
    assert "starts from the beginning" in str(said[0].message)
    assert "\n" not in str(said[0].message)
    assert not kept.rows
    return None


def from_trunk(path):
    """What a trunk gives, ``None`` if it is refused."""
    kept = Checkpoint(None)
    if not taken(lambda trunk: artifacts.graft(kept, trunk, DIGESTS, range(1), {}), path):
        return None
    return kept.rows, kept.sessions, {seed: list(map(str, state.values())) for seed, state in kept.states.items()}


def from_metrics(path):
    """What a metrics file says of its runs, ``None`` if it is refused."""
    if not taken(record.read, path):
        return None
    block = record.read(path)
    decisive = ("configuration", "configuration_digest", "checksum")
    return block.table.to_pylist(), {name: block.description[name] for name in decisive}


READERS = {"checkpoint": from_checkpoint, "trunk": from_trunk, "metrics": from_metrics}


@PLACES
@pytest.mark.parametrize("which", READERS)
def test_a_file_cut_at_any_byte_is_refused(files, which, n):
    path, read = files[which], READERS[which]
    whole = path.read_bytes()
    assert read(path) is not None
    for cut, _ in damaged(whole, n):
        path.write_bytes(cut)
        assert read(path) is None, len(cut)


@PLACES
@pytest.mark.parametrize("which", READERS)
def test_a_changed_byte_is_refused_or_changes_nothing(files, which, n):
    path, read = files[which], READERS[which]
    content = read(path)
    for cut, changed in damaged(path.read_bytes(), n):
        path.write_bytes(changed)
        assert read(path) in (None, content), len(cut)  # Parquet holds some of it twice


def damaged(whole, n):
    """``whole`` cut off, and with a bit, a byte or sixteen bytes changed, at ``n`` places or at all of them."""
    for number, cut in enumerate(sampled_damage(whole, n, boundaries(whole))[0]):
        place = len(cut)
        byte = whole[place]
        instead = (bytes([byte ^ 0x01]), bytes([byte ^ 0x80]), bytes([byte ^ 0xFF]), bytes(16))[number % 4]
        yield cut, (cut + instead + whole[place + len(instead) :])[: len(whole)]


def boundaries(whole):
    """Where the parts of a file begin: the tensors after the header of safetensors, or the footer of Parquet."""
    if whole.startswith(b"PAR1"):
        return (len(whole) - 8 - int.from_bytes(whole[-8:-4], "little"),)
    header = 8 + int.from_bytes(whole[:8], "little")
    return (8, header, header + 16)  # after the first tensor, two numbers


@pytest.mark.parametrize("which", READERS)
@settings(FUZZED, max_examples=30)
@given(data=st.data())
def test_any_bytes_are_refused(files, which, data):
    path = files[which]
    header = json.dumps(data.draw(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.integers()))))
    framed = len(header.encode()).to_bytes(8, "little") + header.encode()
    ending = data.draw(st.binary(max_size=40))
    path.write_bytes(data.draw(st.sampled_from([ending, framed + ending, b"PAR1" + ending + b"PAR1"])))
    assert READERS[which](path) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(FUZZED, max_examples=30)
@given(rows=JSON, sessions=JSON, digests=JSON, name=st.text(max_size=5).filter(lambda text: "\0" not in text))
def test_a_whole_file_of_anything_but_a_block_is_refused(tmp_path_factory, rows, sessions, digests, name):
    path = tmp_path_factory.mktemp("any") / "block.safetensors"
    checkpoint.save(path, rows, sessions, {name: {"x": torch.zeros(1)}}, digests=digests)
    if rows in ([], {}, "") and sessions in ([], {}, ""):
        return
    assert from_checkpoint(path) is None


@pytest.mark.parametrize("change", ["name", "value", "absent", "seed", "epoch", "state"])
def test_a_whole_checkpoint_of_another_block_is_named(trained_rows, tmp_path, change):
    from nist.training.seed_block import Block

    rows, states = trained_rows(ACCURACIES), STATES
    if change == "name":
        rows[0]["more"] = 1
    elif change == "value":
        rows = [{**row, "epoch": "first"} for row in rows]
    elif change == "absent":
        rows[0]["val_loss"] = None
    elif change in ("seed", "epoch"):
        rows[0][change] = 7
    else:
        states = {}
    path = tmp_path / "block.safetensors"
    checkpoint.save(path, rows, [SESSION], states)
    if change in ("name", "value", "absent"):
        assert from_checkpoint(path) is None
        return
    with pytest.raises(InputError, match=r"block.safetensors: not of seeds 0-0 at 3 epochs, or not whole; remove it"):
        Block(None, range(1), 3, Checkpoint(path))


def test_a_trunk_is_gone_on_from_by_its_own_runs_alone(files, trained_rows, tmp_path):
    path, kept = files["trunk"], Checkpoint(None)
    artifacts.graft(kept, path, DIGESTS, range(1), {"study": "another", "variant": "other"})
    assert kept.rows == [{**row, "study": "another"} for row in trained_rows(ACCURACIES, variant="other")]
    assert (kept.sessions, kept.source, [*kept.states]) == ([SESSION], path, [0])
    before = kept.rows
    artifacts.graft(kept, tmp_path / "none", DIGESTS, range(1), {})
    assert kept.rows is before  # what has begun goes on from its own checkpoint
    assert artifacts.is_trunk(path, range(1), DIGESTS)
    for place, digests, seeds, message in (
        (path, DIGESTS[::-1], range(1), "trunk of another configuration or another version of the code"),
        (path, DIGESTS, range(2), r"trunk of seeds \[0\], not 0-1"),
        (tmp_path / "none", DIGESTS, range(1), "none: no such trunk; train it with --until-prune"),
    ):
        assert not artifacts.is_trunk(place, seeds, digests)
        with pytest.raises(InputError, match=message):
            artifacts.graft(Checkpoint(None), place, digests, seeds, {})


@pytest.mark.parametrize("change", [{"started": None}, {"device": 1}, {"versions": ...}])
def test_a_session_that_does_not_say_when_and_where_it_was_is_refused(trained_rows, tmp_path, change):
    path, session = tmp_path / "block.safetensors", {**SESSION, **change}
    checkpoint.save(path, trained_rows(ACCURACIES), [{k: v for k, v in session.items() if v is not ...}], STATES)
    assert from_checkpoint(path) is None


def test_names_types_shapes_and_values_of_a_state_count_in_its_digest():
    zeros = torch.zeros(4)
    states = [{"a": zeros}, {"b": zeros}, {"a": zeros.view(2, 2)}, {"a": zeros.int()}, {"a": zeros + 1}, {}]
    assert len({checkpoint.digest_of(content, state) for state in states for content in ({}, {"rows": "[]"})}) == 12


def test_of_a_damaged_checkpoint_the_one_before_is_gone_on_from_and_not_lost_again(trained_rows, tmp_path):
    path = tmp_path / "kept" / "study" / "variant" / "key" / "block.safetensors"
    for epochs in (1, 2):
        Checkpoint(path).write(trained_rows([[0.5] * epochs]), [SESSION], STATES)
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.warns(UserWarning, match=r"damaged checkpoint \(.*\), the block goes on from the one before it"):
        kept = Checkpoint(path)
    assert len(kept.rows) == 1
    assert len(Checkpoint(path).rows) == 1
    kept.write(trained_rows([[0.5] * 2]), [SESSION], STATES)
    assert [len(checkpoint.read(each)[0]["rows"]) for each in (path, kept.previous)] == [2, 1]
    kept.remove()
    assert not any((tmp_path / "kept").iterdir())


@settings(FUZZED, max_examples=30)
@given(name=st.sampled_from(["seeds", "epochs", "configuration", "checksum"]), value=JSON)
def test_a_metrics_file_whose_description_is_anything_is_refused(files, name, value):
    table, altered_file = pq.read_table(files["metrics"]), files["metrics"].parent / "altered" / "m.parquet"
    altered_file.parent.mkdir(exist_ok=True)
    description = json.loads(table.schema.metadata[record.KEY])
    altered = json.dumps({**description, name: value})
    pq.write_table(table.replace_schema_metadata({record.KEY: altered}), altered_file)
    assert from_metrics(altered_file) is None or value == description[name]
