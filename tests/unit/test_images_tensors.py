"""Tensors of other libraries as photos: off the graph, off the device, out of types that numpy has not."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.core.errors import ImageError
from seewhy.images import load_image
from support.pictures import PHOTO

SHARES = PHOTO.astype(np.float32) / 255


class OnDevice:
    """A tensor as those of torch: read only after ``detach`` and ``cpu``."""

    dtype = "torch.float32"

    def __init__(self, values: np.ndarray, steps: tuple[str, ...] = ()) -> None:
        self.values, self.steps = values, steps

    def detach(self) -> OnDevice:
        return OnDevice(self.values, (*self.steps, "detach"))

    def cpu(self) -> OnDevice:
        return OnDevice(self.values, (*self.steps, "cpu"))

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        if self.steps != ("detach", "cpu"):
            raise TypeError("can't convert device type tensor to numpy; it requires grad")
        return self.values


class OnlyDlpack:
    """An array that other libraries reach by DLPack alone."""

    def __dlpack__(self, **told: object) -> object:
        return SHARES.__dlpack__(**told)

    def __dlpack_device__(self) -> tuple[int, int]:
        return SHARES.__dlpack_device__()


@pytest.mark.parametrize("source", [OnDevice(SHARES), OnlyDlpack()])
def test_tensors_come_from_any_library(source: object) -> None:
    assert load_image(source).sha256 == load_image(SHARES).sha256


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_short_floats_of_jax(kind: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = SHARES.astype(getattr(ml_dtypes, kind))
    np.testing.assert_array_equal(load_image(values).pixels, values.astype(np.float32))


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn"])
def test_torch_tensors_with_a_gradient_and_of_every_type(kind: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(SHARES).to(getattr(torch, kind))
    expected = tensor.to(torch.float32).numpy()
    np.testing.assert_array_equal(load_image(tensor).pixels, expected)
    if not kind.startswith("float8"):
        np.testing.assert_array_equal(load_image(tensor.requires_grad_()).pixels, expected)
        np.testing.assert_array_equal(load_image(torch.nn.Parameter(tensor) * 1).pixels, expected)


def test_torch_tensors_with_channels_first_integers_and_a_batch() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(PHOTO).permute(2, 0, 1)
    np.testing.assert_array_equal(load_image(tensor, order="CHW").pixels, PHOTO)
    np.testing.assert_array_equal(load_image(tensor.permute(1, 2, 0).long(), scale=255).pixels, PHOTO)
    for wrong in (tensor, tensor[None], tensor.permute(1, 2, 0).long(), tensor.to_sparse()):
        with pytest.raises(ImageError):
            load_image(wrong)
