"""A fill that is the photo itself hides nothing: said, with a fill that does."""

import numpy as np
import pytest

import seewhy
from seewhy.images.fills import hides, most_different
from seewhy.models import FunctionModel

WHITE, GRAY, BLACK = (np.full((32, 40, 3), level, np.uint8) for level in (255, 128, 0))
NOISE = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
MODEL = FunctionModel(lambda batch: np.stack([one := batch.mean((1, 2, 3)), 1 - one], axis=1), kind="probability")
GRID = seewhy.Grid(rows=2, columns=3)


def note(photo, method):
    said = seewhy.explain(photo, model=MODEL, method=method, progress=False).warnings
    return next((one for one in said if "hides nothing" in one), None)


@pytest.mark.parametrize(
    ("photo", "fill", "better"),
    [
        (WHITE, "white", "black"),
        (WHITE, "blur", "black"),
        (GRAY, "image-mean", "black"),
        (GRAY, "segment-mean", "black"),
        (BLACK, "black", "white"),
        (GRAY + np.uint8(1), [129, 129, 129], "black"),
    ],
)
def test_it_is_said_and_which_fill_would_hide_something(photo, fill, better):
    said = note(photo, seewhy.Lime(segmentation=GRID, fill=fill, n_samples=32))

    assert f"fill={better!r}" in said
    assert note(photo, seewhy.Lime(segmentation=GRID, fill=better, n_samples=32)) is None


def test_rise_and_ensembles_say_it_too():
    assert note(BLACK, seewhy.Rise(n_samples=32, grid=3)) is not None
    assert note(GRAY, seewhy.EnsembleLime(n_samples=200, n_segments=(6, 9))) is not None
    assert note(NOISE, seewhy.Rise(n_samples=32, grid=3)) is None


def test_a_fill_that_hides_a_part_of_the_photo_is_one():
    photo = WHITE.copy()
    photo[4:9, 4:9] = 30

    assert note(photo, seewhy.Lime(segmentation=GRID, fill="white", n_samples=32)) is None


def test_a_step_of_eight_bits_is_no_difference():
    pixels = np.full((4, 4, 3), 0.5, np.float32)

    assert not hides(pixels, pixels + np.float32(1 / 255))
    assert hides(pixels, pixels + np.float32(2 / 255))
    assert most_different(pixels * 0.2, 0) == "white"


def test_auto_leaves_such_fills_out_before_it_asks():
    got = seewhy.explain(GRAY, model=MODEL, progress=False)

    assert got.method.fill == seewhy.Color(value=(0, 0, 0))
    assert got.pilot == 1 + 16  # one fill is left: bare, and a block of it
    said = " ".join(got.warnings)
    assert "fill blur was not used" in said
    assert "fill image-mean was not used" in said
    assert "hides nothing" not in said


def test_auto_says_where_none_of_its_fills_hides_anything():
    got = seewhy.explain(BLACK, model=MODEL, progress=False)

    assert got.pilot == 0
    assert any("fill='white'" in one for one in got.warnings)
