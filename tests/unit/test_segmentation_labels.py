"""Label maps drawn by somebody: ids without gaps at any size, and one clear error for what is no label map."""

import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings
from seewhy.images.segmentation import Labels, SegmentationSetting, Slic, segment
from support.pictures import raw_png
from support.refusing import refuses

HAND = np.array([[0, 7, 7], [3, 3, 300]])
"""A label map with gaps; 300 needs more than 8 bits."""
HAND_IDS = [[0, 2, 2], [1, 1, 3]]


class Holder(Settings):
    segmentation: SegmentationSetting = Slic()


@pytest.fixture
def hand_png(tmp_path):
    path = tmp_path / "labels.png"
    Image.fromarray(HAND.astype(np.uint16)).save(path)
    return path


@pytest.mark.parametrize("kind", ["array", "png16", "png8", "palette", "npy"])
def test_labels_close_gaps_in_order(kind, tmp_path):
    path = tmp_path / ("labels.npy" if kind == "npy" else "labels.png")
    dense = np.where(HAND == 300, 30, HAND)
    if kind == "npy":
        np.save(path, HAND)
    elif kind == "palette":
        image = Image.fromarray(dense.astype(np.uint8)).convert("L")
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
        image.save(path)
    elif kind.startswith("png"):
        Image.fromarray((HAND if kind == "png16" else dense).astype(f"uint{kind[3:]}")).save(path)
    labels = Labels(array=HAND) if kind == "array" else Labels(path=path)

    for ids in (segment(labels, np.zeros((2, 3, 3), np.float32), 0), labels.on_photo(2, 3)):
        np.testing.assert_array_equal(ids, HAND_IDS)
        assert ids.dtype == np.int32


def test_labels_grow_by_the_nearest_pixel():
    ids = Labels(array=HAND).on_photo(4, 6)

    np.testing.assert_array_equal(ids, np.repeat(np.repeat(HAND_IDS, 2, 0), 2, 1))


def test_labels_shrink_to_pixel_centers():
    """Every third pixel's middle; regions that no center hits are dropped and the ids stay dense."""
    big = np.repeat(np.repeat(HAND, 3, 0), 3, 1)
    big[0, 0] = 5

    np.testing.assert_array_equal(Labels(array=big).on_photo(2, 3), HAND_IDS)


def test_labels_allow_one_percent_of_aspect_ratio():
    labels = Labels(array=np.indices((100, 200))[1])

    assert labels.on_photo(201, 400).shape == (201, 400)
    with refuses(InvalidInput, "Labels"):
        labels.on_photo(203, 400)


def test_labels_of_another_size_than_the_picture():
    with refuses(InvalidInput, "Labels"):
        segment(Labels(array=HAND), np.zeros((4, 6, 3), np.float32), 0)


def test_labels_keep_what_was_handed_in():
    mine = HAND.copy()
    labels = Labels(array=mine)

    mine[:] = 0

    assert labels == Labels(array=HAND)
    assert hash(labels) == hash(Labels(array=HAND))
    assert labels != Labels(array=mine)
    assert labels != Labels(path="labels.png")
    np.testing.assert_array_equal(labels.on_photo(2, 3), HAND_IDS)


def test_labels_in_json_tell_the_array_apart_but_do_not_hold_it(hand_png):
    stored = json.loads(json.dumps(Labels(array=HAND).to_dict()))

    assert set(stored) == {"name", "sha256"}
    assert Labels(path=hand_png).to_dict() == {"name": "labels", "path": str(hand_png)}
    assert Labels(**stored, array=HAND) == Labels(array=HAND)
    with refuses(InvalidInput, "Labels.sha256", rule="come with array or path"):
        Labels(**stored)
    with refuses(InvalidInput, "Labels.array", rule="be the label map with sha256"):
        Labels(**stored, array=HAND + 1)
    with refuses(InvalidInput, "Labels.sha256", rule="come with array or path"):
        Holder(segmentation=stored)


def test_labels_files_are_never_unpickled(tmp_path):
    path = tmp_path / "evil.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with refuses(InvalidInput, "Labels.path"):
        Labels(path=path).on_photo(2, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.png", None, {"setting": "none.png", "rule": "be a file"}),
        ("none.npy", None, {"setting": "none.npy", "rule": "be a file"}),
        ("broken.png", b"\x89PNG\r\n\x1a\nnothing", {"setting": "Labels.path"}),
        ("empty.npy", b"", {"setting": "Labels.path"}),
        ("float.npy", np.zeros((2, 3)), {"setting": "float.npy", "rule": "hold whole numbers"}),
        ("flat.npy", np.zeros(6, int), {"setting": "flat.npy", "value": (6,)}),
        ("minus.npy", HAND - 1, {"setting": "minus.npy", "rule": "hold numbers of at least 0"}),
        ("rgb.png", np.zeros((2, 3, 3), np.uint8), {"setting": "Labels.path", "value": "RGB"}),
    ],
)
def test_labels_files_that_cannot_be_used(name, content, message, tmp_path):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None and path.suffix == ".npy":
        np.save(path, content)
    elif content is not None:
        Image.fromarray(content).save(path)

    with refuses(InvalidInput, **message):
        Labels(path=path).on_photo(2, 3)


@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_a_label_map_larger_than_any_photo_is_refused_before_it_is_decoded(tmp_path, suffix):
    path = tmp_path / f"large.{suffix}"
    if suffix == "png":
        path.write_bytes(raw_png(20_000, 20_000, color=0, data=b"\0" * 1000))
    else:
        np.lib.format.open_memmap(path, "w+", np.uint8, (20_000, 20_000)).flush()  # a hole: it takes no room

    tracemalloc.start()
    with pytest.raises(InvalidInput) as caught:
        Labels(path=path).on_photo(20, 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert caught.value.value == 400_000_000
    assert peak < 5_000_000
