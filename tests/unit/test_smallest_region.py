"""The smallest part of a photo that keeps its class."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import FileError, InvalidInput
from seewhy.images.geometry import View
from seewhy.methods import EnsembleLime
from seewhy.models import FunctionModel
from support.refusing import refuses

H, W = 32, 40
PHOTO = np.random.default_rng(0).integers(150, 256, (H, W, 3), dtype=np.uint8)
LIT = (slice(8, 16), slice(16, 24))
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=5), fill="black", n_samples=80)
ENSEMBLE = EnsembleLime(n_segments=(8, 20), compactness=(100, 200), fill="black", n_samples=400)
METHODS = {"lime": LIME, "rise": seewhy.Rise(grid=6, n_samples=300), "ensemble": ENSEMBLE}


class Reader(FunctionModel):
    """Sees its class where a planted place of the picture is lit; counts pictures."""

    def __init__(self, place=LIT, view=None):
        self.pictures, self.place, self.crop = 0, place, view
        super().__init__(self.scores, kind="logit", labels=("lit", "dark"), name="reader")

    def scores(self, batch):
        self.pictures += len(batch)
        light = batch[(slice(None), *self.place)].mean(axis=(1, 2, 3))
        return np.stack([10 * light, np.full(len(batch), 5.0)], axis=1)

    def view(self, height, width):
        return self.crop(height, width) if self.crop else super().view(height, width)


def cropped(height, width):
    return View.resize_shorter_then_crop(height, width, shorter=36, crop=32)


def run(method=LIME, model=None, **more):
    return seewhy.explain(PHOTO, model=model or Reader(), method=method, **more)


@pytest.mark.parametrize("name", METHODS)
def test_it_keeps_the_class_and_covers_what_the_model_reads(name):
    got = run(METHODS[name])

    found = got.smallest_region()

    shown = np.where(found.region[..., None], PHOTO / 255.0, 0).astype(np.float32)
    lit, dark = Reader().scores(shown[None])[0]
    assert lit > dark
    assert found.region[LIT].mean() > 0.5
    assert 0.05 <= found.share < 0.5
    assert found.share == pytest.approx(found.region.mean(), abs=1e-6)
    assert found.region.shape == (H, W)
    assert found.region.dtype == bool


def test_of_whole_segments_it_is_the_one_that_counts():
    found = run().smallest_region()

    expected = np.zeros((H, W), dtype=bool)
    expected[LIT] = True
    np.testing.assert_array_equal(found.region, expected)
    assert found.share == pytest.approx(1 / 20)


def test_its_score_is_that_of_the_class_in_the_unit_of_the_target():
    for unit in ("probability", "log-odds", "score"):
        found = run(LIME.replace(unit=unit)).smallest_region()
        step = found.scores.index(found.score)
        assert found.shares[step] == pytest.approx(found.share)
        raw = Reader().scores(np.where(found.region[..., None], PHOTO / 255.0, 0).astype(np.float32)[None])[0]
        odds = raw[0] - raw[1]
        expected = {"probability": 1 / (1 + np.exp(-odds)), "log-odds": odds, "score": raw[0]}[unit]
        assert found.score == pytest.approx(expected, rel=1e-5)


def test_twenty_shares_up_to_the_whole_are_tried():
    got = run()
    found = got.smallest_region()

    np.testing.assert_allclose(found.shares, np.arange(1, 21) / 20)
    assert len(found.scores) == 20
    assert found.scores[-1] == pytest.approx(got.targets[0].score, rel=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_it_costs_twenty_one_pictures(name):
    model = Reader()
    got = run(METHODS[name], model)
    asked = model.pictures

    got.smallest_region()

    assert model.pictures - asked == 21


def test_it_is_never_more_than_the_whole():
    def fragile(batch):  # the more is shown the likelier, but on top only where nothing at all is missing
        whole, light = (batch > 0).all(axis=(1, 2, 3)), batch.mean(axis=(1, 2, 3))
        return np.stack([np.where(whole, 2.0, 0.9 * light), np.ones(len(batch))], axis=1)

    got = run(model=fragile, method=LIME.replace(unit="score"))

    found = got.smallest_region()

    assert np.ptp(got.heatmap()) > 0  # a constant map would show all of the photo at once
    assert found.region.all()
    assert found.share == found.shares[-1] == 1.0
    assert found.scores[-2] < 1 < found.score


def test_one_class_more_above_it_is_one_too_many():
    def between(batch):  # the class has its share of the light; the next one has more, unless nearly all is shown
        lit = (batch > 0).mean(axis=(1, 2, 3))
        light = batch[(slice(None), *LIT)].mean(axis=(1, 2, 3))
        return np.stack([np.full(len(batch), 20.0), 4 * light + 4 * lit, np.full(len(batch), 6.0)], axis=1)

    got = run(model=between, targets=1)

    found = got.smallest_region()

    step = found.shares.index(found.share) if found.share in found.shares else None
    scores = [between(np.where(found.region[..., None], PHOTO / 255.0, 0)[None].astype(np.float32))[0]]
    assert step is None or step > 0
    assert scores[0][1] > scores[0][2]
    assert found.share > 0.3  # the lit place alone leaves two classes above it, where the whole photo has one


def test_a_class_that_others_beat_is_kept_where_no_more_of_them_do():
    def second(batch):  # always beaten by class 0, by class 2 only where the place is dark
        light = batch[(slice(None), *LIT)].mean(axis=(1, 2, 3))
        return np.stack([np.full(len(batch), 20.0), 10 * light, np.full(len(batch), 5.0)], axis=1)

    found = run(model=second, targets=1).smallest_region()

    assert found.region[LIT].all()
    assert found.share == pytest.approx(1 / 20)


def test_each_target_has_its_own():
    got = run(targets=[1, 0])

    assert got.smallest_region(1).region[LIT].all()
    assert got.smallest_region(0).score == pytest.approx(got.smallest_region().score)
    for target in (2, -1, True, "lit"):
        with refuses(InvalidInput, "target, a place in targets,", rule="be a whole number from 0 to 1"):
            got.smallest_region(target)


@pytest.mark.parametrize("name", METHODS)
def test_contrasts_are_refused_before_the_model_is_asked(name):
    model = Reader()
    got = run(METHODS[name], model, targets=["top1", "lit vs dark"])
    asked = model.pictures

    with refuses(InvalidInput, "target", value="lit vs dark"):
        got.smallest_region(1)
    assert model.pictures == asked


@pytest.mark.parametrize("name", METHODS)
def test_through_a_crop_it_lies_where_the_model_looks(name):
    model = Reader((slice(0, 12), slice(0, 12)), cropped)
    got = run(METHODS[name], model)

    found = got.smallest_region()

    assert not got.seen.all()
    assert not found.region[~got.seen].any()
    assert found.region.any()
    rows, columns = np.nonzero(found.region & got.seen)
    inside = (rows < 12 * 32 / 36 + 2) & (columns < 4 + 12 * 32 / 36 + 2)
    assert inside.mean() > 0.4
    assert found.share == pytest.approx(found.region[got.seen].mean(), abs=0.04)


@pytest.mark.parametrize("name", METHODS)
def test_a_loaded_result_finds_the_same_with_the_model_at_hand(name, tmp_path):
    got = run(METHODS[name])
    loaded = seewhy.load(got.save(tmp_path / "file"))

    one, other = loaded.smallest_region(model=Reader()), got.smallest_region()

    np.testing.assert_array_equal(one.region, other.region)
    assert (one.share, one.score, one.scores) == (other.share, other.score, other.scores)


def test_a_lost_fill_is_missed(tmp_path):
    got = run(LIME.replace(fill=seewhy.Picture(array=PHOTO[:, ::-1] // 2)))

    with refuses(FileError, "fill", rule="be in the result file"):
        seewhy.load(got.save(tmp_path / "file")).smallest_region(model=Reader())


def test_finding_it_leaves_the_result_as_it_was(tmp_path):
    got = run()
    data = got.save(tmp_path / "before").read_bytes()

    got.smallest_region()

    assert got.save(tmp_path / "after").read_bytes() == data
