"""What pictures show of a result."""

from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.metrics import METRICS, Candidate, NotMeasured, Question

PICTURE = np.random.default_rng(0).random((24, 30, 3)).astype(np.float32)


def corner(batch):
    return 0.4 + 0.1 * batch[:, :8, :8].mean(axis=(1, 2, 3))[:, None]


@pytest.mark.parametrize("estimator", ["reference", "ratio"])
def test_maps_of_scores_are_shown_as_changes_from_the_mean_score(estimator):
    rise = seewhy.Rise(n_samples=600, grid=4, estimator=estimator)
    got = seewhy.explain(PICTURE, model=corner, method=rise)

    assert got.heatmap().min() > 0.3
    np.testing.assert_allclose(got.changes(), got.heatmap() - got.samples.target(0, "score").mean(), atol=1e-6)
    assert got.changes().min() < 0 < got.changes().max()


def test_other_maps_and_values_are_shown_as_they_are():
    for method in ("lime", seewhy.Rise(n_samples=100, grid=4)):
        got = seewhy.explain(PICTURE, model=corner, method=method)
        np.testing.assert_array_equal(got.changes(), got.heatmap())


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_examples_can_be_drawn_for_any_number_of_channels(channels):
    picture = np.random.default_rng(1).random((24, 30, channels)).astype(np.float32)
    lime = seewhy.Lime(n_samples=20, segmentation=seewhy.Grid(rows=2, columns=2))
    got = seewhy.explain(picture, model=corner, method=lime)

    assert got.plot_examples(3).axes


def test_a_seed_beyond_31_bits_reaches_quickshift():
    assert seewhy.segment(PICTURE, seewhy.Quickshift(kernel_size=1, max_dist=3), model=corner, seed=2**40).shape == (
        24,
        30,
    )


def test_what_a_surrogate_shrank_to_zero_is_not_called_silence():
    lime = seewhy.Lime(n_samples=50, segmentation=seewhy.Grid(rows=3, columns=3), surrogate=seewhy.Lasso(alpha=5.0))
    figure = seewhy.explain(PICTURE, model=corner, method=lime).plot()
    texts = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    words = " ".join(" ".join(text.get_text() for text in texts).split())

    assert "surrogate gives every segment 0" in words
    assert "no region changes the score" not in words


@pytest.mark.parametrize("method", [seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3)), seewhy.Rise(grid=4)])
def test_a_score_that_never_changes_is_said_and_is_no_certainty(method):
    found = seewhy.explain(PICTURE, model=lambda batch: np.full((len(batch), 2), 0.5), method=method)

    assert any("the score never changed" in text for text in found.warnings)
    question = Question.of(PICTURE, model=lambda batch: np.full((len(batch), 2), 0.5), target=found.targets[0].index)
    with pytest.raises(NotMeasured, match="never changes"):
        METRICS["error"].measure(question, Candidate.of(found))


@pytest.mark.parametrize(("steps", "same"), [(4, True), (40, False)])
def test_a_score_that_changes_in_its_last_digits_alone_never_changes(steps, same):
    def trembling(batch):
        kept = (batch[:, 0, 0, 0] != 0)[:, None]
        return np.float32([[0.7, 0.3]]) * (1 + kept * np.float32(steps * 2**-23)).astype(np.float32)

    model = seewhy.FunctionModel(trembling, kind="score")
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), fill="black", n_samples=60)
    picture = np.maximum(PICTURE, 1) if PICTURE.dtype == np.uint8 else np.maximum(PICTURE, np.float32(0.1))
    found = seewhy.explain(picture, model=model, method=method)

    assert np.ptp(found.samples.scores[:, 0]) > 0
    assert any("the score never changed" in text for text in found.warnings) == same
    assert found.values().any()


@pytest.mark.parametrize(("error", "state"), [(0.5, "known"), (None, "unknown"), (np.inf, "infinite")])
def test_plain_values_tell_an_infinite_error_from_an_unknown_one(error, state):
    got = seewhy.explain(PICTURE, model=corner, method=seewhy.Rise(n_samples=60, grid=4))
    got = replace(got, attributions=tuple(replace(one, error=error) for one in got.attributions))

    (target,) = got.to_dict()["targets"]

    assert target["error"] == (error if state == "known" else None)
    assert target["error_state"] == state
