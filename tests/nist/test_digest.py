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
    names = digest._imported(["nist.train", "nist.models.lenet5"])
    assert {"nist.train", "nist.loop", "nist.pruning", "nist.linear", "nist.mask", "nist.models.lenet5"} <= names.keys()
    assert "nist.models.mobilenetv1" not in names


def test_models_differ_and_the_digest_repeats():
    assert digest.of_training_code("lenet5") == digest.of_training_code("lenet5")
    assert digest.of_training_code("lenet5") != digest.of_training_code("mobilenetv1")
