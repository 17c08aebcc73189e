import sys
import tokenize
from pathlib import Path

import pytest

from nist import digest


def test_key_order_and_layout_of_a_configuration_do_not_count():
    assert digest.of_configuration({"a": 1, "b": [1, 2]}) == digest.of_configuration({"b": [1, 2], "a": 1})
    assert digest.of_configuration({"a": 1}) != digest.of_configuration({"a": 2})


SOURCE = '''"""Module."""

def step(x):
    """What it does."""
    # why
    return x * 0.9, "text"
'''


@pytest.mark.parametrize(
    "edited",
    [
        SOURCE.replace("Module.", "Another docstring."),
        SOURCE.replace('    """What it does."""\n', ""),
        SOURCE.replace("    # why\n", ""),
        SOURCE.replace('x * 0.9, "text"', 'x *  0.9 , "text"'),
        SOURCE.replace("\n\n", "\n\n\n# a comment\n"),
    ],
)
def test_comments_docstrings_and_layout_of_code_do_not_count(edited):
    assert edited != SOURCE
    assert digest._substance(edited) == digest._substance(SOURCE)


@pytest.mark.parametrize(
    "edited",
    [
        SOURCE.replace("0.9", "0.8"),
        SOURCE.replace('"text"', '"test"'),
        SOURCE.replace("    return", "    if x:\n        return"),
        SOURCE.replace("x * 0.9", "x + 0.9"),
    ],
)
def test_anything_that_can_change_a_number_counts(edited):
    assert digest._substance(edited) != digest._substance(SOURCE)


def test_the_code_of_a_run_is_what_its_training_imports():
    names = digest.imported(["nist.train", "nist.models.lenet5"])
    assert {
        "nist.train",
        "nist.training.loop",
        "nist.sparse.prune",
        "nist.sparse.linear",
        "nist.sparse.mask",
        "nist.models.lenet5",
    } <= names.keys()
    assert "nist.models.mobilenetv1" not in names


def test_code_counts_with_what_it_imports_and_the_data_beside_it(monkeypatch):
    whole = digest.of_code("analysis.findings.__main__")
    assert digest.of_code("analysis.findings.__main__") == whole
    assert digest.of_code("analysis.claims.__main__") != whole
    with monkeypatch.context() as patched:
        patched.setattr(digest, "DATA", set())  # as if the template of the findings were not there
        assert digest.of_code("analysis.findings.__main__") != whole
    monkeypatch.setattr(digest, "_named", lambda *_: ())  # as if it imported nothing
    assert digest.of_code("analysis.findings.__main__") != whole


def test_the_rooms_that_decide_numbers_count_and_no_other():
    names = {name for name in digest.imported(["nist.train", "nist.models.lenet5"]) if digest._decides(name)}
    assert {name.split(".")[1] for name in names} == {*digest.DECISIVE}
    decisive = {"nist.training.session", "nist.training.cpu_ops", "nist.data.splits", "nist.sparse.mask"}
    assert decisive <= names
    assert not {"nist.train", "nist.errors", "nist.runtime.heartbeat", "nist.studies.plan", "nist.metrics_file"} & names
    assert digest._decides("mine.wide")


@pytest.mark.parametrize(
    ("module", "counts"),
    [
        ("training/loop", True),
        ("sparse/prune", True),
        ("data/splits", True),
        ("models/lenet5", True),
        ("runtime/faults", False),
        ("studies/plan", False),
        ("errors", False),
        ("train", False),
    ],
)
def test_an_edit_of_a_decisive_line_counts_and_of_another_room_does_not(module, counts, monkeypatch):
    before = digest_of_a_new_process("lenet5")
    path, read = digest.PACKAGE / f"{module}.py", Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, **how: read(self, **how) + "\nEDITED = 1\n" * (self == path))
    assert (digest_of_a_new_process("lenet5") != before) == counts
    digest.of_training_code.cache_clear()


def test_models_differ_and_the_digest_repeats():
    found = digest.of_training_code("lenet5")
    digest.of_training_code.cache_clear()
    assert digest.of_training_code("lenet5") == found
    assert digest.of_training_code("lenet5") != digest.of_training_code("mobilenetv1")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of somebody's own, with a model that takes its layers from a module beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ImportError('this package cannot be imported without a GPU')")
    (folder / "wide.py").write_text("from . import layers\nfrom mine.parts import WIDTH\n")
    (folder / "layers.py").write_text("import torch\n")
    (folder / "parts.py").write_text("WIDTH = 3\n")
    (folder / "other.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_model_of_ones_own_counts_with_all_that_it_imports_of_its_package(package):
    names = digest.imported(["nist.train", "mine.wide"])
    assert {name for name in names if name.startswith("mine")} == {"mine", "mine.wide", "mine.layers", "mine.parts"}
    before = digest_of_a_new_process("mine.wide")
    (package / "parts.py").write_text("WIDTH = 4\n")
    assert digest_of_a_new_process("mine.wide") != before
    (package / "other.py").write_text("1\n")
    (package / "parts.py").write_text("WIDTH = 3  # as before\n")
    assert digest_of_a_new_process("mine.wide") == before


def digest_of_a_new_process(model):
    digest.of_training_code.cache_clear()
    return digest.of_training_code(model)


def test_what_is_edited_while_a_process_trains_is_not_what_it_trains_with(package):
    before = digest_of_a_new_process("mine.wide")
    (package / "parts.py").write_text("WIDTH = 4\n")
    assert digest.of_training_code("mine.wide") == before


def test_the_source_of_what_is_no_module_is_none(package):
    assert digest.source("mine.parts") == package / "parts.py"
    (package.parent / "bare").mkdir()
    assert [digest.source(name) for name in ("mine.parts.WIDTH", "mine.none", "nowhere", "sys", "bare")] == [None] * 5


@pytest.mark.parametrize("before", ["", "\x0c\n"])  # a form feed ends no line
def test_an_f_string_is_one_token_whatever_the_version_of_python(before, monkeypatch):
    source = before + 'name = f"a{b!r:>{width}}" + (\n    f"""c\n{f\'{d}\'}"""  # why\n)\n'
    expected = 'name = f"a{b!r:>{width}}" + ( f"""c\n{f\'{d}\'}""" );;'
    assert digest._substance(source) == expected

    def as_of_3_12(readline):
        """Two tokens for what is one here: its first character, and the rest."""
        for token in tokenize_here(readline):
            if token.type == tokenize.STRING:
                row, column = token.start
                yield tokenize.TokenInfo(start, token.string[0], token.start, (row, column + 1), token.line)
                yield tokenize.TokenInfo(tokenize.NAME, "b", (row, column + 1), (row, column + 2), token.line)
                yield tokenize.TokenInfo(end, token.string[-1], token.end, token.end, token.line)
            else:
                yield token

    tokenize_here, start, end = tokenize.generate_tokens, 1001, 1002
    if sys.version_info < (3, 12):
        monkeypatch.setattr(digest, "F_STRING", {start: 1, end: -1})
        monkeypatch.setattr(tokenize, "generate_tokens", as_of_3_12)
        assert digest._substance(source) == expected
