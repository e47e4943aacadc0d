"""Our LIME against the package ``lime`` on a planted nonlinear function, within the error of sampling.

Both draw their own coalitions. The standard error of each is estimated from its own samples: the surrogate is
fitted to 20 blocks of 1000 rows, and the error of the whole is their spread over sqrt(20). Five standard errors
of the difference are allowed for a single value, and their mean square must be near 1.
"""

import warnings
from itertools import product

import numpy as np
import pytest
from lime.lime_image import LimeImageExplainer
from sklearn.linear_model import LinearRegression

import seewhy

N, BLOCKS, CLASSES = 20_000, 20, 3
RNG = np.random.default_rng(0)
# Blocks of 8 x 8 with a ragged border: 12 segments of unequal area and shape.
GRID = np.arange(32)[:, None] // 8 * 4 + np.arange(32)[None] // 8
SEGMENTS = np.unique(np.where(GRID > 11, GRID - 4, GRID), return_inverse=True)[1].reshape(32, 32).astype(np.int32)
SEGMENTS[5:9, 3:20] = 2
D = int(SEGMENTS.max()) + 1
# Colors differ from segment to segment and are rough inside, so that both fills change every segment.
PHOTO = (0.3 + 0.4 * RNG.random((D, 3)))[SEGMENTS] + RNG.uniform(-0.25, 0.25, (32, 32, 3))
PHOTO = PHOTO.astype(np.float32)
FILLS = [
    pytest.param((None, seewhy.SegmentMean()), id="segment-mean"),
    pytest.param((0.2, seewhy.Color(value=[51, 51, 51])), id="constant"),
]


def fill_of(hide_color):
    filled = np.full_like(PHOTO, 0.0 if hide_color is None else hide_color)
    if hide_color is None:
        for segment in range(D):
            filled[segment == SEGMENTS] = PHOTO[segment == SEGMENTS].mean(axis=0)
    return filled


def planted(hide_color):
    """Return a model that reads, roughly, which segments are kept, and answers with interactions and saturation."""
    difference = (PHOTO - fill_of(hide_color)).ravel()
    reader = np.stack([np.where(np.repeat(SEGMENTS.ravel() == j, 3), difference, 0) for j in range(D)], axis=1)
    reader /= (reader**2).sum(axis=0)
    offset = fill_of(hide_color).ravel() @ reader
    rng = np.random.default_rng(1)
    linear, pairs = rng.normal(size=(D, CLASSES)), rng.normal(size=(D, D, CLASSES)) / 3

    def model(batch):
        kept = np.asarray(batch, np.float64).reshape(len(batch), -1) @ reader - offset
        logits = kept @ linear + np.einsum("bi,bj,ijk->bk", kept, kept, pairs) + 3 * kept[:, [0]] * kept[:, [5]]
        logits[:, 0] += 4 * kept[:, 1] * kept[:, 2] * kept[:, 7] - 2
        return 1 / (1 + np.exp(-logits))  # saturates

    return model


def weights_of(x):
    return np.exp(-((1 - np.sqrt(x.mean(axis=1))) ** 2) / (2 * 0.25**2))


def standard_errors(x, y):
    """Return the standard errors (CLASSES, D) of values fitted to the rows, from blocks of them."""
    fits = [
        LinearRegression().fit(x[rows], y[rows], sample_weight=weights_of(x[rows])).coef_
        for rows in np.array_split(np.arange(N), BLOCKS)
    ]
    return np.std(fits, axis=0, ddof=1) / np.sqrt(BLOCKS)


class Recording(LimeImageExplainer):
    """Keeps the coalitions and scores it has drawn."""

    def data_labels(self, *args, **kwargs):
        self.drawn = super().data_labels(*args, **kwargs)
        return self.drawn


def by_lime(model, hide_color):
    explainer = Recording(feature_selection="none", random_state=3)
    found = explainer.explain_instance(
        PHOTO.astype(np.float64),
        model,
        labels=range(CLASSES),
        top_labels=None,
        hide_color=hide_color,
        num_samples=N,
        batch_size=500,
        segmentation_fn=lambda _: SEGMENTS,
    )
    values = np.array([[dict(found.local_exp[k])[j] for j in range(D)] for k in range(CLASSES)])
    return values, [found.intercept[k] for k in range(CLASSES)], found.score, explainer.drawn


def by_us(model, fill):
    method = seewhy.Lime(segmentation=seewhy.Labels(array=SEGMENTS), fill=fill, n_samples=N, unit="score")
    return seewhy.explain(PHOTO, model=model, method=method, targets=list(range(CLASSES)), seed=5)


def in_the_limit(model, hide_color):
    """Return values and intercepts that every number of samples aims at: all 2^D coalitions, each once."""
    x = np.array(list(product([0.0, 1.0], repeat=D)))
    filled = fill_of(hide_color)
    y = np.concatenate(
        [model(filled + rows[:, SEGMENTS, None] * (PHOTO - filled)) for rows in np.array_split(x, len(x) // 256)]
    )
    fitted = LinearRegression().fit(x, y, sample_weight=weights_of(x))
    return fitted.coef_, fitted.intercept_


@pytest.fixture(scope="module", params=FILLS)
def both(request):
    hide_color, fill = request.param
    model = planted(hide_color)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lime, not ours
        theirs = by_lime(model, hide_color)
    got = by_us(model, fill)
    x = got.samples.block(slice(None)).coalitions.astype(float)
    ours_error = standard_errors(x, got.samples.scores[:, np.argsort(got.samples.classes)])
    return model, hide_color, got, ours_error, theirs, standard_errors(*map(np.asarray, theirs[3]))


def check_within_sampling_error(found, expected, error):
    z = (found - expected) / error
    assert np.abs(z).max() < 5
    assert 0.3 < np.mean(z**2) < 2.5  # of 36 values: a bias of one standard error everywhere would make it 2
    assert error.max() < 0.05 * np.abs(expected).max(), "the bound is too wide to show anything"


@pytest.mark.slow
def test_values_agree_with_lime_within_sampling_error(both):
    _, _, got, ours_error, (values, _, _, _), their_error = both

    ours = np.array([got.values(k) for k in range(CLASSES)])

    check_within_sampling_error(ours, values, np.hypot(ours_error, their_error))


def test_values_agree_with_the_sum_over_all_coalitions_within_sampling_error(both):
    model, hide_color, got, error, (theirs, *_), their_error = both

    values, intercepts = in_the_limit(model, hide_color)

    check_within_sampling_error(np.array([got.values(k) for k in range(CLASSES)]), values, error)
    check_within_sampling_error(theirs, values, their_error)  # lime itself aims at the same
    np.testing.assert_allclose([a.intercept for a in got.attributions], intercepts, atol=0.02)


def test_intercept_and_r2_agree_with_lime(both):
    _, _, got, _, (_, intercepts, r2, _), _ = both

    np.testing.assert_allclose([a.intercept for a in got.attributions], intercepts, atol=0.02)
    assert 0.2 < r2 < 0.95, "the function must not be linear"
    assert got.attributions[-1].r2 == pytest.approx(r2, abs=0.02)  # lime keeps the R^2 of its last class


def test_the_same_coalitions_get_the_same_scores_as_in_lime(both):
    _, _, got, _, (_, _, _, (data, labels)), _ = both
    ours = {
        row.tobytes(): scores
        for row, scores in zip(got.samples.bits, got.samples.scores[:, np.argsort(got.samples.classes)], strict=True)
    }
    shared = [
        (scores, ours[key])
        for key, scores in zip((row.tobytes() for row in np.packbits(data == 1, axis=1)), labels, strict=True)
        if key in ours
    ]

    assert len(shared) > N / 2
    np.testing.assert_allclose(*map(np.array, zip(*shared, strict=True)), atol=1e-5)
