"""Several photos at once: the same results as one by one, and one bad photo does not cost the others."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import ImageError, InvalidInput
from seewhy.engine.together import Together
from seewhy.many import with_photos
from seewhy.testing import check_model
from support.patience import PATIENCE
from support.refusing import refuses

RNG = np.random.default_rng(9)
PHOTOS = [RNG.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(7)]
LIME = seewhy.Lime(segmentation="grid", n_samples=60)


def score(batch):
    top = batch[:, :8].mean(axis=(1, 2, 3))
    return np.stack([top, 1 - top], axis=1)


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert [one.name for one in threading.enumerate() if one.name.startswith("seewhy")] == []


def saved(explanation, path):
    return explanation.save(path).read_bytes()


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("method", [LIME, seewhy.Rise(grid=4, tolerance=0.3), seewhy.EnsembleLime(n_samples=150)])
def test_each_photo_gets_what_it_would_get_alone(method, at_once, tmp_path):
    together = list(seewhy.explain_many(PHOTOS[:4], model=score, method=method, at_once=at_once, seed=4))
    for photo, got in zip(PHOTOS, together, strict=False):
        alone = seewhy.explain(photo, model=score, method=method, seed=4)
        assert saved(got, tmp_path / "a") == saved(alone, tmp_path / "b")


def test_a_model_is_asked_by_one_thread():
    threads, sizes = set(), []

    def model(batch):
        threads.add(threading.current_thread().name)
        sizes.append(len(batch))
        return score(batch)

    shared = seewhy.FunctionModel(model, batch_size=16)
    found = list(seewhy.explain_many(PHOTOS, model=shared, method=LIME, at_once=3))
    assert len(threads) == 1
    assert sum(sizes) == sum(one.n_evaluations for one in found)


def test_batches_that_wait_are_merged():
    waiting, sizes = threading.Semaphore(0), []

    def model(batch):
        if not sizes:  # busy until every run has asked
            for _ in range(3):
                assert waiting.acquire(timeout=PATIENCE)
        sizes.append(len(batch))
        return score(batch)

    def batches(of):
        yield of
        waiting.release()
        yield of[::-1]

    batch = np.random.default_rng(0).random((8, 16, 16, 3), dtype=np.float32)
    with Together(batch_size=16) as together, ThreadPoolExecutor(3) as runs:
        shared = together.share(seewhy.FunctionModel(model))
        found = list(runs.map(lambda i: list(shared.stream(batches(batch * i))), (0.2, 0.5, 1)))
    for i, (first, second) in zip((0.2, 0.5, 1), found, strict=True):
        np.testing.assert_array_equal(first, score(batch * i))
        np.testing.assert_array_equal(second, score(batch * i)[::-1])
    assert sum(sizes) == 48
    assert max(sizes) == 16


def test_one_bad_photo_does_not_cost_the_others():
    photos = [PHOTOS[0], "/no/such/photo.jpg", PHOTOS[1]]
    found = list(seewhy.explain_many(photos, model=score, method=LIME, errors="return"))
    assert [type(one) for one in found] == [seewhy.Explanation, ImageError, seewhy.Explanation]
    with pytest.raises(ImageError):
        list(seewhy.explain_many(photos, model=score, method=LIME))


def test_a_model_that_fails_on_one_photo_does_not_fail_on_those_beside_it():
    bad = PHOTOS[1].copy()
    bad[0, 0] = 255, 0, 255

    def model(batch):
        if (batch[:, 0, 0] == [1, 0, 1]).all(axis=1).any():
            msg = "no magenta, please"
            raise RuntimeError(msg)
        return score(batch)

    photos = [PHOTOS[0], bad, PHOTOS[2], PHOTOS[3]]
    found = list(seewhy.explain_many(photos, model=model, method=LIME, errors="return", at_once=3))
    assert [isinstance(one, RuntimeError) for one in found] == [False, True, False, False]


def test_photos_are_read_as_they_are_needed():
    taken = []

    def photos():
        for i, photo in enumerate(PHOTOS):
            taken.append(i)
            yield photo

    stream = seewhy.explain_many(photos(), model=score, method=LIME, at_once=1)
    next(stream)
    assert len(taken) <= 3
    stream.close()


def test_cancelling_leaves_partial_results_of_those_in_work():
    asked = []

    def cancel():
        asked.append(1)
        return len(asked) > 40

    long = LIME.replace(n_samples=2000)
    found = list(seewhy.explain_many(PHOTOS, model=score, method=long, batch_size=10, cancel=cancel, errors="return"))
    assert any(isinstance(one, seewhy.Explanation) for one in found)
    assert not all(one.complete for one in found if isinstance(one, seewhy.Explanation))


@pytest.mark.parametrize("errors", ["return", "raise"])
def test_after_cancelling_no_photo_is_begun(errors):
    opened, ready = [], threading.Event()

    def photos():
        for i, photo in enumerate(PHOTOS):
            opened.append(i)
            yield photo

    def model(batch):
        ready.set()
        return score(batch)

    found = list(
        seewhy.explain_many(
            photos(),
            model=model,
            method=LIME.replace(n_samples=400),
            batch_size=10,
            preflight=False,
            cancel=ready.is_set,
            errors=errors,
        )
    )
    assert len(opened) <= 3
    assert len(found) <= len(opened)
    assert all(isinstance(one, seewhy.Explanation) and not one.complete for one in found)


def test_each_photo_comes_with_what_was_found():
    bad = np.zeros((3, 3, 7), np.uint8)
    photos = [PHOTOS[0], bad, PHOTOS[2]]
    found = list(with_photos(photos, model=score, method=LIME, errors="return"))
    assert [one is photo for (one, _), photo in zip(found, photos, strict=True)] == [True] * 3
    assert [isinstance(one, seewhy.Explanation) for _, one in found] == [True, False, True]


def test_one_photo_by_name_is_not_taken_apart():
    with refuses(InvalidInput, "images", value="photo.jpg"):
        seewhy.explain_many("photo.jpg", model=score)


def test_it_says_how_many_are_done():
    done = []
    list(seewhy.explain_many(PHOTOS[:3], model=score, method=LIME, progress=done.append))
    assert done == [1, 2, 3]


@pytest.mark.parametrize("wrong", [{"errors": "ignore"}, {"at_once": 0}])
def test_wrong_settings_are_refused_before_anything_is_read(wrong):
    with refuses(InvalidInput, next(iter(wrong))):
        seewhy.explain_many(iter([]), model=score, **wrong)


def test_a_shared_model_keeps_the_contract_and_is_asked_directly_at_the_end():
    model = seewhy.FunctionModel(score, input_size=8)
    with Together() as together:
        shared = together.share(model)
        check_model(shared)
        assert together.share(model) is shared
    check_model(shared)


SCRIPT = """
import sys, time
import numpy as np
import seewhy
def model(batch):
    print("asked", flush=True)
    time.sleep(0.05)
    return batch.mean(axis=(1, 2))
photos = [np.full((16, 16, 3), 20 * i, np.uint8) for i in range(8)]
method = seewhy.Lime(segmentation="grid", n_samples=40_000)  # no photo is done before Ctrl-C
found = list(seewhy.explain_many(photos, model=model, method=method, batch_size=8, preflight=False))
print("partial", len(found), all(not one.complete for one in found))
"""


@pytest.mark.slow
def test_ctrl_c_leaves_partial_explanations():
    run = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    for _ in range(12):
        run.stdout.readline()
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0
    assert "partial 2 True" in out


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_model_that_fails_in_the_middle_fails_for_everybody_and_nothing_hangs(error):
    calls = []

    def model(batch):
        calls.append(1)
        if len(calls) > 12:
            raise error("out of order")
        return score(batch)

    stream = seewhy.explain_many(PHOTOS[:3], model=model, method=LIME, errors="return", batch_size=4)
    if error is SystemExit:
        with pytest.raises(SystemExit):
            list(stream)
    else:
        assert any(isinstance(one, error) for one in stream)


def test_a_stream_that_ends_early_is_an_error_and_nothing_hangs():
    class Short(seewhy.FunctionModel):
        def stream(self, batches):
            for i, scores in enumerate(super().stream(batches)):
                if i == 3:
                    return
                yield scores

    found = list(seewhy.explain_many(PHOTOS[:3], model=Short(score), method=LIME, errors="return", batch_size=4))
    assert len(found) == 3


@pytest.mark.parametrize("most", [1, 3, 7])
def test_no_more_pictures_are_sent_at_once_than_was_said(most):
    sizes = []

    def model(batch):
        sizes.append(len(batch))
        return score(batch)

    list(seewhy.explain_many(PHOTOS, model=model, method=LIME, at_once=4, batch_size=most))
    assert max(sizes) <= most


def test_what_is_left_can_be_copied_and_gone_on_with():
    import copy

    (got,) = seewhy.explain_many(PHOTOS[:1], model=score, method=LIME)
    assert copy.copy(got.black_box).name == "score"
    more = got.continue_(n_samples=90)
    np.testing.assert_array_equal(
        more.values(), seewhy.explain(PHOTOS[0], model=score, method=LIME.replace(n_samples=90)).values()
    )
