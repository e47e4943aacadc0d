"""What a command line can say about photos: white, page, size; and names that are not what they seem."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from support.cli import TINY, Call

ASK = ("--model", TINY, "--method", "lime", "--segmentation", "grid", "--n-samples", "20")


@pytest.fixture
def xray(place: Path) -> np.ndarray:
    values = np.linspace(0, 4095, 24 * 32).astype(np.uint16).reshape(24, 32)
    Pillow.fromarray(values).save(place / "x.tif")
    return values


@pytest.mark.parametrize("scale", ["4095", "12-bit"])
def test_the_value_of_white(call: Call, place: Path, xray: np.ndarray, scale: str) -> None:
    dark = call("explain", "x.tif", *ASK)
    told = call("explain", "x.tif", *ASK, "--scale", scale, "--out", "told")

    assert (dark.code, told.code) == (0, 0)
    assert "--scale 4095" in dark.out
    assert "--scale 4095" in call("segments", "x.tif", "--model", TINY).out
    found = seewhy.load(place / "told" / "x.lime.seewhy")
    np.testing.assert_allclose(found.image.floats()[..., 0], xray / 4095, atol=1e-6)


@pytest.mark.parametrize("command", [("explain", *ASK), ("segments", "--model", TINY)])
@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--page", "2"), 0, ""),
        (("--page", "3"), 2, "page"),
        (("--max-pixels", "100"), 2, "max_pixels (--max-pixels)"),
        (("--max-pixels", "768"), 0, ""),
        (("--scale", "white"), 2, "scale must be the value of white"),
        (("--background", "no color"), 2, "background"),
    ],
)
def test_page_and_size(
    call: Call, place: Path, command: tuple[str, ...], flags: tuple[str, ...], code: int, said: str
) -> None:
    pages = [Pillow.new("RGB", (32, 24), color) for color in ("red", "lime")]
    pages[0].save(place / "two.tif", save_all=True, append_images=pages[1:])

    found = call(command[0], "two.tif", *command[1:], *flags)

    assert found.code == code
    assert said in found.err
    if flags == ("--page", "2") and command[0] == "explain":
        image = seewhy.load(place / "seewhy-out" / "two.lime.seewhy").image
        assert (image.pixels == (0, 255, 0)).all()


@pytest.mark.parametrize("command", [("explain", *ASK), ("segments", "--model", TINY)])
def test_an_address_is_no_photo(call: Call, command: tuple[str, ...]) -> None:
    found = call(command[0], "https://example.org/cat.png", *command[1:])

    assert found.code == 2
    assert "https://example.org/cat.png: no such file; seewhy does not download" in found.error


@pytest.mark.parametrize("command", ["refit", "resume", "compare"])
def test_a_photo_is_no_result(call: Call, command: str) -> None:
    found = call(command, "cat.png")

    assert found.code == 2
    assert "is a photo, not a result file" in found.error
