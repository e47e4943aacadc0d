"""Result files of earlier versions open, for as long as there is seewhy: they are kept in tests/data."""

from pathlib import Path

import numpy as np
import pytest

import seewhy

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "lime-0.1.0.seewhy"


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
