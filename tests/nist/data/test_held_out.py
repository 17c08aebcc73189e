"""Validation on held-out training images, with the test accuracy of every epoch beside it."""

import numpy as np
import pytest
import torch

from nist.data import packed, splits
from nist.errors import InputError
from tests.nist.training.block import train_block

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images():
    return packed.Images(*(array[::4] for array in packed.digits()))


def test_a_tenth_of_each_class_is_held_out_and_not_trained_on(images, study_content):
    labels = images.train_labels
    held = splits.held_out(labels)
    assert [held[labels == label].sum() for label in range(10)] == [
        (labels == label).sum() // 10 for label in range(10)
    ]
    assert np.array_equal(held, splits.held_out(labels))
    made = splits.prepare(images, {**study_content["data"], "validation": "holdout"}, CPU)
    assert (len(made.training), len(made.validation), len(made.test)) == (
        (~held).sum(),
        held.sum(),
        len(images.test_labels),
    )
    for split, expected in (
        (made.training, labels[~held]),
        (made.validation, labels[held]),
        (made.test, images.test_labels),
    ):
        assert torch.cat([batch for _, batch in split.in_order(64)]).tolist() == expected.tolist()


def test_images_that_do_not_fit_into_memory_are_not_held_out(images, study_content, tmp_path):
    mapped = np.memmap(tmp_path / "images", np.uint8, "w+", shape=images.train_images.shape)
    settings = {**study_content["data"], "validation": "holdout"}
    with pytest.raises(InputError, match="data.validation: holdout is for images that fit into memory"):
        splits.prepare(images._replace(train_images=mapped), settings, CPU)


def test_classes_that_are_too_small_to_hold_out_of_are_an_error(images, study_content):
    few = packed.Images(*(each[:8] for each in images))
    with pytest.raises(InputError, match="holdout takes one image of 10 of each class, and no class has as many"):
        splits.prepare(few, {**study_content["data"], "validation": "holdout"}, CPU)


def test_every_run_tells_the_test_accuracy_of_its_epochs(images, study_content, load_study):
    study_content["data"]["validation"] = "holdout"
    study_content["training"]["epochs"] = 2
    study_content["variants"] = {"dense": study_content["variants"]["dense"]}
    rows, description = train_block(load_study(study_content), "dense", range(2), images, CPU)
    told = description["sessions"][-1]["test_accuracy"]
    assert {seed: [*epochs] for seed, epochs in told.items()} == {"0": [1, 2], "1": [1, 2]}
    n = len(images.test_labels)
    assert all(float(value * n).is_integer() for epochs in told.values() for value in epochs.values())
    assert description["validation_images"] == splits.held_out(images.train_labels).sum()
    assert description["training_images"] + description["validation_images"] == len(images.train_labels)
    assert len(rows) == 4
