"""Result files: what is saved is loaded as it was, and can be read again."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

import seewhy
from seewhy.core.errors import FileError
from support.refusing import refuses
from support.runs import BALANCED, BLOCKS, LIME, METHODS, MODEL, PHOTO, RISE, Cropped, H, W, cropped, logits, run

SAVED = {
    "lime": (LIME, MODEL, PHOTO),
    "lime balanced": (BALANCED, MODEL, PHOTO),
    "lime that stops by itself": (BALANCED.replace(n_samples=None), MODEL, PHOTO),
    "lime exhaustive": (BALANCED.replace(n_samples=None, design="exhaustive", max_evaluations=9999), MODEL, PHOTO),
    "lime too short for intervals": (LIME.replace(n_samples=9), MODEL, PHOTO),
    "lime log-odds": (LIME.replace(unit="log-odds", surrogate="lasso", kernel="inverse-l2"), MODEL, PHOTO),
    "lime through a crop": (LIME, Cropped(cropped, kind="logit"), np.tile(PHOTO, (2, 3, 1))),
    "lime labels": (LIME.replace(segmentation=seewhy.Labels(array=BLOCKS)), MODEL, PHOTO),
    "lime function and regressor": (
        LIME.replace(segmentation=lambda pixels: BLOCKS, surrogate=ElasticNet(alpha=1e-3)),
        MODEL,
        PHOTO,
    ),
    "lime other picture": (LIME.replace(fill=seewhy.Picture(array=PHOTO[::-1].copy())), MODEL, PHOTO),
    "lime floats": (LIME, logits, PHOTO.astype(np.float32) / 255),
    "lime 16 bit": (LIME, logits, PHOTO.astype(np.uint16) * 200),
    "lime five channels": (
        LIME.replace(fill="gray"),
        lambda batch: batch[..., 4].mean(axis=(1, 2)),
        np.random.default_rng(2).random((H, W, 5), dtype=np.float32),
    ),
    "lime constant": (LIME, lambda batch: np.full((len(batch), 1), 0.25), PHOTO),
    "rise": (RISE, MODEL, PHOTO),
    "rise that stops by itself": (RISE.replace(n_samples=None), MODEL, PHOTO),
    "rise reference": (RISE.replace(estimator="reference", unit="score", fill="blur"), MODEL, PHOTO),
    "rise through a crop": (RISE, Cropped(cropped, kind="logit"), np.tile(PHOTO, (2, 3, 1))),
}


@pytest.mark.parametrize("case", SAVED)
def test_a_saved_result_is_loaded_as_it_was(case, tmp_path):
    method, model, photo = SAVED[case]
    got = run(method, model, photo, targets="top1" if "constant" in case or "five" in case else "top2", seed=5)

    loaded = seewhy.load(got.save(tmp_path / "first"))

    loaded.save(tmp_path / "second")
    seewhy.load(tmp_path / "second").save(tmp_path / "third")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert (tmp_path / "first").read_bytes() == (tmp_path / "third").read_bytes()
    untimed = {"seconds": None, "seconds_model": None}
    assert loaded.to_dict() | untimed == got.to_dict() | untimed
    assert loaded.seconds is None
    assert repr(loaded) == repr(got)
    assert (loaded.stop, loaded.model) == (got.stop, got.model)
    np.testing.assert_array_equal(loaded.image.pixels, got.image.pixels)
    np.testing.assert_array_equal(loaded.seen, got.seen)
    for target in range(len(got.targets)):
        np.testing.assert_array_equal(loaded.heatmap(target), got.heatmap(target))
        np.testing.assert_array_equal(loaded.standard_error(target), got.standard_error(target))
        for sign in ("positive", "negative", "both"):
            share = {"share": 0.1} if got.segments is None else {}
            np.testing.assert_array_equal(
                loaded.region(3, sign=sign, target=target, **share), got.region(3, sign=sign, target=target, **share)
            )
            if got.segments is not None:
                assert loaded.top(4, target=target, sign=sign) == got.top(4, target=target, sign=sign)
    for name in ("d", "classes", "kind", "bits", "scores", "shifts", "parts"):
        np.testing.assert_array_equal(getattr(loaded.samples, name), getattr(got.samples, name))
    for name in ("kind", "classes", "scores", "excess", "log_totals"):
        for part in ("answers", "untouched"):
            ours, theirs = (getattr(getattr(one.samples, part), name) for one in (loaded, got))
            np.testing.assert_array_equal(ours, theirs)
    if "picture" not in case:  # which is not in the file
        np.testing.assert_array_equal(loaded.scene.fill, got.scene.fill)


@METHODS
def test_what_is_loaded_can_be_estimated_again_from_its_samples(method, tmp_path):
    got = run(method, targets="top2")
    loaded = seewhy.load(got.save(tmp_path / "result"))

    for target, attribution in zip(loaded.targets, got.attributions, strict=True):
        again = loaded.method.estimate(loaded.samples, loaded.scene, target.scores(loaded.samples.answers))
        np.testing.assert_array_equal(
            getattr(again, "values", getattr(again, "heatmap", None)),
            getattr(attribution, "values", getattr(attribution, "heatmap", None)),
        )


@METHODS
def test_a_partial_result_stays_partial(method, tmp_path):
    asked = []
    got = run(method, batch_size=20, cancel=lambda: len(asked) > 3 or bool(asked.append(1)))

    loaded = seewhy.load(got.save(tmp_path / "result"))

    assert not loaded.complete
    assert len(loaded.samples) == len(got.samples) < 150
    assert loaded.warnings == got.warnings


def test_saving_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "result.seewhy"
    path.write_text("before")

    assert run().save(str(path)) == path

    assert [place.name for place in tmp_path.iterdir()] == ["result.seewhy"]
    assert len(seewhy.load(str(path)).samples) == 150


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path):
    with refuses(FileError, "result", rule="No such file or directory"):
        run().save(tmp_path / "nowhere" / "result")
