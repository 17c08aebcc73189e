"""Small layers are multiplied as large ones are."""

import pytest

from nist.sparse import gathering


@pytest.fixture(scope="module", autouse=True)
def _by_csr():
    """Sparse layers are multiplied by CSR: gathering, which would pay for each of them, has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "most_rows", lambda *_, **__: -1)
        yield
