"""A small data set of three classes as image folders and as Parquet shards, and how the tests load it."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nist.data import folders
from nist.errors import InputError

SIZE = 6
CLASSES = ["n01", "n02", "n10"]
TRAIN, TEST = 4, 2  # images of a class
FORMS = {"PNG": {}, "JPEG": {"quality": 5, "optimize": True}, "WEBP": {"lossless": True}}


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG")  # whatever the suffix says, as one image of ImageNet has it


def encoded(pixels, form="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **FORMS[form])
    return buffer.getvalue()


def write_shard(path, images, labels, column="image", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pa.array([{"bytes": image, "path": ""} for image in images])
    pq.write_table(pa.table({column: rows, "label": labels}), path, **options)


def load(root, cache="cache", size=SIZE, classes=None, n_classes=3, **options):
    return folders.load("toy", root, root / cache, size, classes, n_classes=n_classes, **options)[0]


def message(root, **options):
    """The error of a load, which must be one line."""
    with pytest.raises(InputError) as error:
        load(root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def stacked(arrays, part):
    return np.stack([pixels for name in CLASSES for pixels in arrays[name][part]])
