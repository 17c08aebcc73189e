"""Files of statistics that are not what their names say: one line that names the file, the column and the row."""

from pathlib import Path

import pandas as pd
import pytest

from analysis import cli, contracts
from nist.errors import InputError


def frame(name):
    """Two rows of a statistic that differ in every key."""
    keys, numbers = contracts.CONTRACTS[name]
    texts = {key: ["a", "b"] for key in contracts.TEXTS.get(name, ())}
    return pd.DataFrame({key: ["1", "2"] for key in keys} | {number: [1.0, None] for number in numbers} | texts)


@pytest.fixture
def read(tmp_path):
    def written(name, table):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        return cli.read_csv(tmp_path / f"{name}.csv")

    return written


@pytest.mark.parametrize("name", contracts.CONTRACTS)
def test_a_statistic_is_taken_or_refused_in_one_line(name, read):
    keys, numbers = contracts.CONTRACTS[name]
    whole = frame(name)
    assert len(read(name, whole)) == 2  # numbers may be blank
    for column in whole.columns:
        with pytest.raises(InputError, match=rf"{name}\.csv: not a statistic .*: it has no column '{column}'"):
            read(name, whole.drop(columns=column))
    for number in set(numbers) - set(keys):
        with pytest.raises(InputError, match=rf"{name}\.csv: column '{number}', row 3: 'twenty' is no number"):
            read(name, whole.astype({number: object}).assign(**{number: [1.0, "twenty"]}))
    with pytest.raises(InputError, match=rf"{name}\.csv: two rows of "):
        read(name, pd.concat([whole, whole.iloc[:1]]))


def test_every_statistic_is_a_module():
    modules = {path.stem: path.read_text(encoding="utf-8") for path in Path("analysis/statistics").glob("*.py")}
    assert {name for name, text in modules.items() if "\ndef of_study(" in text} == set(contracts.STATISTICS)
