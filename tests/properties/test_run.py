"""Laws of a whole run: batch size, seed, permuted segments, added constants, and preprocessing once."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import seewhy
from seewhy.engine import loop as engine
from seewhy.images.scene import Scene
from seewhy.models import FunctionModel
from support.patience import PATIENCE
from support.runs import BALANCED, BLOCKS, LIME, METHODS, PHOTO, RISE, H, W, logits, run

# --- batch size and seed -----------------------------------------------------------------------------------


@pytest.mark.slow
@METHODS
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(batch_size=st.integers(1, 200), seed=st.integers(0, 2**70))
def test_any_batch_size_gives_the_same(method, batch_size, seed):
    got, other = (run(method, seed=seed, batch_size=size, targets="top2") for size in (64, batch_size))

    np.testing.assert_array_equal(got.samples.bits, other.samples.bits)
    if method is RISE:
        np.testing.assert_array_equal(got.samples.shifts, other.samples.shifts)
    np.testing.assert_allclose(got.samples.scores, other.samples.scores, rtol=0, atol=1e-6)
    for target in (0, 1):
        np.testing.assert_allclose(got.heatmap(target), other.heatmap(target), rtol=0, atol=1e-6)


@METHODS
def test_more_samples_begin_with_the_same_ones(method):
    few, many = run(method), run(method.replace(n_samples=400))

    np.testing.assert_array_equal(few.samples.bits, many.samples.bits[:150])
    np.testing.assert_array_equal(few.samples.scores, many.samples.scores[:150])


@METHODS
def test_another_seed_asks_something_else_and_the_same_seed_the_same(method):
    one, again, other = (run(method, seed=seed) for seed in (7, 7, 8))

    np.testing.assert_array_equal(one.samples.bits, again.samples.bits)
    np.testing.assert_array_equal(one.heatmap(), again.heatmap())
    assert (one.samples.bits[1:] != other.samples.bits[1:]).any(axis=1).mean() > 0.9
    assert not np.array_equal(one.heatmap(), other.heatmap())


def test_the_seed_reaches_fill_and_segmentation_too():
    def fill(seed):
        return run(LIME.replace(fill="noise"), seed=seed).scene.fill

    def segments(seed):
        return run(LIME.replace(segmentation=lambda pixels, seed: np.roll(BLOCKS, seed, axis=1)), seed=seed).segments

    np.testing.assert_array_equal(fill(1), fill(1))
    assert not np.array_equal(fill(1), fill(2))
    assert not np.array_equal(segments(1), segments(2))


@pytest.mark.parametrize("method", [LIME, BALANCED], ids=["lime", "balanced"])
def test_blocks_of_samples_do_not_repeat_each_other(method):
    bits = run(method.replace(n_samples=1000, segmentation=seewhy.Grid(rows=6, columns=8))).samples.bits

    assert len(np.unique(bits, axis=0)) == 1000


SCRIPT = """
import sys
import numpy as np, seewhy

def model(batch):
    odds = np.exp(5 * batch[:, 2:20:6, 3:30:9, 0].reshape(len(batch), -1)[:, :8])
    return odds / odds.sum(axis=1, keepdims=True)

photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
for name, method in (
    ("lime", seewhy.Lime(segmentation=seewhy.Watershed(n_segments=9), fill="noise", n_samples=150)),
    ("rise", seewhy.Rise(n_samples=150, grid=4, fill="blur")),
):
    got = seewhy.explain(photo, model=model, method=method, targets="top2", seed=int(sys.argv[1]), progress=False)
    got.save(f"{sys.argv[2]}/{name}")
"""


@pytest.mark.slow
def test_same_seed_same_bytes_of_the_result_file_in_every_process(tmp_path):
    def start(folder, seed, hash_seed):
        (tmp_path / folder).mkdir()
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(seed), str(tmp_path / folder)], env=environment)

    processes = [start("one", 3, "1"), start("again", 3, "4242"), start("other", 4, "1")]
    assert [process.wait(timeout=PATIENCE) for process in processes] == [0, 0, 0]

    for name in ("lime", "rise"):
        one, again, other = ((tmp_path / folder / name).read_bytes() for folder in ("one", "again", "other"))
        assert one == again
        assert one != other


# --- permuted segments, added constants --------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["segment-mean", "black"])
@pytest.mark.parametrize("kernel", ["cosine", "image-cosine", "inverse-l2", "none"])
@pytest.mark.parametrize("surrogate", ["ridge", "least-squares"])
def test_permuted_segments_with_permuted_coalitions_permute_the_values(surrogate, kernel, fill):
    got = run(LIME.replace(surrogate=surrogate, kernel=kernel, fill=fill))
    order = np.random.default_rng(3).permutation(12)  # segment order[j] becomes segment j
    place = np.argsort(order)
    rows = got.samples.block(slice(None)).coalitions[:, order]
    samples = replace(got.samples, bits=np.packbits(rows, axis=1))
    scene = Scene(got.scene.pixels, got.scene.fill, place[got.scene_segments].astype(np.int32))

    found = got.method.estimate(samples, scene, got.targets[0].scores(samples.answers))

    np.testing.assert_allclose(found.values, got.values()[order], rtol=0, atol=1e-9)
    assert found.intercept == pytest.approx(got.attributions[0].intercept, abs=1e-9)
    assert found.r2 == pytest.approx(got.attributions[0].r2, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)))
def test_the_numbers_of_segments_mean_nothing(numbers):
    def linear(batch):  # whole numbers over 1024 are exact in float32
        return (np.rint(batch[..., 0] * 3).reshape(len(batch), -1) @ np.tile(np.arange(8.0), H * W // 8)) / 1024

    method = LIME.replace(fill="black", surrogate="least-squares", n_samples=80)
    photo = np.repeat(PHOTO[..., :1] // 128 * 255, 3, axis=2)
    labels = np.array(numbers, np.int32)[BLOCKS]
    plain = run(method.replace(segmentation=seewhy.Labels(array=BLOCKS)), linear, photo)
    permuted = run(method.replace(segmentation=seewhy.Labels(array=labels)), linear, photo)

    np.testing.assert_allclose(permuted.values()[np.array(numbers)], plain.values(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(permuted.heatmap(), plain.heatmap(), rtol=0, atol=1e-6)


def steps(batch):
    """Return scores that float32 holds exactly, also 64 higher."""
    return np.rint(np.tanh(logits(batch)) * 4096) / 4096


@pytest.mark.parametrize("constant", [1.0, -3.5, 64.0])
@pytest.mark.parametrize("surrogate", ["ridge", "least-squares", "lasso", "bayesian-ridge"])
def test_a_constant_added_to_the_model_changes_only_the_intercept_of_lime(surrogate, constant):
    method = LIME.replace(surrogate=surrogate, unit="score")
    plain, raised = (run(method, lambda batch, c=c: steps(batch) + c, targets=1) for c in (0.0, constant))

    np.testing.assert_allclose(raised.values(), plain.values(), rtol=0, atol=1e-9)
    assert np.abs(plain.values()).max() > 0.01
    assert raised.attributions[0].intercept == pytest.approx(plain.attributions[0].intercept + constant, abs=1e-9)
    assert raised.attributions[0].r2 == pytest.approx(plain.attributions[0].r2, abs=1e-9)
    assert raised.targets[0].score == plain.targets[0].score + constant


@pytest.mark.parametrize("constant", [1.0, -3.5, 64.0])
def test_a_constant_added_to_the_model_leaves_the_centered_map_and_raises_the_ratio(constant):
    def maps(c):
        return [
            run(RISE.replace(estimator=name), lambda batch: steps(batch) + c, targets=1).heatmap()
            for name in ("centered", "ratio", "controlled")
        ]

    (centered, ratio, controlled), (centered_up, ratio_up, controlled_up) = maps(0.0), maps(constant)

    np.testing.assert_allclose(centered_up, centered, rtol=0, atol=1e-6)
    np.testing.assert_allclose(controlled_up, controlled, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ratio_up, ratio + constant, rtol=0, atol=1e-5)
    assert np.ptp(centered) > 0.01


@METHODS
def test_a_model_twice_as_strong_gets_values_twice_as_large(method):
    plain, double = (run(method, lambda batch, f=f: steps(batch) * f, targets=0) for f in (1, 2))

    np.testing.assert_allclose(double.heatmap(), 2 * plain.heatmap(), rtol=0, atol=1e-6)


# --- preprocessing once ------------------------------------------------------------------------------------


class Affine(FunctionModel):
    """Preprocesses as networks do: each channel less a mean, over a spread, channels first."""

    layout = "NCHW"
    mean, spread = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])

    def __init__(self, layout="NCHW"):
        self.layout, self.seen = layout, []
        super().__init__(self.look, kind="score")

    def prepare(self, pixels):
        ready = (pixels - self.mean) / self.spread
        return np.ascontiguousarray(ready.transpose(2, 0, 1) if self.layout == "NCHW" else ready)

    def look(self, batch):
        self.seen.extend(batch.copy())
        return batch.reshape(len(batch), -1)[:, ::100]


def masked_pictures(got):
    masks = got.method.masks(got.scene)(got.samples.block(slice(None)))[..., None]
    return masks * got.scene.pixels + (1 - masks) * got.scene.fill


@METHODS
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("fill", ["noise", "blur", "white"])
def test_composing_prepared_pictures_equals_preparing_every_masked_picture(method, layout, fill):
    model = Affine(layout)
    method = method.replace(fill=fill)
    if method.name == "lime":  # enough segments that no picture comes twice
        method = method.replace(segmentation=seewhy.Grid(rows=6, columns=8))

    got = run(method, model, batch_size=40)

    expected = [Affine(layout).prepare(picture) for picture in masked_pictures(got)]
    np.testing.assert_allclose(model.seen[-len(expected) :], expected, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(model.seen[0], Affine(layout).prepare(got.scene.pixels))


@METHODS
def test_the_embedded_model_sees_what_preparing_every_masked_picture_gives(method):
    model = seewhy.load_model()
    photo = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)

    got = run(method.replace(n_samples=5, fill="white"), model, photo, targets=[3, 700])

    pictures = np.stack([model.prepare(picture) for picture in masked_pictures(got)])
    composer = engine.Composer(model, got.scene, keep_batches=0)
    block = got.samples.block(slice(None))
    np.testing.assert_allclose(composer(got.method.masks(got.scene)(block)), pictures, rtol=0, atol=2e-6)
    (direct,) = model.stream([pictures])
    np.testing.assert_allclose(got.samples.scores, direct[:, got.samples.classes], rtol=0, atol=1e-3)
