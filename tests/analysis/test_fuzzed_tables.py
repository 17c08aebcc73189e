"""CSV files, pages and benchmarks that are cut off or altered: refused in one line that names the file, or whole."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import cli
from analysis.claims import claim, ledger_file
from analysis.report import assumptions, verdicts
from nist.benchmarks import results_file
from nist.errors import InputError
from tests.refusals import FUZZED, PLACES, sampled_damage, taken, truncated

CLAIMS = b"".join(Path("analysis/claims/claims.csv").read_bytes().splitlines(keepends=True)[:2])
STATISTIC = b"variant,seed,score,accuracy\ndense,0,last,0.81\nnist-1-10,0,last,0.8\n"
LEDGER = b"id,verdict,printed,ours,low,high,n,readings,finding,reason,rule\nabs.deit70,not run,negligible,,,,,,,x,y\n"
PAGE = b"# A\n\n## B\n\n| No. | x |\n|---|---|\n| U1 | y |\n"
READERS = {
    "claims.csv": (claim.read, CLAIMS),
    "run_scores.csv": (cli.read_csv, STATISTIC),
    "ledger.csv": (lambda path: verdicts.section(ledger_file.read(path), {}), LEDGER),
    "assumptions.md": (assumptions.read, PAGE),
}


@PLACES
@pytest.mark.parametrize("name", READERS)
def test_a_text_cut_off_or_altered_at_any_byte_is_taken_or_refused_in_one_line(tmp_path, name, n):
    (read, whole), path = READERS[name], tmp_path / name
    path.write_bytes(whole)
    assert taken(read, path)
    cuts, flips = map(list, sampled_damage(whole, n, [at.end() for at in re.finditer(rb"[\n,|]", whole)]))
    inserted = [part + extra + whole[len(part) :] for part in cuts for extra in (b'"', b"\0")]
    for content in (*cuts, *flips, *inserted):
        path.write_bytes(content)
        taken(read, path)


def test_a_table_cut_off_within_a_row_is_refused_and_one_cut_off_between_rows_is_a_shorter_one(tmp_path):
    path = tmp_path / "run_scores.csv"
    for content in truncated(STATISTIC):
        path.write_bytes(content)
        assert taken(cli.read_csv, path) == content.endswith(b"\n")


@settings(FUZZED, max_examples=200)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode()))
def test_any_text_is_refused_in_one_line(tmp_path_factory, name, content):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    assert not taken(READERS[name][0], path)


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_named(tmp_path, name):
    assert not taken(READERS[name][0], tmp_path / name)


@pytest.mark.parametrize("text", ["1/0", "1e999999999", "1e-999999999", "nan", "inf", "9" * 5000, "", "٣", "1_0"])
def test_a_printed_figure_that_is_no_number_is_refused_at_once(text):
    fields = dict.fromkeys(claim.COLUMNS, "") | {"id": "x", "printed": text, "parameters": claim.Parameters({}, "x")}
    with pytest.raises(InputError, match=r"claims.csv: x: .* is not a number"):
        claim.Claim(**fields, changed=claim.Parameters({}, "x")).figure  # noqa: B018


@PLACES
def test_a_benchmark_cut_off_or_altered_at_any_byte_is_refused_or_whole(tmp_path, n):
    path, where = tmp_path / "layers.parquet", dict.fromkeys(("device", "threads", "torch", "measured"), "x")
    results_file.write(path, [{"network": "n", "candidate": "c", "peak_bytes": 1}], where)
    table = pq.read_table(path)
    pq.write_table(table, path, compression="none", write_statistics=False)
    whole = path.read_bytes()
    assert taken(results_file.read, path)
    cuts, flips = sampled_damage(whole, n)
    for content in cuts:
        path.write_bytes(content)
        assert not taken(results_file.read, path)
    for content in flips:
        path.write_bytes(content)
        taken(results_file.read, path)
