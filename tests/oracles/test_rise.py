"""RISE against its published formula, written anew, on the same grids and shifts; and against full enumeration."""

from itertools import product

import numpy as np
import pytest
from skimage.transform import resize

import seewhy
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import ShiftedGrid, rows
from seewhy.sampling.masks import GridMasks

SIZES = [((32, 32), 8), ((30, 47), 7), ((47, 30), 7), ((23, 41), 5), ((17, 50), 3), ((8, 9), 8), ((4, 6), 2)]


def reference_masks(grids, shifts, height, width):
    """Return the masks of the paper's code: blow up to one cell more than needed, cut out at the shift.

    ``grids`` is (N, s, s) of 0 and 1; a cell is the picture's side over s, rounded up.
    """
    s = grids.shape[1]
    cell = int(np.ceil(height / s)), int(np.ceil(width / s))
    masks = np.empty((len(grids), height, width))
    for i, (grid, (down, right)) in enumerate(zip(grids, shifts, strict=True)):
        size = (s + 1) * cell[0], (s + 1) * cell[1]
        large = resize(grid.astype(float), size, order=1, mode="reflect", anti_aliasing=False)
        masks[i] = large[down : down + height, right : right + width]
    return masks


def asked(explanation):
    """Return the grids (N, s, s) and shifts (N, 2) of a result."""
    block = explanation.samples.block(slice(None))
    s = explanation.method.grid
    return block.coalitions.reshape(-1, s, s), block.shifts


def picture(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def eye(height, width):
    """Return a nonlinear model that looks at some pixels, and keeps what it was shown."""
    rng = np.random.default_rng(height * 100 + width)
    look = rng.normal(size=(height, width, 3)) / np.sqrt(height * width)
    look += np.linspace(-1, 1, width)[:, None] * 10 / (height * width)

    def model(batch):
        model.shown.extend(batch.copy())
        drive = np.einsum("bhwc,hwc->b", batch.astype(np.float64), look)
        return 0.2 + 0.6 / (1 + np.exp(-4 * drive)) + 0.2 * batch[:, height // 2, width // 3, 0] ** 2

    model.shown = []
    return model


def run(size, grid, estimator="reference", keep=0.5, n=120, fill="black", **more):
    model = eye(*size)
    method = seewhy.Rise(n_samples=n, grid=grid, keep=keep, fill=fill, estimator=estimator)
    return model, seewhy.explain(picture(*size), model=model, method=method, **more)


@pytest.mark.parametrize(("size", "grid"), SIZES, ids=str)
def test_masks_are_those_of_the_reference(size, grid):
    masks = GridMasks(*size, grid)
    block = next(rows(ShiftedGrid(keep=0.4, cell=masks.cell), masks.d, 40, 3))
    edges = [[0, 0], [masks.cell[0] - 1, 0], [0, masks.cell[1] - 1], [masks.cell[0] - 1, masks.cell[1] - 1]]
    block.shifts[:4] = edges

    expected = reference_masks(block.coalitions.reshape(-1, grid, grid), block.shifts, *size)

    np.testing.assert_allclose(masks(block), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("size", "grid"), SIZES, ids=str)
@pytest.mark.parametrize("keep", [0.5, 0.15])
def test_the_reference_map_is_the_formula_of_the_paper(size, grid, keep):
    _, got = run(size, grid, keep=keep)

    masks = reference_masks(*asked(got), *size)
    scores = got.samples.target(0, "score")
    expected = sum(f * mask for f, mask in zip(scores, masks, strict=True)) / (len(scores) * keep)

    np.testing.assert_allclose(got.heatmap(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fill", ["black", "gray", "blur", "noise", "image-mean"])
def test_the_model_sees_the_picture_through_the_masks_over_the_fill(fill):
    model, got = run((30, 47), 7, fill=fill, batch_size=32)

    untouched, *shown = model.shown
    masks = reference_masks(*asked(got), 30, 47)[..., None]
    expected = masks * got.scene.pixels + (1 - masks) * got.scene.fill
    np.testing.assert_allclose(shown, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(untouched, picture(30, 47))
    np.testing.assert_array_equal(got.samples.scores[:, 0], eye(30, 47)(np.array(shown)).astype(np.float32))


@pytest.mark.parametrize(("size", "grid"), SIZES[1:4], ids=str)
@pytest.mark.parametrize("keep", [0.5, 0.3])
@pytest.mark.parametrize("n", [100, 700])
def test_centered_and_ratio_are_their_pixelwise_formulas(size, grid, keep, n):
    _, centered = run(size, grid, "centered", keep, n)
    _, ratio = run(size, grid, "ratio", keep, n)
    masks = reference_masks(*asked(centered), *size)
    f = centered.samples.target(0, "score")
    by_pixel, by_ratio = np.empty(size), np.empty(size)
    for i, j in np.ndindex(*size):
        by_pixel[i, j] = np.mean((f - f.mean()) * masks[:, i, j]) / keep
        by_ratio[i, j] = np.sum(f * masks[:, i, j]) / np.sum(masks[:, i, j])

    np.testing.assert_allclose(centered.heatmap(), by_pixel, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ratio.heatmap(), by_ratio, rtol=0, atol=1e-6)


def test_ratio_says_the_mean_score_where_no_mask_ever_let_through():
    _, got = run((32, 32), 8, "ratio", keep=0.01, n=4)
    covered = reference_masks(*asked(got), 32, 32).sum(axis=0) > 0

    assert not covered.all()
    np.testing.assert_allclose(got.heatmap()[~covered], got.samples.target(0, "score").mean(), atol=1e-6)


@pytest.mark.parametrize(("size", "grid"), SIZES, ids=str)
def test_all_cells_kept_show_the_whole_picture_at_every_shift(size, grid):
    masks = GridMasks(*size, grid)
    shifts = np.array(list(np.ndindex(*masks.cell)), dtype=np.int32)

    whole = masks(Block(np.ones((len(shifts), masks.d), dtype=bool), shifts))

    np.testing.assert_allclose(whole, 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.8])
def test_the_mean_mask_is_keep_at_every_pixel(keep):
    # Masks are linear in their cells and each cell is kept with the same chance, so the mean over cells is keep
    # times the mask of all cells, shown above to be 1; here it is the drawing that is checked.
    masks = GridMasks(30, 47, 7)
    drawn = np.concatenate([masks(b) for b in rows(ShiftedGrid(keep=keep, cell=masks.cell), masks.d, 6400, 0)])

    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert np.abs((drawn.mean(axis=0) - keep) / error).max() < 5
    assert error.max() < 0.01


def test_every_cell_pattern_and_every_shift_is_drawn_as_often_as_it_should():
    n, keep, cell = 40_000, 0.4, (2, 3)
    drawn = list(rows(ShiftedGrid(keep=keep, cell=cell), 4, n, 1))
    cells = np.concatenate([block.coalitions for block in drawn]) @ [8, 4, 2, 1]
    shifts = np.concatenate([block.shifts for block in drawn]) @ [3, 1]
    counts = np.zeros((16, 6))
    np.add.at(counts, (cells, shifts), 1)
    kept = np.array([pattern.bit_count() for pattern in range(16)])
    expected = n * np.outer(keep**kept * (1 - keep) ** (4 - kept), np.full(6, 1 / 6))

    chi2 = np.sum((counts - expected) ** 2 / expected)  # 95 degrees of freedom: mean 95, spread 14
    assert 40 < chi2 < 165
    assert counts.sum() == n


@pytest.mark.parametrize("keep", [0.4, 0.7])
def test_a_long_run_reaches_what_enumeration_gives(keep):
    """All 16 grids of 2 x 2 cells at all 6 shifts of a 4 x 6 picture, each with its chance."""
    size, n, parts = (4, 6), 20_000, 20
    model = eye(*size)
    grids = np.repeat(np.array(list(product([0, 1], repeat=4))).reshape(16, 2, 2), 6, axis=0)
    shifts = np.tile(np.array(list(np.ndindex(2, 3))), (16, 1))
    kept = grids.sum(axis=(1, 2))
    chance = keep**kept * (1 - keep) ** (4 - kept) / 6
    masks = reference_masks(grids, shifts, *size)
    f = model(masks[..., None] * picture(*size))
    assert chance.sum() == pytest.approx(1)
    first = np.einsum("n,nhw->hw", chance * f, masks)
    expected = {
        "reference": first / keep,
        "ratio": first / np.einsum("n,nhw->hw", chance, masks),
        "centered": np.einsum("n,nhw->hw", chance * (f - chance @ f), masks) / keep,
    }

    for estimator, limit in expected.items():
        _, got = run(size, 2, estimator, keep, n, batch_size=1000)
        f_drawn, m_drawn = got.samples.target(0, "score"), reference_masks_of(got, masks, grids, shifts)
        blocks = [
            direct(estimator, f_drawn[place], m_drawn[place], keep) for place in np.array_split(np.arange(n), parts)
        ]
        error = np.std(blocks, axis=0, ddof=1) / np.sqrt(parts)

        assert np.abs((got.heatmap() - limit) / error).max() < 5, estimator
        assert error.max() < 0.1 * np.ptp(limit), "the bound is too wide to show anything"


def reference_masks_of(got, masks, grids, shifts):
    """Return the masks of a run, looked up among those enumerated."""
    known = {
        (grid.astype(bool).tobytes(), *shift): i for i, (grid, shift) in enumerate(zip(grids, shifts, strict=True))
    }
    drawn = zip(*asked(got), strict=True)
    return masks[[known[grid.tobytes(), *shift] for grid, shift in drawn]]


def direct(estimator, f, masks, keep):
    if estimator == "ratio":
        return np.einsum("n,nhw->hw", f, masks) / masks.sum(axis=0)
    level = f.mean() if estimator == "centered" else 0
    return np.einsum("n,nhw->hw", f - level, masks) / (len(f) * keep)


def test_a_photo_that_the_model_sees_shrunk_gets_its_map_at_its_own_size():
    model = seewhy.models.FunctionModel(eye(24, 24), input_size=24)
    photo = picture(48, 96)

    got = seewhy.explain(photo, model=model, method=seewhy.Rise(n_samples=100, grid=4, estimator="reference"))

    masks = reference_masks(*asked(got), 24, 24)
    small = np.einsum("n,nhw->hw", got.samples.target(0, "score"), masks) / (100 * 0.5)
    np.testing.assert_allclose(got.attributions[0].heatmap, small, rtol=0, atol=1e-5)
    np.testing.assert_allclose(got.heatmap(), got.view.map_to_photo(small.astype(np.float32)), rtol=0, atol=1e-5)
    assert got.heatmap().shape == (48, 96)


@pytest.mark.parametrize("estimator", ["reference", "ratio", "centered", "controlled"])
@pytest.mark.parametrize("design", ["auto", "bernoulli"])
@pytest.mark.parametrize("n", [2, 3])
def test_two_or_three_masks_give_a_map_without_an_error(n, design, estimator):
    photo = np.random.default_rng(0).random((30, 30, 3))
    rise = seewhy.Rise(n_samples=n, grid=3, design=design, estimator=estimator)

    found = seewhy.explain(photo, model=lambda batch: batch.mean(axis=(1, 2)), method=rise)

    assert np.isfinite(found.heatmap()).all()
    if design == "auto":
        assert found.error is None
