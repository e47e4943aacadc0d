"""The same numbers in other layouts of memory, and an array that notices where it is summed."""

import numpy as np

SUMMED = {np.matmul, np.vecdot, np.matvec, np.vecmat} if hasattr(np, "matvec") else {np.matmul}


def fortran(array):
    return np.asfortranarray(array)


def strided(array):
    """Every second number along every axis of a larger array."""
    wide = np.zeros([2 * length for length in array.shape], array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def backwards(array):
    """A view with negative strides."""
    turned = tuple(slice(None, None, -1) for _ in array.shape)
    return array[turned].copy()[turned]


def read_only(array):
    found = array.copy()
    found.flags.writeable = False
    return found


def odd_address(array):
    """In a buffer that begins at an odd address."""
    buffer = np.zeros(array.nbytes + 2, np.uint8)
    start = 1 - buffer.ctypes.data % 2
    found = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


def other_byte_order(array):
    return array.astype(array.dtype.newbyteorder("S"))


def mapped(array):
    """A subclass, as files that are mapped into memory are."""
    return np.asfortranarray(array).view(np.memmap)


LAYOUTS = {one.__name__: one for one in (fortran, strided, backwards, read_only, odd_address, other_byte_order, mapped)}


class Unsorted(np.ndarray):
    """An array in Fortran order that may be looked at and copied, but not summed by BLAS as it is."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **more):
        inputs = [_plain(one) for one in inputs]
        if ufunc in SUMMED or (ufunc is np.add and method != "__call__"):
            _refuse_floats(ufunc, inputs)
        if out is not None:
            more["out"] = tuple(_plain(one) for one in out)
        found = getattr(ufunc, method)(*inputs, **more)
        return found.view(Unsorted) if isinstance(found, np.ndarray) and found.ndim and out is None else found

    def __array_function__(self, func, types, args, kwargs):
        if func.__module__ == "numpy.linalg" or func in {np.dot, np.einsum, np.inner, np.tensordot}:
            _refuse_floats(func, [_plain(one) for one in args])
        return super().__array_function__(func, types, args, kwargs)


def _plain(one):
    return one.view(np.ndarray) if isinstance(one, Unsorted) else one


def _refuse_floats(function, arrays):
    """Refuse sums that may round; those of whole numbers are the same in any order."""
    if any(isinstance(one, np.ndarray) and one.dtype.kind == "f" for one in arrays):
        msg = f"{function.__name__} of an array in no certain layout"
        raise AssertionError(msg)


def unsorted(array):
    return np.asfortranarray(array).view(Unsorted)


def is_canonical(array, dtype):
    """Return whether an array is a plain one with the one layout, by its strides: flags forgive axes of length 1."""
    same = type(array) is np.ndarray and array.dtype == dtype and array.dtype.isnative and array.flags.aligned
    return same and array.strides == np.empty(array.shape, dtype).strides
