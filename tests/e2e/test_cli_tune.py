"""``seewhy tune`` as people and scripts call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from support.cli import TINY, Call, strict

pytest.importorskip("optuna", reason="the extra tune is not installed")

SPACE = """
[sampling]
lime.segmentation = ["grid"]
lime.grid.rows = [2, 5]
"lime.grid.columns" = [2, 5]
[free]
kernel = ["cosine"]
surrogate = ["least-squares"]
num_features = ["none", 3]
n_samples = [40]
regions = [1, 3]
sign = ["auto"]
"""


@pytest.fixture
def small(place: Path) -> tuple[str, ...]:
    mask = np.zeros((60, 90), np.uint8)
    mask[:30] = 255
    (place / "masks").mkdir()
    Pillow.fromarray(mask).save(place / "masks" / "cat.png")
    Pillow.fromarray(mask[::-1]).save(place / "masks" / "other.png")
    Pillow.open(place / "cat.png").rotate(180).save(place / "other.png")
    (place / "space.toml").write_text(SPACE)
    return ("--model", TINY, "--method", "lime", "--space", "space.toml", "--trials", "3")


def test_the_settings_that_it_finds_are_taken_by_explain(call: Call, place: Path, small: tuple[str, ...]) -> None:
    found = call("tune", "cat.png", *small, "--truth", "masks/cat.png")

    assert found.code == 0, found.err
    assert found.out.startswith("iou 0.")
    assert "the settings were chosen on the same data" in found.out
    files = [line.removeprefix("wrote ") for line in found.out.splitlines() if line.startswith("wrote ")]
    assert files == [str(Path("seewhy-tune") / f"tune.{kind}") for kind in ("toml", "json", "txt", "html")]
    held = strict((place / "seewhy-tune/tune.json").read_text())
    assert len(held["trials"]) == 3

    explained = call("explain", "cat.png", "--settings", "seewhy-tune/tune.toml", "--model", TINY, "--json")
    assert explained.code == 0, explained.err
    assert json.loads(explained.out)["settings"] == held["winner"]["method"]


def test_several_photos_report_what_was_held_out_and_print_one_json(call: Call, small: tuple[str, ...]) -> None:
    found = call("tune", "cat.png", "other.png", *small, "--truth", "masks", "--json", "--seed", "3")

    assert (found.code, found.err) == (0, "")
    result = strict(found.out)
    assert (result["metric"], result["held_out"], result["seed"]) == ("iou", ["photos"], 3)
    assert [one["name"] for one in result["photos"]] == ["cat.png", "other.png"]
    assert (result["lead"]["low"], result["lead"]["groups"]) == (None, 2)
    assert "trials" not in result


def test_a_folder_stands_for_its_photos(call: Call, place: Path, small: tuple[str, ...]) -> None:
    (place / "photos").mkdir()
    for name in ("cat.png", "other.png"):
        (place / name).rename(place / "photos" / name)
    (place / "photos" / "cat.lime.seewhy").touch()
    (place / "photos" / "cat.png").with_name("cat.lime.png").write_bytes(b"written beside it")

    found = call("tune", "photos", *small, "--truth", "masks")

    assert (found.code, found.err) == (0, "")
    held = strict((place / "seewhy-tune/tune.json").read_text())
    assert [one["name"] for one in held["photos"]] == ["cat.png", "other.png"]
    assert found.out.endswith(f"note: skipped 1 images written by seewhy, such as {Path('photos/cat.lime.png')}\n")


@pytest.mark.parametrize(("groups", "held_out"), [("name", []), ("none", ["photos"])])
def test_frames_of_one_film_are_held_out_together(
    call: Call, place: Path, small: tuple[str, ...], groups: str, held_out: list[str]
) -> None:
    for number, name in enumerate(("cat", "other")):
        (place / f"{name}.png").rename(place / f"film_{number}.png")
        (place / "masks" / f"{name}.png").rename(place / "masks" / f"film_{number}.png")
    found = call("tune", "film_0.png", "film_1.png", *small, "--truth", "masks", "--json", "--groups", groups)

    assert (found.code, found.err) == (0, "")
    assert strict(found.out)["held_out"] == held_out


def test_it_goes_on_in_the_same_folder(call: Call, small: tuple[str, ...]) -> None:
    first = call("tune", "cat.png", *small, "--metric", "sufficiency", "--json")
    again = call("tune", "cat.png", *small, "--metric", "sufficiency", "--json")

    one, two = (strict(found.out) | {"seconds": 0} for found in (first, again))
    assert one == two


def test_free_settings_alone_start_from_a_preset(call: Call, small: tuple[str, ...]) -> None:
    del small
    given = (
        "--model",
        TINY,
        "--preset",
        "lime-scratch-resnet18",
        "--target",
        "top1",
        "--free-only",
        "--metric",
        "sufficiency",
    )
    found = call("tune", "cat.png", *given, "--n-samples", "60", "--json")

    assert found.code == 0, found.err
    result = strict(found.out)
    assert (result["n_trials"], result["start"]["display"]["regions"]) == (1, 7)
    assert result["winner"]["method"]["design"] == "drop-fraction"
    assert (result["chosen_on"], result["held_out"]) == ("sufficiency over black, on this photo", ["fill"])


@pytest.mark.slow
def test_the_embedded_model_is_tuned_on_a_cat(call: Call, place: Path) -> None:
    found = call("tune", "cat.png", "--calls", "1500", "--n-samples", "64", "--method", "lime", "--json", "-q")

    assert found.code == 0, found.err
    result = strict(found.out)
    assert result["calls"]["total"] <= 1500
    assert (result["metric"], result["reported_on"]) == ("srg", "srg over black, on the same photo")
    assert call("explain", "cat.png", "--settings", "seewhy-tune/tune.toml", "-q").code == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--metric", "beauty"], "metric must be one of"),
        (["--metric", "iou"], "metric iou needs ground truth"),
        (["--truth", "masks/cat.png", "other.png"], "--truth must be a folder"),
        (["--truth", "nowhere"], "truth nowhere: no such file"),
        (["--preset", "best"], "--preset must be one of"),
        (["--groups", "frames"], "groups must be one of auto, name, folder, none"),
        (["--preset", "lime-lab", "--settings", "s.toml"], "exclude each other"),
        (["--settings", "several.toml"], "choose one with --target"),
        (["--space", "wrong.toml"], "must hold only the tables sampling and free"),
        (["--space", "flat.toml"], "sampling must be a table"),
        (["--calls", "5"], "is too small for the settings that tuning starts from"),
        (["--seconds", "0"], "--seconds must be above 0, got 0.0"),
        (["--target", "zebra"], "targets='zebra' is not a class"),
    ],
)
def test_wrong_usage_is_one_line(
    call: Call, place: Path, small: tuple[str, ...], given: list[str], message: str
) -> None:
    (place / "several.toml").write_text('targets = "top3"\n')
    (place / "wrong.toml").write_text("[fred]\n")
    (place / "flat.toml").write_text("sampling = 3\n")
    base = tuple(word for word in small if word not in {"--space", "space.toml"}) if "--space" in given else small
    found = call("tune", "cat.png", *base, *given)

    assert found.code == 2
    assert message in found.error
