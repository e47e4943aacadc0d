"""The one loop: order, buffers, batches and time, with models that stream, keep and spoil what they are given."""

import time
from collections import deque

import numpy as np
import pytest

import seewhy
from seewhy.engine import loop as engine
from seewhy.images.scene import Scene
from seewhy.models import FunctionModel
from seewhy.sampling.blocks import Block
from seewhy.sampling.masks import SegmentMasks
from support.small import LIME, METHODS, PHOTO, RISE, Streaming, composing, known, score


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert composing() == []


def expected_scores(got):
    """Return the scores of every sample, composed and asked one by one."""
    block = got.samples.block(slice(None))
    masks = got.method.masks(got.scene)(block)[..., None]
    pictures = got.scene.fill + masks * (got.scene.pixels - got.scene.fill)
    return np.concatenate([score(picture[None]) for picture in pictures])[:, got.samples.classes]


@METHODS
@pytest.mark.parametrize("ahead", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 9, 64, 500])
def test_scores_stay_with_their_samples_however_far_the_model_reads_ahead(method, ahead, batch_size):
    got = seewhy.explain(PHOTO, model=Streaming(ahead), method=method, batch_size=batch_size)

    assert len(got.samples) == 100
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


class Watchful(Streaming):
    """Notes if a batch changes while it is held, and gives the composer time to do that harm."""

    def __init__(self, in_flight):
        super().__init__(ahead=in_flight, in_flight=in_flight)
        self.copies, self.spoiled, self.memory = deque(), 0, set()

    def stream(self, batches):
        def watched():
            for batch in batches:
                self.copies.append(batch.copy())
                self.memory.add(batch.__array_interface__["data"][0])
                yield batch

        return super().stream(watched())

    def answer(self, held):
        time.sleep(0.003)
        self.spoiled += sum(not np.array_equal(*pair) for pair in zip(held, self.copies, strict=True))
        self.copies.popleft()
        return super().answer(held)


@METHODS
@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_buffers_are_used_again_only_when_the_model_is_done_with_them(method, in_flight):
    model = Watchful(in_flight)

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=5)

    assert model.spoiled == 0
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)
    # the untouched picture has memory of its own
    assert len(model.memory) <= 1 + in_flight + 2, "buffers are not used again"


@METHODS
def test_a_function_may_keep_what_it_was_given(method):
    kept = []

    def model(batch):
        kept.append((batch, batch.copy()))
        return score(batch)

    seewhy.explain(PHOTO, model=model, method=method, batch_size=7)

    assert len(kept) == 1 + -(-(100 - known(method)) // 7)
    for batch, copy in kept:
        np.testing.assert_array_equal(batch, copy)


@METHODS
def test_a_function_may_change_what_it_was_given(method):
    def model(batch):
        answer = score(batch)
        batch[:] = np.nan
        return answer

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=7)

    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


def test_a_function_that_changes_what_it_was_given_harms_neither_the_photo_nor_the_weights():
    photo = PHOTO.astype(np.float32) / 255

    def model(batch):
        answer = score(batch)
        batch[:] = 0.5
        return answer

    method = LIME.replace(kernel="image-cosine")
    harmless = seewhy.explain(photo.copy(), model=score, method=method)

    got = seewhy.explain(photo, model=model, method=method)

    np.testing.assert_array_equal(got.values(), harmless.values())
    np.testing.assert_array_equal(photo, PHOTO.astype(np.float32) / 255)
    np.testing.assert_array_equal(got.image.pixels, photo)


@METHODS
def test_a_function_may_answer_in_the_same_array_each_time(method):
    room = np.empty((100, 2), dtype=np.float32)

    def model(batch):
        room[: len(batch)] = score(batch)
        return room[: len(batch)]

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=7)

    untouched = score(PHOTO[None] / np.float32(255))[0]
    assert {p.index: p.score for p in got.predictions} == pytest.approx(dict(enumerate(untouched)), abs=1e-5)
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


@METHODS
@pytest.mark.parametrize("batch_size", [1, 7, 32, 33, 64, 99, 100, 1000])
def test_batches_have_the_size_asked_for_and_every_picture_is_scored_once(method, batch_size):
    model = Streaming()

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=batch_size)

    untouched, *sizes = model.sizes
    assert untouched == 1
    assert set(sizes[:-1]) <= {batch_size}
    assert 1 <= sizes[-1] <= batch_size
    assert got.n_evaluations == sum(model.sizes) == 101 - known(method)


@pytest.mark.parametrize("design", ["bernoulli", "foldover-hadamard", "antithetic", "exhaustive"])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_no_picture_is_sent_twice(design, batch_size):
    kept = []

    def model(batch):
        kept.extend(batch.copy())
        return score(batch)

    method = LIME.replace(segmentation=seewhy.Grid(rows=2, columns=2), design=design, n_samples=100)
    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=batch_size)

    assert len(np.unique(np.reshape(kept, (len(kept), -1)), axis=0)) == len(kept) == got.n_evaluations <= 16
    assert len(got.samples) == (16 if design == "exhaustive" else 100)
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


def test_the_model_chooses_its_batch_size_unless_one_is_asked_for():
    def sizes(batch_size, wanted):
        model = Streaming()
        model.batch_size = batch_size
        seewhy.explain(PHOTO, model=model, method=RISE, batch_size=wanted)
        return model.sizes[1]

    assert sizes(13, None) == 13
    assert sizes(13, 8) == 8
    assert sizes(None, None) == 64  # small pictures: the most that is made at once
    assert engine.best_batch_size(Streaming(), 10_000_000, None) == 3  # 32 MB
    assert engine.best_batch_size(Streaming(), 100_000_000, None) == 1


def test_no_more_is_drawn_than_the_model_has_asked_for():
    drawn = []

    def blocks():
        for i in range(1000):
            drawn.append(i)
            yield Block(np.ones((4, 2), dtype=bool))

    place = Scene(np.ones((2, 2, 1), np.float32), np.zeros((2, 2, 1), np.float32), np.array([[0, 1], [1, 0]]))
    model = FunctionModel(lambda batch: batch.mean(axis=(1, 2)))
    composer = engine.Composer(model, place, keep_batches=0)
    scored = engine.collect(
        model, composer, SegmentMasks(place.segments), blocks(), batch_size=4, clock=engine.Clock(), classes=1
    )

    for n in range(1, 6):
        next(scored)
        time.sleep(0.01)
        assert n <= len(drawn) <= n + 2
    scored.close()


def test_model_seconds_are_the_models_own():
    def slow(batch):
        time.sleep(0.02)
        return score(batch)

    got = seewhy.explain(PHOTO, model=slow, method=RISE, batch_size=20)

    assert 0.12 <= got.seconds_model <= got.seconds
