"""What every schema of the project holds to, so that a value can neither be endless nor bring a newline into a name."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data import auto_augment

from nist.errors import InputError
from nist.studies import schema
from tests.refusals import FUZZED

SCHEMAS = [Path("nist/studies/study.schema.yaml"), *sorted(Path("workflow/schemas").glob("*.yaml"))]


def parts(node):
    """Every part of a schema that is a schema too, or a collection of such."""
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(child)


ALL = [part for path in SCHEMAS for part in parts(yaml.safe_load(path.read_text("utf-8"))) if isinstance(part, dict)]
PATTERNS = sorted({part["pattern"] for part in ALL if isinstance(part.get("pattern"), str)})


def test_no_whole_number_is_without_a_limit():
    assert [part for part in ALL if "integer" in part.get("type", ()) and "maximum" not in part] == []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_says_what_a_text_is_from_its_beginning_to_its_end(pattern):
    assert pattern[0] + pattern[-1] == "^$"


@settings(FUZZED, max_examples=50)
@given(st.data(), st.sampled_from(PATTERNS))
def test_no_pattern_lets_a_newline_through(checked, data, pattern):
    text = data.draw(st.from_regex(pattern, fullmatch=True))
    checked({"pattern": pattern}, text)
    for hostile in (f"{text}\n", f"\n{text}", f"{text}\nx"):
        with pytest.raises(InputError, match="does not match"):
            checked({"pattern": pattern}, hostile)


@pytest.mark.parametrize("value", [2.0, True, "2", None])
def test_a_whole_number_is_an_integer_and_nothing_else(checked, value):
    checked({"type": "integer"}, 2)
    with pytest.raises(InputError, match="is not of type 'integer'"):
        checked({"type": "integer"}, value)


@pytest.mark.parametrize(
    ("rules", "value", "remedy"),
    [
        ({"type": "string"}, 20240601, '; quote it: "20240601"'),
        ({"type": ["array", "string"]}, 1.5, '; quote it: "1.5"'),
        ({"type": "string"}, date(2024, 6, 1), '; quote it: "2024-06-01"'),
        ({"type": "string", "pattern": "^[0-9]+-[0-9]+$"}, 5, ""),  # in quotes it is wrong still
        ({"type": "string"}, True, ""),  # who knows whether it was yes, on or true
        ({"type": "string"}, None, ""),
        ({"type": "array"}, 5, ""),
    ],
)
def test_a_number_or_date_for_a_text_is_to_be_quoted(checked, rules, value, remedy):
    with pytest.raises(InputError) as error:
        checked(rules, value)
    assert str(error.value).partition("'string'" if "string" in rules["type"] else "'array'")[2] == remedy


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Check a value against a schema, each given as Python has it."""
    folder = tmp_path_factory.mktemp("schemas")

    def check(rules, value):
        path = folder / f"{abs(hash(str(rules)))}.yaml"
        path.write_text(yaml.safe_dump(rules), encoding="utf-8")
        schema.check(value, path, "a.yaml")

    return check


@settings(FUZZED, max_examples=30)
@given(st.from_regex(next(pattern for pattern in PATTERNS if "mstd" in pattern), fullmatch=True))
def test_timm_reads_every_randaugment_that_a_study_may_ask_for(text):
    auto_augment.rand_augment_transform(text, {})
