"""``seewhy evaluate``: photos and truth in, tables out, and the same command resumes."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

import seewhy
from support.cli import TINY, Answer, Call, environment, process, strict
from support.graded import folder
from support.patience import PATIENCE, wait_for, written

SETTINGS = """
model = "efficientnet-lite0"
[method]
name = "lime"
n_samples = 24
[method.segmentation]
name = "grid"
rows = 3
columns = 3
"""
SHARED = Path(__file__).parents[3] / "shared" / "data" / "photos"


@pytest.fixture
def graded(place: Path) -> Path:
    """Photos, masks, and a settings file that makes a run quick."""
    folder(place, 3)
    (place / "few.toml").write_text(SETTINGS)
    (place / "more.toml").write_text(SETTINGS.replace("24", "36"))
    return place


QUICK = ("--truth", "masks", "--settings", "few.toml", "--model", TINY, "--out", "run")


def test_photos_that_may_belong_together_are_told_of(call: Call, graded: Path) -> None:
    folder(graded / "films", 4, frames=True)
    (graded / "groups.csv").write_text("file,group\ns0_00000.png,a\ns0_00001.png,a\n")
    ask = (
        "evaluate",
        "films/photos",
        *QUICK,
        "--metrics",
        "complexity",
        "--baselines",
        "none",
        "--truth",
        "films/masks",
    )

    found, listed = call(*ask), call(*ask, "--groups", "groups.csv", "--json")
    wrong = call(*ask, "--groups", "frames")

    assert "note: 4 photos have names like frames of 2 sequences" in found.out
    assert strict(listed.out)["groups"] == 3
    assert wrong.code == 2
    assert "groups must be one of auto, name, folder, none" in wrong.error


def test_a_folder_in_a_grade_out(call: Call, graded: Path) -> None:
    found = call("evaluate", "photos", *QUICK)

    assert (found.code, found.err) == (0, "")
    assert "\x1b" not in found.out
    lines = found.out.splitlines()
    assert lines[0].split() == ["photo", "contender", "class", "iou", "ap", "pointing", "srg", "seconds"]
    assert len([line for line in lines if line.startswith(("0.png", "1.png", "2.png"))]) == 3 * 4
    (head,) = [line for line in lines if "avg_iou" in line]
    assert head.split()[:3] == ["contender", "avg_iou", "avg_time"]
    assert "differences from few, on the same photos" in found.out
    assert "note: settings files: only method and display are used; ignored: model" in found.out
    assert "note: no intervals: at least 6 independent photos are needed, got 3" in found.out
    with (graded / "run" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["contender"] for row in rows] == ["few", "random", "center", "edges"]
    assert f"{float(rows[0]['avg_iou']):.3f}" in found.out


def test_a_mean_says_of_how_many_photos_it_is(call: Call, graded: Path) -> None:
    (graded / "truth.csv").write_text("file,x0,y0,x1,y1\n0.png,0,0,8,8\n1.png,0,0,8,8\n")

    found = call("evaluate", "photos", *QUICK, "--truth", "truth.csv", "--metrics", "iou", "ap", "complexity")

    (line,) = [one for one in found.out.splitlines() if one.startswith("few") and one.endswith("0")]
    assert line.count("(2 of 3)") == 2  # of IoU and of AP, not of the third
    assert line.split()[-2:] == ["3", "0"]


def test_notes_are_in_every_form_of_the_answer(call: Call, graded: Path) -> None:
    found = strict(call("evaluate", "photos", *QUICK, "--json").out)

    assert found["notes"] == [
        "no intervals: at least 6 independent photos are needed, got 3",
        "settings files: only method and display are used; ignored: model",
    ]
    assert strict((graded / "run" / "summary.json").read_text())["notes"] == found["notes"]


def test_options_take_several_words(call: Call, graded: Path) -> None:
    arguments = ["--settings", "few.toml", "more.toml", "--metrics", "iou", "energy", "--baselines", "none"]
    arguments += ["--model", TINY, "py:seewhy_tiny:logits", "--truth", "masks", "--json"]

    found = strict(call("evaluate", "photos", *arguments, "--out", "run").out)

    assert [(one["model"], one["contender"]) for one in found["summary"]] == [
        (model, contender) for model in ("tiny [red]x", found["summary"][2]["model"]) for contender in ("few", "more")
    ]
    assert list(found["metrics"]) == ["iou", "energy"]
    assert list(found["summary"][0])[:2] == ["avg_iou", "avg_time"]
    assert found["complete"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["p", "--methods", "a", "b", "--json"], ["p", "--methods", "a", "--methods", "b", "--json"]),
        (["--metrics", "a", "--metrics", "b", "c"], ["--metrics", "a", "--metrics", "b", "--metrics", "c"]),
        (["--out", "x", "y", "--methods", "a", "--", "p", "q"], ["--out", "x", "y", "--methods", "a", "--", "p", "q"]),
        (["--methods=a", "p", "-"], ["--methods=a", "p", "-"]),
    ],
)
def test_further_words_become_further_options(given: list[str], expected: list[str]) -> None:
    import seewhy.cli.evaluate  # noqa: F401  # the module, which the command hides

    assert sys.modules["seewhy.cli.evaluate"]._repeated(given, {"--methods", "--metrics"}) == expected


def test_the_same_call_again_does_nothing_twice(call: Call, graded: Path) -> None:
    (graded / "py").mkdir()
    quick = ["--truth", "masks", "--settings", "few.toml", "--model", "py:seewhy_tiny:slow", "--out", "run", "-q"]
    assert call("evaluate", "photos", *quick) == Answer(0, "", "")
    calls = (graded / "calls").stat().st_size

    assert call("evaluate", "photos", *quick) == Answer(0, "", "")

    assert (graded / "calls").stat().st_size == calls > 0


def test_one_bad_photo_is_named_and_the_others_are_graded(call: Call, graded: Path) -> None:
    (graded / "photos" / "1.png").write_bytes(b"nothing")

    found = call("evaluate", "photos", *QUICK)

    assert found.code == 1
    assert found.error.startswith("error: 1.png must be an image file")
    assert "0.png" in found.out
    assert found.out.splitlines()[-1].startswith("wrote run: photos.csv")


WRONG = {
    "no photos": (["evaluate"], "missing argument 'PHOTOS...'; see seewhy evaluate --help"),
    "no such folder": (["evaluate", "nowhere"], "nowhere: no such file or folder"),
    "method": (["evaluate", "photos", "--methods", "limes"], "limes"),
    "metric": (["evaluate", "photos", "--metrics", "iou", "ious"], "got 'ious'"),
    "metric without truth": (["evaluate", "photos", "--metrics", "srg", "iou"], "got iou; give truth"),
    "photos after a list": (["evaluate", "--methods", "lime", "photos"], "missing argument 'PHOTOS...'"),
    "truth": (["evaluate", "photos", "--truth", "nowhere"], "truth nowhere: no such file"),
    "groups": (["evaluate", "photos", "--groups", "frames"], "groups must be one of auto, name, folder, none"),
    "settings": (["evaluate", "photos", "--settings", "empty.toml"], "empty.toml must hold a method"),
    "out": (["evaluate", "photos", "--settings", "few.toml", "--model", TINY, "--out", "cat.png"], "cat.png"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_answered_by_one_line(call: Call, graded: Path, case: str) -> None:
    (graded / "empty.toml").write_text("seed = 3\n")
    arguments, text = WRONG[case]
    found = call(*arguments)
    assert found.code == 2
    assert text in found.error


def test_the_class_of_each_photo_is_said_with_its_source(call: Call, graded: Path) -> None:
    (graded / "truth.csv").write_text("file,x0,y0,x1,y1,index\n0.png,0,0,8,8,2\n1.png,0,0,8,8,\n")

    found = call("evaluate", "photos/0.png", "photos/1.png", *QUICK, "--truth", "truth.csv")

    rows = {line.split()[0]: line for line in found.out.splitlines() if " few " in line}
    assert "(truth)" in rows["0.png"]
    assert "(top)" in rows["1.png"]


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_goes_on(graded: Path, modules: Path) -> None:
    arguments = ["evaluate", "photos", "--truth", "masks", "--settings", "few.toml", "--metrics", "iou"]
    arguments += ["--model", "py:seewhy_tiny:slow", "--batch-size", "2", "--out", "run"]
    run = subprocess.Popen(
        [sys.executable, "-m", "seewhy", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(modules, STUCK_AFTER="30"),
        text=True,
    )
    wait_for(written(graded / "calls", 20))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)

    assert run.returncode == 130
    assert err.splitlines() == ["interrupted; run the same command to resume"]
    assert "note: some grades are missing: the run was interrupted" in out
    found = process(modules, *arguments)
    assert (found.code, found.err) == (0, "")
    assert "missing" not in found.out


@pytest.mark.skipif(not SHARED.is_dir(), reason="the benchmark photos are not here")
def test_a_list_of_photos_with_masks_and_groups_is_read(call: Call, graded: Path) -> None:
    photos = [str(SHARED / "davis_masks" / f"soccerball_000{i}.jpg") for i in ("00", "16", "32")]

    found = strict(
        call("evaluate", *photos, *QUICK, "--truth", str(SHARED / "annotations.json"), "--metrics", "ap", "--json").out
    )

    assert found["photos"] == 3
    assert found["failed"] == dict.fromkeys([Path(one).name for one in photos], found["failed"][Path(photos[0]).name])
    assert "the truth must name classes of the model, 0 to 2, got 805" in next(iter(found["failed"].values()))


def test_help_lists_what_there_is(call: Call) -> None:
    out = " ".join(call("evaluate", "--help").out.split())
    for word in ("--truth", "pointing", "ensemble-lime", "edges", "the same command resumes", "--ray"):
        assert word in out


def test_where_no_method_is_named_what_explain_does_is_graded(call: Call, graded: Path) -> None:
    mask = graded / "own"
    mask.mkdir()
    Pillow.new("L", (90, 60), 255).save(mask / "cat.png")

    found = call("evaluate", "cat.png", "--truth", "own", "--model", TINY, "--metrics", "iou", "--json", "--out", "run")

    assert found.code == 0, found.err
    result = strict(found.out)
    assert [row["contender"] for row in result["summary"]] == ["auto", "random", "center", "edges"]
    explained = call("explain", "cat.png", "--model", TINY, "--json")
    assert strict(explained.out)["settings"]["name"] == "ensemble-lime"
    (kept,) = (graded / "run" / "explanations").rglob("*.seewhy")
    assert seewhy.load(kept).to_dict()["settings"] == strict(explained.out)["settings"]
