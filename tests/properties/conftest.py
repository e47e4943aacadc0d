"""Result files that tests damage."""

import pytest

from support.files import Files
from support.runs import LIME, RISE, run


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Return the bytes of a result file of each method."""
    folder = tmp_path_factory.mktemp("files")
    return Files({m.name: run(m, targets="top2").save(folder / m.name).read_bytes() for m in (LIME, RISE)})
