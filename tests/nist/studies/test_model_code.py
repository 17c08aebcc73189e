"""Mistakes in a model that its text tells, before anything is imported or trained."""

import pytest

from nist.errors import InputError
from nist.studies import model_code, study

GOOD = "from torch import nn\n\n\ndef backbone(image_shape, *, width, depth=1):\n    return nn.Identity(), width\n"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Check a model of this text, with options."""
    monkeypatch.syspath_prepend(tmp_path)

    def call(text, **options):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine/net.py").write_text(text)
        model_code.check({"name": "mine.net", "options": options, "head": {}})

    return call


def test_a_sound_model_passes(check):
    check(GOOD, width=3)
    check(GOOD, width=3, depth=2)
    check(GOOD.replace("*, width", "width"), width=3)
    check(GOOD.replace("*, width, depth=1", "width, **more"), width=3, anything=1)
    check(GOOD.replace("def", "@of_any_options\ndef"), whatever=1)
    check("from .nowhere_to_be_found import part\n" + GOOD, width=3)
    check("from functools import partial as backbone\n", whatever=1)  # of what is no function, only that it is there


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("def backbone(:\n", {}, "net.py is not valid Python: .*line 1"),
        ("import nowhere_to_be_found.x\n" + GOOD, {"width": 1}, "imports nowhere_to_be_found, which is not installed"),
        ("def network(image_shape):\n    pass\n", {}, "mine.net has no backbone; a study of it gives blocks"),
        (GOOD, {"widht": 3}, "takes no 'widht'; it takes width, depth"),
        (GOOD, {}, "mine.net needs 'width'"),
    ],
)
def test_a_mistake_is_named(check, text, options, message):
    with pytest.raises(InputError, match=message) as error:
        check(text, **options)
    assert "\n" not in str(error.value)


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"unknown model 'mymodels\.nowhere'; is its package installed"):
        model_code.check({"name": "mymodels.nowhere", "options": {}, "head": {}})


def test_the_models_of_every_study_pass():
    for path in sorted(study.FOLDER.glob("*.yaml")):
        one = study.load(path)
        for variant in one.variants:
            model_code.check(one.configuration(variant)["model"])
