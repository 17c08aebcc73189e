"""Studies that are cut off, altered or hostile: refused in one line that names the file, or whole studies."""

import shutil
import string
from contextlib import suppress
from copy import deepcopy

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nist.errors import InputError
from nist.studies import overrides, study, yaml_file
from tests.refusals import FUZZED, PLACES, sampled_damage, taken
from tests.workflow.small_study import shrink

FILES = sorted(study.FOLDER.glob("*.yaml"))
STUDIES = {path.name: study.load(path).content for path in FILES}
SAID = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}  # without what they inherit
NUMBERS = [0, 1, -1, 2.0, 0.5, float("nan"), float("inf"), 1e300, 5e-324, 10**9, 2**63 - 1, 2**70, 10**400]
TEXTS = ["", "x", "none", "a\nb", "lenet5-digits\n", "\0", "\u2028", "é\u0301", "../../etc/passwd", "$(touch x)",
         "; ls", "0-999999999999", "9" * 5000, "٠-٣", "1e400", "a" * 5000, "*a", "!!python/name:os.system"]  # fmt: skip
PLAIN = st.recursive(
    st.sampled_from([None, True, False, *NUMBERS, *TEXTS]) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "sgd", 1, None]), inner, max_size=3)
    ),
    max_leaves=5,
)
YAML_ONLY = st.sampled_from([b"\xff", {"a", "b"}, yaml.safe_load("2026-01-01")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The project's studies, of which a test overwrites one at a time."""
    return shutil.copytree(study.FOLDER, tmp_path_factory.mktemp("studies") / "config")


def takes(folder, name, content):
    """Whether a study with this content is taken."""
    path = folder / name
    path.write_bytes(content)
    try:
        return taken(study.load, path)
    finally:
        shutil.copy(study.FOLDER / name, path)


def places(content):
    """Every (holder, key) in nested dictionaries and lists."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield content, key
        yield from places(value)


@st.composite
def altered(draw):
    """A real study, whole or as it is written, of which up to three keys or values are deleted, replaced or moved."""
    name = draw(st.sampled_from(sorted(STUDIES)))
    content = deepcopy(draw(st.sampled_from([STUDIES, SAID]))[name])
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(places(content)) or [(content, "study")]))
        how = draw(st.sampled_from(["delete", "replace", "replace", "add", "move"]))
        if how == "delete":
            holder.pop(key, None) if isinstance(holder, dict) else holder.pop(key)
        elif how == "move":
            other, its_key = draw(st.sampled_from(list(places(content)) or [({"x": 1}, "x")]))
            holder[key] = deepcopy(other[its_key])
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(["x", "a\nb", 1, None, "training.epochs", "extends"]))] = draw(PLAIN)
        else:
            holder[key] = draw(PLAIN | YAML_ONLY)
    return name, yaml.safe_dump(content, allow_unicode=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def garbled(draw):
    """A real study with a line doubled, lost or garbled."""
    name = draw(st.sampled_from(sorted(STUDIES)))
    lines = (study.FOLDER / name).read_text(encoding="utf-8").splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    junk = draw(st.text(string.printable, max_size=5))
    lines[at : at + 1] = draw(st.sampled_from([[], [lines[at]] * 2, [junk + lines[at]], [lines[at] + junk]]))
    return name, "\n".join(lines).encode()


@pytest.mark.parametrize("examples", [20, pytest.param(250, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("studies", [altered(), garbled()], ids=["values", "lines"])
def test_an_altered_study_is_whole_or_refused_in_one_line(folder, studies, examples):
    @settings(FUZZED, max_examples=examples)
    @given(studies)
    def check(example):
        takes(folder, *example)

    check()


@PLACES
def test_a_study_cut_off_at_any_byte_is_refused_until_its_first_variant_has_sizes(folder, n):
    content = deepcopy(STUDIES["lenet5-digits.yaml"])
    shrink(content)
    content |= {"description": "x", "feeds": {}}
    whole = yaml.safe_dump(content, sort_keys=False).encode()
    sizes, second = whole.index(b"    - 10\n") + len("    - 10"), whole.index(b"  nist-1-10-p98:")
    cuts = sampled_damage(whole, n, [whole.index(b"statistics:"), sizes, second])[0]
    shorter = [len(part) for part in cuts if takes(folder, "lenet5-digits.yaml", part)]
    # With one variant less, without its factors, its prune or the last digits of that, it is another whole study.
    assert min(shorter) == sizes
    assert second in shorter
    assert len(shorter) < 60


@settings(FUZZED, max_examples=50)
@given(st.binary(max_size=200) | PLAIN.map(lambda value: yaml.safe_dump(value).encode("utf-8", "surrogatepass")))
def test_any_bytes_and_any_yaml_are_refused_in_one_line(folder, content):
    assert not takes(folder, "lenet5-digits.yaml", content)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(9 * [f'*{before}'])}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, "more than 100,000 values, repeated ones counted"),
        ("a: &a [*a]", "found unconstructable recursive node"),
        ("a: " + 40_000 * "[", "nested too deep"),
        ("a: " + 450 * "[" + 450 * "]", "nested too deep"),
        ("a:\t1\nb: [\n\tc]", "found character '\\t' that cannot start any token"),
        ("".join(" " * depth + "a:\n" for depth in range(400)), "nested too deep"),
        ("a: 1\n" * 100_000, "longer than 100,000 bytes"),
        ("a: !!python/object/apply:os.system [touch x]", "could not determine a constructor for the tag"),
        ("a: !!binary aGk=", "could not determine a constructor for the tag"),
        ("1: 2", "the key 1 is no text; quote it"),
        ("a: .nan", ".nan is too large or no number"),
        ("a: 0x" + 5000 * "f", "0xffffffffffffffffff is too large or no number"),
        ("a: " + 5000 * "9", "Exceeds the limit"),
        ('a: !!int ""', "not of the type its tag says"),
        (r'a: "\0"', r"control characters in '\x00'"),
        (r'a: "\ud800"', r"control characters in '\ud800'"),
        ("a: &x [1]\nb: *y", "found undefined alias 'y'"),
    ],
    ids=lambda text: text[:24],
)
def test_hostile_yaml_is_refused_for_what_it_is(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as error:
        yaml_file.read(path)
    assert message in str(error.value)


def test_what_an_alias_repeats_can_be_changed_by_itself(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("one: &x {rate: 1}\nother: *x\nday: 2026-01-01", encoding="utf-8")
    content = yaml_file.read(path)
    content["one"]["rate"] = 2
    assert content == {"one": {"rate": 2}, "other": {"rate": 1}, "day": "2026-01-01"}


@settings(FUZZED, max_examples=50)
@given(st.lists(st.sampled_from(["data", "model", "training", "optimizers", "0", "9" * 5000, "", "x", "²"])), PLAIN)
def test_a_change_of_a_key_that_is_not_there_is_refused(way, value):
    path = ".".join(way)
    with suppress(InputError):
        overrides.applied(STUDIES["lenet5-digits.yaml"], {path: value})


@settings(FUZZED, max_examples=50)
@given(st.text(max_size=30) | st.from_regex(r"[0-9]+-[0-9]+") | st.sampled_from(TEXTS))
def test_seeds_are_a_short_range_or_refused(text):
    with suppress(InputError):
        seeds = study.parse_seeds(text)
        assert 1 <= len(seeds) <= study.MOST_SEEDS
        assert seeds.stop <= study.LARGEST_SEED
