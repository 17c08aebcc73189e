"""What is known of each data set before a file is opened: shapes, counts, classes, digests, where it is published."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A data set of images with labels 0 … n-1.

    ``shape`` is (height, width, channels); ``counts`` gives the images of each class in each split, or ``None`` where
    classes differ in size; ``digests`` are ``nist.data.packed.content_digest`` of each split, or ``None`` if not
    pinned.
    """

    name: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    counts: dict[str, int] | None
    digests: dict[str, str] | None
    repository: str = ""  # none of what comes with a package
    revision: str | None = None
    files: tuple[str, ...] = ()


DIGITS = Dataset(
    name="digits",
    shape=(8, 8, 1),
    classes=tuple("0123456789"),
    counts=None,
    digests={
        "train": "469f7695f517270f01f7f22327624c75148664bfedbbb455110131ff03b01fe7",
        "test": "15ea0faa1b24ff8a1e281d2200eed041faf79fe7d5f22345707198f7be941db1",
    },
)
FASHION_MNIST = Dataset(
    name="fashion_mnist",
    shape=(28, 28, 1),
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    counts={"train": 6000, "test": 1000},
    digests={
        "train": "0c69d5cdeb902b69084012f812f066de080317bb3c64f43ca87f910d8ec86906",
        "test": "90c92c0507755a7d443edde8297ce4d0f131e42884e2e87e7fc9b81ffe215258",
    },
    repository="zalando-datasets/fashion_mnist",
    revision="531be5e2ccc9dba0c201ad3ae567a4f3d16ecdd2",
    files=("fashion_mnist/train-00000-of-00001.parquet", "fashion_mnist/test-00000-of-00001.parquet"),
)
CIFAR10 = Dataset(
    name="cifar10",
    shape=(32, 32, 3),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    counts={"train": 5000, "test": 1000},
    digests={
        "train": "d59acf989e068e709ce686cda292672c7b212c08d29d3d3e6d8c3aa99eba6a85",
        "test": "899683d46c3a8c66fd56e1af12202e69fe5a4517be10b0f68e04c78fe585c57c",
    },
    repository="uoft-cs/cifar10",
    revision="0b2714987fa478483af9968de7c934580d0bb9a2",
    files=("plain_text/train-00000-of-00001.parquet", "plain_text/test-00000-of-00001.parquet"),
)
DATASETS = {dataset.name: dataset for dataset in (DIGITS, FASHION_MNIST, CIFAR10)}


def n_classes(data: dict) -> int:
    """Number of classes of a study's ``data``: its own statement where these are class folders, else the data set's."""
    return data["classes"] if "classes" in data else len(DATASETS[data["dataset"]].classes)


def cache_name(name: str, size: int, fit: str, classes: int, class_list: str | None = None) -> str:
    """Name of the folder that holds a data set of class folders, decoded: one for each choice of size and classes."""
    return "-".join(filter(None, (name, str(size), fit, str(classes), class_list)))
