"""Photos that belong together: frames and near copies are found, reported, and counted once; others are left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import FileError, InvalidInput
from seewhy.evaluate.grouping import Independence, check_groups, grouped_by
from seewhy.evaluate.sequences import likely
from seewhy.images import load_image
from seewhy.study import study
from support.graded import LIME, asked, model
from support.tuning import only_free

SIDE = 32


def scene(seed, shift=0, noise=0):
    """Return a picture (H, W, 3) of smooth color, seen from a little further on, with a little noise of its own."""
    rng = np.random.default_rng(seed)
    coarse = Pillow.fromarray(rng.integers(0, 256, (6, 12, 3), dtype=np.uint8))
    wide = np.asarray(coarse.resize((2 * SIDE, SIDE), Pillow.Resampling.BICUBIC), dtype=np.int16)
    grain = np.random.default_rng(noise).integers(-20, 21, (SIDE, SIDE, 3)) if noise else 0
    return np.clip(wide[:, shift : shift + SIDE] + grain, 0, 255).astype(np.uint8)


def frames(*names, each=3):
    """Return pictures by name: sequences whose frames move on."""
    return {f"{name}{i:05}.png": scene(s, 3 * i, i + 1) for s, name in enumerate(names) for i in range(each)}


def others(*names):
    """Return pictures by name that have nothing in common."""
    return {name: scene(100 + i) for i, name in enumerate(names)}


def grouped(pictures, groups="auto", known=None):
    names, images = list(pictures), [load_image(one) for one in pictures.values()]
    told = [None] * len(names) if known is None else known
    return grouped_by(groups, names, told, [one.sha256 for one in images], images.__getitem__)


def written(pictures, place):
    for name, pixels in pictures.items():
        (place / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(pixels).save(place / "photos" / name)
    return place / "photos"


# --- what belongs together ----------------------------------------------------------------------------------

NAMED = {
    "one folder": ("bear_", "cat_", "dog_"),
    "a folder each": ("bear/", "cat/", "dog/"),
    "frames of films": ("film1/frame", "film2/frame", "film3/frame"),
    "two frames each": tuple("abcdefgh"),
}


@pytest.mark.parametrize("names", NAMED.values(), ids=NAMED)
def test_frames_count_as_one_sequence(names):
    found = grouped(frames(*names, each=2 if len(names) > 3 else 3))

    assert len(set(found.groups)) == len(names)
    assert found.independence.sequences == len(names)
    assert found.independence.frames == len(found.groups)
    assert found.independence.counted_as_one
    assert f"{len(found.groups)} photos look like {len(names)} sequences" in found.notes[0]
    assert "--groups none" in found.notes[-1]


def test_one_sequence_alone_is_found_by_how_it_moves_on():
    found = grouped({f"walk_{i:03}.png": scene(0, 4 * i) for i in range(12)})

    assert len(set(found.groups)) == 1
    assert "12 photos look like 1 sequence (" in found.notes[0]


def test_near_copies_count_as_one_whatever_they_are_called():
    pixels = scene(0)
    large = np.asarray(Pillow.fromarray(pixels).resize((3 * SIDE, 3 * SIDE), Pillow.Resampling.BICUBIC))
    found = grouped({"a.png": pixels, "b.png": scene(1), "c.png": large, "d.png": np.clip(pixels, 4, 250)})

    assert len(set(found.groups)) == 2
    assert found.independence.near_copies == 2
    assert found.notes[0].startswith("2 photos look like near copies of others (such as c.png of a.png)")


def test_sequences_beside_single_photos_leave_these_alone():
    found = grouped(frames("bear_", "cat_") | others("x.png", "y.png", "IMG_0001.png", "IMG_0002.png"))

    assert len(set(found.groups)) == 2 + 4


# --- what does not ------------------------------------------------------------------------------------------

NUMBERS = ("{:04}", "IMG_{:04}", "DSC{:05}", "_MG_{:04}", "ILSVRC2012_val_{:08}", "COCO_val2014_{:012}", "2007_{:06}")


@pytest.mark.parametrize("pattern", [*NUMBERS, "{}", "photo{}", "image_{:04}"])
def test_numbers_of_cameras_and_data_sets_are_no_sequence(pattern):
    found = grouped(others(*(f"{pattern.format(i)}.png" for i in range(1, 13))))

    assert len(set(found.groups)) == 12
    assert found.notes == []
    assert found.independence == Independence("auto", counted_as_one=True)


@pytest.mark.parametrize("pattern", ["bear_{:05}", "bear/{:05}", "frame{:04}"])
def test_what_is_only_named_like_frames_is_reported_and_counts_by_itself(pattern):
    found = grouped(others(*(f"{pattern.format(i)}.png" for i in range(4))))

    assert len(set(found.groups)) == 4
    assert (found.independence.named_sequences, found.independence.named_frames) == (1, 4)
    assert found.notes[0].startswith("4 photos have names like frames of 1 sequence")
    assert "--groups name" in found.notes[0]


def test_flat_and_unreadable_photos_are_compared_with_nothing():
    flat = load_image(np.full((SIDE, SIDE, 3), 90, dtype=np.uint8))
    pictures = [flat, None, flat, None]

    found = likely(["bear_000.png", "bear_001.png", "c.png", "d.png"], pictures.__getitem__)

    assert (found.sequences, found.copies, found.unread) == ((), (), 4)


def test_photos_without_a_name_are_compared_by_their_looks():
    found = grouped_by(
        "auto", ["", "", ""], [None] * 3, ["x", "y", "z"], [load_image(scene(i % 2)) for i in range(3)].__getitem__
    )

    assert found.groups[0] == found.groups[2] != found.groups[1]


# --- what was asked -----------------------------------------------------------------------------------------


def test_photos_counted_as_independent_on_request_are_reported():
    found = grouped(frames("bear_", "cat_"), "none")

    assert len(set(found.groups)) == 6
    assert not found.independence.counted_as_one
    assert "too narrow" in found.notes[-1]


def test_folders_and_names_group_without_a_look():
    names = ["a/1.png", "a/2.png", "b/x_1.png", "b/x_2.png"]

    def unread(i):
        raise AssertionError(i)

    for how, count in (("folder", 2), ("name", 3)):
        assert len(set(grouped_by(how, names, [None] * 4, "wxyz", unread).groups)) == count


def test_a_file_says_the_groups(tmp_path):
    (tmp_path / "groups.csv").write_text("file,group\na.png,one\nb.png,one\n")

    found = grouped(others("a.png", "b.png", "c.png"), str(tmp_path / "groups.csv"))

    assert found.groups[0] == found.groups[1] != found.groups[2]
    assert found.notes == ["groups.csv gives no group for 1 photo, such as c.png"]


@pytest.mark.parametrize(
    "text", ["", "file,group\n", "file\na.png\n", "file,group\na.png\n", "file,group\na.png,\n", "file,group\n../a,b\n"]
)
def test_a_file_that_says_no_groups_is_named(text, tmp_path):
    (tmp_path / "groups.csv").write_text(text)

    with pytest.raises(FileError) as refused:
        grouped(others("a.png", "b.png"), str(tmp_path / "groups.csv"))
    assert refused.value.setting.startswith("groups")


@pytest.mark.parametrize("wrong", ["frames", "names.txt", 3, None, ["a"]])
def test_what_is_no_way_of_grouping_is_refused(wrong):
    with pytest.raises(InvalidInput) as told:
        check_groups(wrong)

    assert told.value.setting == "groups"


# --- in the results -----------------------------------------------------------------------------------------


def test_an_evaluation_says_so_in_its_result_and_its_files(tmp_path):
    written(frames("bear_", "cat_"), tmp_path)
    ask = {"truth": None, "metrics": ["complexity"], "baselines": ()}

    found = asked(tmp_path, **ask)

    assert found.summary[0]["metrics"]["complexity"]["groups"] == 2
    assert any("6 photos look like 2 sequences" in note for note in found.notes)
    held = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (held["photos"], held["groups"], held["independence"]["sequences"]) == (6, 2, 2)
    apart = asked(tmp_path, **ask, groups="none")
    assert apart.summary[0]["metrics"]["complexity"]["groups"] == 6
    assert any("too narrow" in note for note in apart.notes)


def test_a_study_and_a_tuning_count_alike(tmp_path):
    pictures = frames("bear_", "cat_", each=2)
    photos = written(pictures, tmp_path)
    menu = {"sampling": {"lime": LIME}}

    found = study(photos, model=model(), menu=menu, n_samples=40, progress=False)
    tuned = only_free(photos=[photos / name for name in pictures], metric="srg", n_samples=40, free={})

    assert len(set(found.groups)) == 2
    assert any("4 photos look like 2 sequences" in note for note in found.notes)
    assert any("4 photos look like 2 sequences" in note for note in tuned.notes)
