"""A model that sees only a crop: what it reads lands at its place on the original photo."""

import numpy as np
import pytest

import seewhy
from seewhy.images.geometry import View
from seewhy.models import FunctionModel


class Cropped(FunctionModel):
    """Sees the photo with its shorter side at 36, and of that the center 24 x 24."""

    def view(self, height, width):
        return View.resize_shorter_then_crop(height, width, shorter=36, crop=24)


def cropped_photo(height, width):
    return np.random.default_rng(5).integers(40, 256, (height, width, 3), dtype=np.uint8)


def reads(top, left):
    """Return a model of the brightness of an 8 x 8 square in the model's picture."""

    def model(batch):
        return batch[:, top : top + 8, left : left + 8].mean(axis=(1, 2, 3))

    return Cropped(model, kind="score")


@pytest.mark.parametrize(("height", "width"), [(72, 144), (144, 72), (54, 90)])
@pytest.mark.parametrize("method", ["lime", "rise"])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2), (1, 1), (2, 0), (2, 2)])
def test_through_a_crop_the_region_lands_at_its_place_on_the_original_photo(method, height, width, row, column):
    settings = {
        "lime": seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), fill="black", n_samples=100),
        "rise": seewhy.Rise(n_samples=600, grid=3),
    }[method]
    photo = cropped_photo(height, width)

    got = seewhy.explain(photo, model=reads(8 * row, 8 * column), method=settings)

    scale = min(height, width) / 36  # photo pixels for a pixel of the model
    y0, x0 = (height - 24 * scale) / 2, (width - 24 * scale) / 2  # the crop stands in the middle
    top, left = y0 + 8 * row * scale, x0 + 8 * column * scale
    seen = np.zeros((height, width), bool)
    seen[round(y0) : round(y0 + 24 * scale), round(x0) : round(x0 + 24 * scale)] = True
    planted = np.zeros((height, width), bool)
    planted[round(top) : round(top + 8 * scale), round(left) : round(left + 8 * scale)] = True
    np.testing.assert_array_equal(got.seen, seen)
    assert (got.heatmap()[~seen] == 0).all()
    y, x = np.unravel_index(np.argmax(np.where(seen, got.heatmap(), -1)), planted.shape)
    assert planted[y, x]
    if method == "lime":
        best = got.top(1)[0]
        x0, y0, x1, y1 = best.box
        np.testing.assert_allclose((y0, x0, y1, x1), (top, left, top + 8 * scale, left + 8 * scale), atol=1)
        np.testing.assert_array_equal(got.region(1), planted)
        assert (got.segments[~seen] == -1).all()
        assert best.area == planted.sum()
    else:
        peak = got.to_dict()["targets"][0]["map"]["peak"]
        assert (peak["y"], peak["x"]) == (y, x)
        strongest = got.region(share=0.1)
        assert not strongest[~seen].any()
        assert strongest.sum() == pytest.approx(0.1 * seen.sum(), rel=0.05)
        assert got.heatmap()[strongest].min() >= got.heatmap()[seen & ~strongest].max()


def test_a_label_map_drawn_on_the_photo_lands_there_again_through_a_crop():
    photo, labels = cropped_photo(72, 144), np.zeros((72, 144), dtype=np.int32)
    labels[30:50, 60:80] = 7  # within the crop
    labels[0:5, 0:5] = 4  # outside of it
    labels[:, 76:] = 9  # partly seen, and over some of region 7
    model = Cropped(lambda batch: batch[:, 5:12, 5:12].mean(axis=(1, 2, 3)), kind="score")
    method = seewhy.Lime(
        segmentation=seewhy.Labels(array=labels), fill="black", surrogate="least-squares", n_samples=60
    )

    got = seewhy.explain(photo, model=model, method=method)

    # Rows 5..11 and columns 5..11 of the model are rows 22..35 and columns 58..71 of the photo.
    crop = np.zeros_like(labels, dtype=bool)
    crop[12:60, 48:96] = True
    assert sorted(np.unique(got.segments)) == [-1, 0, 1, 2]  # 0, 7 and 9: region 4 is not seen
    for mine, theirs in enumerate([0, 7, 9]):
        np.testing.assert_array_equal(got.segments == mine, crop & (labels == theirs))
    values = got.values()
    assert abs(values[2]) < 0.02 * values[0], "region 9 is not read"
    assert values[1] > 0.1 * values[0]
