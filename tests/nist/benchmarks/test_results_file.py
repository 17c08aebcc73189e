import pytest

from nist.benchmarks import results_file
from nist.errors import InputError

WHERE = {"kind": "cpu", "device": "a processor", "threads": "2", "torch": "2.15.0", "measured": "2026-01-01"}
ROW = {"network": "net", "rows": 8, "candidate": "masked", "total_ms": 1.5, "peak_bytes": 10}


def test_what_is_written_is_read_back(tmp_path):
    results_file.write(tmp_path / "cpu" / "layers.parquet", [ROW], WHERE)
    frame, where = results_file.read(tmp_path / "cpu" / "layers.parquet")
    assert (frame.to_dict("records"), where) == ([ROW], WHERE)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="nothing.parquet: no such file; make bench writes it"):
        results_file.read(tmp_path / "nothing.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(InputError, match="text.parquet: not a Parquet file"):
        results_file.read(tmp_path / "text.parquet")
    results_file.write(tmp_path / "other.parquet", [{"rows": 1}], WHERE)
    with pytest.raises(InputError, match=r"other.parquet: not a benchmark \(candidate, network missing\)"):
        results_file.read(tmp_path / "other.parquet")
    results_file.write(tmp_path / "bare.parquet", [ROW], {})
    with pytest.raises(InputError, match=r"bare.parquet: not a benchmark \(device, measured, threads, torch missing\)"):
        results_file.read(tmp_path / "bare.parquet")
