"""Arrays are brought into one layout, and copied only where they have another."""

import numpy as np
import pytest

from seewhy.core.layout import canonical
from support.layouts import LAYOUTS, is_canonical


@pytest.mark.parametrize("shape", [(5, 3), (1, 4), (4, 1), (1, 1), (7,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint16, np.bool_])
def test_every_layout_becomes_the_one(shape, dtype):
    array = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)

    for given in (array, *(layout(array) for layout in LAYOUTS.values())):
        found = canonical(given, dtype)
        assert is_canonical(found, dtype)
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("columns", [slice(0, 1), slice(3, 4)])
def test_a_column_has_the_strides_of_a_matrix_of_one_column(columns):
    wide = np.arange(20.0).reshape(5, 4)

    for given in (wide[:, columns], np.asfortranarray(wide)[:, columns], wide[columns].T):
        assert canonical(given, np.float64).strides == (8, 8)


def test_what_has_the_layout_is_not_copied():
    array = np.zeros((6, 4))
    canonical(array[2:5], np.float64)[...] = 1

    assert array.sum() == 12
    assert canonical(array.astype(np.float32), np.float64).dtype == np.float64
