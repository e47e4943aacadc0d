"""What a study chooses among, and which class each photo is of."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.core.settings import to_toml
from seewhy.render.display import Display
from seewhy.study.menu import MENUS, Menu
from seewhy.study.photos import classed
from support.refusing import refuses

# --- photos and classes ---------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path):
    """Return a folder with photos of two classes, no two the same."""
    for i, name in enumerate(["bear/1.png", "bear/2.png", "owl/1.png", "cat.png", "more/cat.png"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Pillow.fromarray(np.full((4, 4, 3), i, np.uint8)).save(path)
    return tmp_path


def kinds(photos):
    return {one.photo.name: one.kind for one in classed(photos, None, "auto")[0]}


def test_classes_come_from_folders_files_or_a_dict(photos):
    bear, owl = photos / "bear", photos / "owl" / "1.png"

    assert kinds(bear) == {"1.png": "bear", "2.png": "bear"}
    assert kinds(photos)["bear/1.png"] == "bear"
    assert kinds([bear, owl]) == {"bear/1.png": "bear", "bear/2.png": "bear", "owl/1.png": "1"}
    assert set(kinds({"birds": [bear, owl]}).values()) == {"birds"}
    for twice in ({"x": bear, "y": bear / "1.png"}, [bear, bear / "1.png"]):
        with refuses(InvalidInput, "photos", rule="have one class each"):
            kinds(twice)


def test_what_seewhy_wrote_into_a_folder_is_not_studied(photos):
    folder = photos / "cats"
    folder.mkdir(exist_ok=True)
    for name in ("tom.png", "tom.lime.png", "tom.lime.heatmap.png"):
        Pillow.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / name)
    (folder / "tom.lime.seewhy").touch()

    found, notes = classed(folder, None, "auto")

    names = {one.photo.path.name for one in found}
    assert "tom.png" in names
    assert not names & {"tom.lime.png", "tom.lime.heatmap.png"}
    assert any(note.startswith("skipped 2 images written by seewhy") for note in notes)


def test_photos_given_by_themselves_are_of_classes_of_their_own(photos):
    cats = [photos / "cat.png", photos / "more" / "cat.png"]

    assert kinds(cats) == {"cat.png": "cat.png", "more/cat.png": "more/cat.png"}
    assert kinds([cats[0], cats[0]]) == {"cat.png": "cat"}
    (photos / "cat").mkdir()
    (photos / "bear" / "1.png").rename(photos / "cat" / "1.png")
    assert kinds([cats[0], photos / "cat"]) == {"cat.png": "cat.png", "cat/1.png": "cat"}


def test_a_link_is_of_the_class_of_the_folder_that_it_lies_in(photos, monkeypatch):
    (photos / "study" / "bear").mkdir(parents=True)
    (photos / "study" / "bear" / "mine.png").symlink_to(photos / "more" / "cat.png")
    (photos / "grizzly").symlink_to(photos / "owl")

    assert kinds(photos / "study") == {"mine.png": "bear"}
    assert kinds(photos / "study" / "bear" / "mine.png") == {"mine.png": "mine"}
    assert kinds([photos / "grizzly", photos / "study"]) == {"grizzly/1.png": "grizzly", "study/bear/mine.png": "bear"}
    with refuses(InvalidInput, "photos", rule="have one class each"):  # one photo, whatever it is called
        kinds([photos / "study", photos / "more"])
    monkeypatch.chdir(photos / "owl")
    assert kinds(".") == {"1.png": "owl"}
    assert kinds([".", "../bear"]) == {"bear/1.png": "bear", "bear/2.png": "bear", "owl/1.png": "owl"}
    (photos / "study" / "away").symlink_to(photos / "owl")
    assert kinds("../study/away/../bear") == kinds(photos / "bear")  # .. is where the link leads, and not study
    (photos / "owl" / "empty").mkdir()
    monkeypatch.chdir(photos / "owl" / "empty")
    assert kinds("..") == {"1.png": "owl"}


# --- the menu -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MENUS)
@pytest.mark.parametrize("region", [False, True])
def test_the_menus_have_no_impossible_settings_and_labels_of_their_own(name, region):
    menu = Menu.of(name, 200, region=region)

    labels = [one.label for one in menu.settings]
    assert len(set(labels)) == len(labels)
    assert menu.default.method == seewhy.Lime(n_samples=200)
    assert not [note for note in menu.notes if "settings are not varied" not in note]
    for one in menu.settings:
        assert menu.samplings[one.sampling].replace(**one.changes) == one.method


def test_a_menu_may_be_a_file(tmp_path):
    path = tmp_path / "menu.toml"
    path.write_text(
        '[sampling."my own"]\nname = "lime"\nsegmentation = "grid"\n'
        '[free]\nsurrogate = ["lasso"]\nkernel = ["shapley"]\n'
    )
    menu = Menu.of(str(path), 60, region=False)

    labels = [one.label for one in menu.settings]
    assert labels[:2] == ["my own", "my own \u00b7 kernel shapley"]
    assert "my own \u00b7 surrogate lasso" in labels
    assert len(labels) == 3
    (note,) = menu.notes
    assert "skipped surrogate lasso, kernel shapley" in note


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ({"n_samples": 2000}, "n_samples 2000"),
        ({"tolerance": 0.03, "max_seconds": 9}, "max_seconds 9.0, tolerance 0.03"),
        ({"until": "top3"}, "until top3"),
        ({"n_samples": 60}, ""),
        ({"max_seconds": None}, ""),
    ],
)
def test_what_a_sampling_says_of_its_amount_is_not_used_and_said(said, lost):
    menu = Menu.of({"sampling": {"usual": "lime", "mine": {"name": "lime"} | said}}, 60, region=False)

    assert menu.samplings["mine"] == menu.samplings["usual"] == seewhy.Lime(n_samples=60)
    wanted = f"mine: {lost} ignored: the study uses 60 samples for every sampling setting"
    assert menu.notes == ((wanted,) if lost else ())


def test_a_settings_file_is_a_menu_of_its_own_setting(tmp_path):
    lime = seewhy.Lime(segmentation="grid", kernel="none", num_features=4, n_samples=80)
    held = {"method": lime.to_dict(), "display": {"regions": 3, "sign": "positive"}, "targets": "top1", "seed": 0}
    path = tmp_path / "tune.toml"
    path.write_text(to_toml(held))
    menu = Menu.of(os.fspath(path), 60, region=True)

    (one,) = menu.settings
    assert (one.label, one.sampling, one.changes) == ("tune", "tune", {})
    assert one.method == menu.samplings["tune"] == lime.replace(n_samples=60)
    assert one.display == Display(regions=3, sign="positive")
    assert menu.notes == (
        "tune: n_samples 80 ignored: the study uses 60 samples for every sampling setting",
        "tune: only method and display are used; ignored: seed, targets",
    )
    assert Menu.of({"method": "rise"}, 60, region=False).default.label == "settings"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"free": {"num_features": [3]}}, {"setting": "settings", "value": "free"}),
        ({"display": 3}, {"setting": "settings", "value": "display 3"}),
        ({"display": {"regions": 0}}, {"setting": "Display.regions", "value": 0}),
        ({"method": "auto"}, {"setting": "method", "value": "auto"}),
    ],
)
def test_settings_that_break_a_rule_are_no_menu(more, message):
    with refuses(InvalidInput, **message):
        Menu.of({"method": "lime"} | more, 60, region=True)
