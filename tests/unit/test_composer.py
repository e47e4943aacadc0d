"""Masked pictures: mixtures of picture and fill, to the last bit the same however they are made."""

from types import SimpleNamespace

import numpy as np
import pytest

from seewhy.engine.loop import Composer
from seewhy.images.scene import Scene
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import DESIGNS
from seewhy.sampling.masks import EnsembleMasks, GridMasks, SegmentMasks

RNG = np.random.default_rng(5)
HEIGHT, WIDTH, D = 11, 13, 20
SEGMENTS = RNG.permutation(np.arange(HEIGHT * WIDTH) % D).reshape(HEIGHT, WIDTH).astype(np.int32)


def composer(layout="NCHW", keep_batches=2):
    """Return one whose prepared picture and fill have zeros of both signs, and shades near each other."""

    def prepare(pixels):
        shades = (pixels * np.float32(3) - np.float32(1)).astype(np.float32)
        return np.ascontiguousarray(shades.transpose(2, 0, 1)) if layout == "NCHW" else shades

    picture, fill = RNG.random((2, HEIGHT, WIDTH, 3), dtype=np.float32)
    picture[0], fill[0] = 1 / 3, 1 / 3
    picture[1] = fill[1]
    picture[2], fill[2] = -0.0, 0.0
    made = Composer(SimpleNamespace(layout=layout, prepare=prepare), Scene(picture, fill, None), keep_batches)
    made._fill[..., :2] = -0.0
    return made


def mixed(made, masks, layout):
    """Return the mixtures by the formula, picture by picture."""
    channels = masks[:, None] if layout == "NCHW" else masks[..., None]
    return np.stack([one * made._difference + made._fill for one in channels])


def rows(design, n):
    drawn = DESIGNS[design](keep=0.5).blocks(D, 3)
    found = np.concatenate([next(drawn).coalitions for _ in range(n // 8 + 1)])
    return found[:n]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("design", ["foldover-hadamard", "antithetic", "bernoulli"])
@pytest.mark.parametrize("first", [0, 1])
def test_opposite_rows_are_composed_to_the_last_bit_as_others_are(layout, design, first):
    made, masks = composer(layout), SegmentMasks(SEGMENTS)
    block = Block(rows(design, 31)[first:])
    got = made.batch(masks, block)

    np.testing.assert_array_equal(got.view(np.uint32), mixed(made, masks(block), layout).view(np.uint32))
    np.testing.assert_array_equal(got.view(np.uint32), made(masks(block)).view(np.uint32))


def test_a_row_is_opposite_to_the_one_before_it_in_its_batch():
    one, other = RNG.random((2, D)) < 0.5
    found = SegmentMasks(SEGMENTS).opposite(Block(np.stack([one, ~one, one, other, other, ~other, ~one])))
    assert found.tolist() == [False, True, True, False, False, True, False]

    nearly = ~one
    nearly[7] ^= True
    assert not SegmentMasks(SEGMENTS).opposite(Block(np.stack([one, nearly]))).any()


def test_rows_of_an_ensemble_are_opposite_in_what_their_segmentation_has():
    few, many = (SEGMENTS % 6).astype(np.uint8), SEGMENTS.astype(np.uint8)
    masks = EnsembleMasks((HEIGHT, WIDTH), D, lambda _: many, [few, many])
    one = RNG.random(D) < 0.5
    beyond = np.where(np.arange(D) < 6, ~one, one)  # the smaller segmentation has six
    block = Block(np.stack([one, beyond, one, beyond, ~one, one]), None, np.array([0, 0, 1, 1, 1, 0]))
    assert masks.opposite(block).tolist() == [False, True, False, False, False, False]

    made = composer()
    np.testing.assert_array_equal(
        made.batch(masks, block).view(np.uint32), mixed(made, masks(block), "NCHW").view(np.uint32)
    )


def test_smooth_masks_are_opposite_nowhere():
    masks = GridMasks(HEIGHT, WIDTH, 4)
    cells = RNG.random((1, 16)) < 0.5
    block = Block(np.concatenate([cells, ~cells]), np.zeros((2, 2), np.int32))
    made = composer()

    assert not masks.opposite(block).any()
    np.testing.assert_array_equal(made.batch(masks, block), mixed(made, masks(block), "NCHW"))


@pytest.mark.parametrize("keep_batches", [0, 2])
def test_batches_of_one_after_the_other_do_not_harm_each_other(keep_batches):
    made, masks = composer(keep_batches=keep_batches), SegmentMasks(SEGMENTS)
    drawn = rows("foldover-hadamard", 24)
    batches = [made.batch(masks, Block(drawn[i : i + 8])) for i in (0, 8, 16)]

    for i, batch in enumerate(batches):
        np.testing.assert_array_equal(batch, mixed(made, masks(Block(drawn[8 * i : 8 * i + 8])), "NCHW"))
