import errno
import re
import resource
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nist import errors
from nist import metrics_file as record
from nist.errors import InputError
from nist.studies import study
from tests.refusals import redescribed

ACCURACIES = [[0.0, 0.5, 0.9], [0.2, 0.6, 1.0]]


def altered(path, change):
    """Rewrite a metrics file with ``change`` applied to its table, metadata kept."""
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    return path


def test_what_is_written_is_read_back(metrics_file, make_rows):
    block = record.read(metrics_file("m", ACCURACIES))
    assert block.table.to_pylist() == make_rows(ACCURACIES)
    assert block.description["seeds"] == [0, 1]
    assert block.description["configuration"]["prune"] == {"epoch": 4, "sparsity": 0.995}


def test_the_digest_that_a_file_states_is_read_without_its_rows(metrics_file, tmp_path):
    path = metrics_file("m", ACCURACIES)
    assert record.stated_digest(path) == record.read(path).description["configuration_digest"]
    foreign = tmp_path / "x.parquet"
    assert record.stated_digest(foreign) is None
    pq.write_table(pa.table({"seed": [1]}), foreign)
    assert record.stated_digest(foreign) is None


def test_rows_are_sorted_by_seed_and_epoch(tmp_path, make_rows, description):
    record.write(tmp_path / "m.parquet", make_rows(ACCURACIES)[::-1], description([1, 0], 3))
    table = record.read(tmp_path / "m.parquet").table
    assert table["seed"].to_pylist() == [0, 0, 0, 1, 1, 1]
    assert table["epoch"].to_pylist() == [1, 2, 3] * 2


def test_a_diverged_run_keeps_its_nan(metrics_file):
    block = record.read(metrics_file("m", ACCURACIES, diverged={1}))
    assert block.table["diverged"].to_pylist() == [False] * 3 + [True] * 3


def test_whole_numbers_are_written_as_the_type_of_their_column(make_rows, description, tmp_path):
    rows = [row | {"val_accuracy": 1, "train_loss": 2} for row in make_rows(ACCURACIES)]
    record.write(tmp_path / "m.parquet", rows, description([0, 1], 3))
    assert record.read(tmp_path / "m.parquet").table.schema == record.SCHEMA


def test_accuracies_that_are_off_by_a_last_bit_are_read_as_the_fractions_that_they_are(metrics_file):
    counts = [0, 7, 26, 50]  # of 50 validation images
    off = [float(np.nextafter(count / 50, 0.51)) for count in counts]
    path = metrics_file("m", [off])
    table = record.read(path).table
    assert pq.read_table(path)["val_accuracy"].to_pylist() == off
    assert table["val_accuracy"].to_pylist() == [count / 50 for count in counts]


def test_accuracies_that_are_no_fractions_of_the_images_are_read_as_they_are(metrics_file):
    stated = [1 / 3, 0.1400001, 0.5]
    assert record.read(metrics_file("m", [stated])).table["val_accuracy"].to_pylist() == stated


@pytest.mark.parametrize("images", [None, 0, -1, 1.5, True, "50", [50], 2**60, 10**400])
def test_what_is_no_number_of_images_changes_no_accuracy(metrics_file, configuration, images):
    said = {"configuration": configuration, "validation_images": images, "training_images": images}
    configuration["training"].update(drop_last=True, batch_size=0)
    assert record.read(metrics_file("m", [[0.3]], describe=said)).table["val_accuracy"].to_pylist() == [0.3]


def test_images_that_no_batch_had_are_not_counted(metrics_file, configuration):
    configuration = {**configuration, "training": {**configuration["training"], "drop_last": True, "batch_size": 30}}
    off = float(np.nextafter(7 / 90, 1))  # three batches of 100 images
    path = metrics_file("m", [[0.5]], describe={"configuration": configuration}, train_accuracy=[[off]])
    assert record.read(path).table["train_accuracy"].to_pylist() == [7 / 90]


def test_a_missing_file_and_a_text_are_named(tmp_path):
    path = tmp_path / "m.parquet"
    with pytest.raises(InputError, match="m.parquet: no such metrics file"):
        record.read(path)
    path.write_text("no metrics")
    with pytest.raises(InputError, match=r"m.parquet: not a whole Parquet file \(Parquet magic bytes not found"):
        record.read(path)


def test_a_missing_epoch_is_named(metrics_file):
    path = altered(metrics_file("m", ACCURACIES), lambda table: pa.concat_tables([table.slice(0, 1), table.slice(2)]))
    with pytest.raises(InputError, match=r"seed 0 lacks epoch 2 \(1 of 6 rows missing\)"):
        record.read(path)


@pytest.mark.parametrize(("name", "value"), [("seed", 7), ("epoch", 0), ("epoch", 4)])
def test_a_row_of_another_seed_or_epoch_stands_for_none_that_belongs(metrics_file, name, value):
    def change(table):
        values = table[name].to_pylist()
        return table.set_column(table.column_names.index(name), name, pa.array([values[0], value, *values[2:]]))

    with pytest.raises(InputError, match=r"seed 0 lacks epoch 2 \(1 of 6 rows missing\)"):
        record.read(altered(metrics_file("m", ACCURACIES), change))


def test_a_doubled_row_is_refused(metrics_file):
    path = altered(metrics_file("m", ACCURACIES), lambda table: pa.concat_tables([table.slice(0, 1), table]))
    with pytest.raises(InputError, match="7 rows where 6 belong"):
        record.read(path)


def test_metadata_that_promise_more_rows_than_memory_holds_are_refused(metrics_file):
    promise = {"seeds": list(range(1000)), "epochs": 10**6}
    path = redescribed(metrics_file("m", ACCURACIES), lambda description: description.update(promise))
    with pytest.raises(InputError, match=r"seed 0 lacks epoch 4 \(999999994 of 1000000000 rows missing\)"):
        record.read(path)


@pytest.mark.parametrize("metadata", [None, {record.KEY: b"[1]"}, {record.KEY: b"[" * 200_000}])
def test_metadata_that_are_absent_no_dictionary_or_nested_without_end_are_refused(metrics_file, metadata):
    path = metrics_file("m", ACCURACIES)
    pq.write_table(pq.read_table(path).replace_schema_metadata(metadata), path)
    with pytest.raises(InputError, match="no readable 'nist' metadata"):
        record.read(path)


def test_an_altered_value_is_refused(metrics_file):
    def change(table):
        position = table.column_names.index("val_accuracy")
        return table.set_column(position, "val_accuracy", pa.array([0.99] * len(table)))

    with pytest.raises(InputError, match="rows do not match their checksum"):
        record.read(altered(metrics_file("m", ACCURACIES), change))


def test_an_altered_configuration_is_refused(metrics_file):
    def change(description):
        description["configuration"]["training"]["batch_size"] += 1

    path = redescribed(metrics_file("m", ACCURACIES), change)
    with pytest.raises(InputError, match="configuration does not match its digest"):
        record.read(path)


def test_another_version_of_the_contract_is_refused_before_its_columns(metrics_file):
    assert record.read(metrics_file("m", ACCURACIES)).description["contract"] == record.CONTRACT
    path = redescribed(metrics_file("m", ACCURACIES), lambda description: description.update(contract=2))
    altered(path, lambda table: table.drop_columns("seconds"))
    with pytest.raises(InputError, match="m.parquet: version 2 of the metrics contract; this code reads version 1"):
        record.read(path)


def test_a_foreign_parquet_file_is_refused(tmp_path):
    pq.write_table(pa.table({"seed": [1]}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="missing active_weights: int64"):
        record.read(tmp_path / "x.parquet")


def test_other_columns_are_named(metrics_file):
    path = altered(metrics_file("m", ACCURACIES), lambda table: table.rename_columns({"seconds": "hours"}))
    with pytest.raises(InputError, match="contract: missing seconds: double; unexpected hours: double"):
        record.read(path)
    path = altered(metrics_file("m", ACCURACIES), lambda table: table.select(table.column_names[::-1]))
    with pytest.raises(InputError, match="contract: order differs"):
        record.read(path)


def test_a_nan_that_is_not_flagged_is_refused(tmp_path, make_rows, description):
    rows = make_rows(ACCURACIES)
    rows[2]["val_loss"] = float("nan")
    with pytest.raises(InputError, match="seed 0, epoch 3: a loss is not finite"):
        record.write(tmp_path / "m.parquet", rows, description([0, 1], 3))


@pytest.mark.parametrize("value", [90.0, -0.1, float("nan")])
@pytest.mark.parametrize("name", record.ACCURACIES)
def test_an_accuracy_that_is_no_fraction_is_refused(tmp_path, make_rows, description, name, value):
    rows = make_rows(ACCURACIES)
    rows[1][name] = value
    with pytest.raises(InputError, match=rf"seed 0, epoch 2: {name} is {value}, not a fraction"):
        record.write(tmp_path / "m.parquet", rows, description([0, 1], 3))


def test_a_value_that_is_missing_is_named(tmp_path, make_rows, description):
    rows = make_rows(ACCURACIES)
    rows[4]["seconds"] = None
    with pytest.raises(InputError, match=r"m.parquet: seed 1, epoch 2: seconds: a value is missing"):
        record.write(tmp_path / "m.parquet", rows, description([0, 1], 3))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(("seeds", value, "seeds is no list of whole") for value in ([-1, 1], [0, 10**6], [False, True], "01", {})),
        *(("epochs", value, "epochs is no whole number") for value in (0, -1, 10**6 + 1, 3.0, True, "3")),
        ("configuration", {"a": float("nan")}, "the configuration has a number that is none"),
    ],
)
def test_a_description_that_the_checks_cannot_rely_on_is_refused(metrics_file, name, value, message):
    path = redescribed(metrics_file("m", ACCURACIES), lambda description: description.update({name: value}))
    with pytest.raises(InputError, match=f"m.parquet: metadata: {message}"):
        record.read(path)


def test_a_description_that_lacks_something_is_refused(metrics_file):
    path = redescribed(
        metrics_file("m", ACCURACIES), lambda description: [description.pop(n) for n in ("seeds", "checksum")]
    )
    with pytest.raises(InputError, match="m.parquet: metadata lacks checksum, seeds"):
        record.read(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(metrics_file, make_rows, description, monkeypatch):
    path = metrics_file("m", ACCURACIES)
    old = path.read_bytes()

    def full(table, where):
        Path(where).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(record.pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        record.write(path, make_rows(ACCURACIES), description([0, 1], 3))
    assert path.read_bytes() == old
    assert [entry.name for entry in path.parent.glob(".*")] == []


def test_a_write_that_the_system_refuses_ends_in_one_line(make_rows, description, tmp_path, monkeypatch):
    monkeypatch.setattr("warnings.formatwarning", warnings.formatwarning)  # run sets it
    target = tmp_path / "limited" / "m.parquet"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(SystemExit) as ended:
            errors.run(lambda: record.write(target, make_rows(ACCURACIES), description([0, 1], 3)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert re.fullmatch(r"error: .*File too large.*", ended.value.code)
    assert list(target.parent.iterdir()) == []


def test_whatever_seed_a_study_may_have_can_be_read_back(tmp_path, make_rows, description):
    seed = study.LARGEST_SEED - 1
    rows = [{**row, "seed": seed} for row in make_rows(ACCURACIES[:1])]
    record.write(tmp_path / "m.parquet", rows, description([seed], 3))
    assert record.read(tmp_path / "m.parquet").description["seeds"] == [seed]
