"""Result files of earlier versions open, for as long as there is seewhy: they are kept in tests/data."""

from pathlib import Path

import numpy as np
import pytest

import seewhy

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "lime-0.1.0.seewhy"
ENSEMBLE = DATA / "ensemble-lime-0.1.0.seewhy"
"""Written when all blocks weighed the same and maps were not smoothed."""


@pytest.fixture
def explanation():
    return seewhy.load(OLD)


def test_a_file_of_version_0_1_0_holds_what_was_found(explanation):
    assert explanation.method.name == "lime"
    assert len(explanation.samples) == 64
    assert [target.label for target in explanation.targets] == ["square", "dark"]
    assert [region.segment for region in explanation.top(3)] == [1, 9, 4]
    assert explanation.top(1)[0].value == pytest.approx(0.042741674053789085, rel=1e-12)
    assert explanation.interval()[0][:2] == pytest.approx([0.0123, 0.0420], abs=1e-4)
    assert explanation.stop.by == "n-samples"


def test_a_file_of_version_0_1_0_is_drawn_and_written_again(explanation, tmp_path):
    again = seewhy.load(explanation.save(tmp_path / "again.seewhy"))

    np.testing.assert_array_equal(again.heatmap(), explanation.heatmap())
    assert explanation.region().any()
    assert explanation.to_dict()["predictions"]


def test_a_file_of_version_0_1_0_is_read_with_other_settings(explanation):
    assert explanation.refit(unit="log-odds").values()[0] == pytest.approx(0.0830719153, rel=1e-6)
    assert explanation.refit(targets=1).targets[0].label


def test_a_file_of_version_0_1_0_goes_on(explanation):
    def scores(batch):
        inside, whole = batch[:, 4:14, 6:16].mean(axis=(1, 2, 3)), batch.mean(axis=(1, 2, 3))
        powers = np.exp(np.stack([4 * inside, 2 * whole, 1 - whole], 1))
        return powers / powers.sum(1, keepdims=True)

    scores.__module__, scores.__qualname__ = "__main__", "scores"  # the function that answered was in a script
    model = seewhy.FunctionModel(scores, kind="probability", labels=("square", "whole", "dark"), name="planted")

    assert len(explanation.continue_(model=model, n_samples=128, progress=False).samples) == 128


def test_an_ensemble_older_than_its_settings_reads_as_it_did(tmp_path):
    old = seewhy.load(ENSEMBLE)

    assert (old.method.averaging, old.method.smoothing) == ("equal", "none")
    assert old.error == pytest.approx(0.2898189528841086, rel=1e-6)
    assert old.heatmap().sum() == pytest.approx(87.7258, rel=1e-5)
    assert old.heatmap().max() == pytest.approx(0.1980849, rel=1e-5)
    assert old.standard_error().mean() == pytest.approx(0.014085664, rel=1e-5)
    assert old.attributions[0].spread.df == pytest.approx(7)
    assert old.region().sum() == 426
    again = seewhy.load(old.save(tmp_path / "again.seewhy"))
    assert again.method == old.method
    np.testing.assert_array_equal(again.region(), old.region())


def test_an_ensemble_older_than_its_settings_can_be_read_in_the_new_way_and_goes_on_in_the_old():
    def square(batch):
        return np.tanh(2 * batch[:, 8:20, 26:42].mean(axis=(1, 2, 3)))

    square.__module__, square.__qualname__ = "__main__", "square"  # the function that answered was in a script
    old = seewhy.load(ENSEMBLE)
    new = old.refit(averaging="root-rows", smoothing="alike")
    more = old.continue_(
        model=seewhy.FunctionModel(square, kind="score", name="planted"), n_samples=340, progress=False
    )

    drawn = seewhy.EnsembleLime(n_segments=(6, 30), fill="black", unit="score", n_samples=300, order="drawn")
    assert new.method == drawn
    assert not np.array_equal(new.heatmap(), old.heatmap())
    assert more.method == old.method.replace(n_samples=340)
