import pytest

from nist import correctness
from nist.data import packed


@pytest.fixture(scope="session")
def images():
    """A tenth of the digits: enough to train on in a second."""
    return packed.Images(*(array[::10] for array in packed.digits()))


@pytest.fixture
def trained_rows(make_rows):
    """Rows as training makes them: with which images are right, here none."""
    return lambda *args, **more: [row | {correctness.COLUMN: ""} for row in make_rows(*args, **more)]
