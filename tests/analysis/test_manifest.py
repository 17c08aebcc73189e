"""The list of figures and tables, and the studies that it names."""

import shutil

import pytest

from analysis import manifest
from nist.errors import InputError


def test_an_item_that_the_manifest_lacks_is_named(study_content, load_study):
    study_content["feeds"]["figz"] = {}
    with pytest.raises(InputError, match="feeds: 'figz' is not in config/figures.yaml; there are table1, fig1"):
        manifest.read({"lenet5-digits": load_study(study_content)})


def test_items_of_the_paper_name_their_studies():
    assert [*manifest.named_by({"figa": {"studies": ["lenet5-fmnist", "lenet5-cifar10"]}, "figb": {}})] == [
        "lenet5-cifar10",
        "lenet5-fmnist",
    ]
    with pytest.raises(InputError, match="config/studies/nowhere.yaml: no such file"):
        manifest.named_by({"fig4": {"studies": ["nowhere"]}})


def test_a_manifest_is_checked(tmp_path, monkeypatch):
    shutil.copy(manifest.MANIFEST, tmp_path)
    monkeypatch.setattr(manifest, "MANIFEST", tmp_path / "figures.yaml")
    assert "fig4" in manifest.read({})
    manifest.MANIFEST.write_text("fig4: {kind: drawing}\n", encoding="utf-8")
    with pytest.raises(InputError, match="fig4"):
        manifest.read({})
