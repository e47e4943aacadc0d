"""``lime.lime_image`` on seewhy: the same names, arguments and results.

For the same ``random_state`` the classifier is asked the same coalitions as by lime 0.2.0.1, so where lime is right the
explanation is lime's own, to rounding of the scores (float32). It differs where lime is wrong:

- every segment is replaced in turn, whatever ids a segmentation gives; ``local_exp`` names segments by these ids;
- the same seed gives the same answer each time it is asked, and ``random_state=None`` is the seed 0;
- ``random_seed`` seeds the default segmentation, and the coalitions too where there is no ``random_state``;
- images may have any number of channels;
- a coalition that comes twice, or keeps everything, is not sent again;
- ``progress_bar=False`` is understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.compat.coalitions import Asked, CoinFlips, Repainted, as_random_state, ask
from seewhy.compat.fitting import SELECTIONS, Kernel, LocalFit, exponential, fit_label, weights_of
from seewhy.compat.hidden import painted, segment_means
from seewhy.compat.wrappers.scikit_image import SegmentationAlgorithm
from seewhy.core.errors import ImageError, InvalidInput
from seewhy.core.progress import reporting
from seewhy.core.settings import whole_number
from seewhy.images import check_shape

__all__ = ["ImageExplanation", "LimeImageExplainer", "SegmentationAlgorithm"]

_LAB_RANGE = 100.0
"""Lightness in Lab runs over 0..100; the channels of images that are not RGB are taken to span 1."""


class _NotExplained(InvalidInput, KeyError):
    """A label that was not explained; a KeyError too, as in lime."""

    __str__ = Exception.__str__


class ImageExplanation:
    """What ``explain_instance`` found.

    Attributes
    ----------
    image
        (H, W, C), in the range and type that was handed in; a gray one (H, W) is repeated to three channels.
    segments
        (H, W), with the ids that the segmentation gave.
    top_labels
        The labels explained, strongest first; None where ``labels`` named them.
    local_exp
        For each label a list of (segment id, weight), the largest magnitude first.
    intercept
        The constant of the linear model, for each label.
    score, local_pred
        Weighted R^2 on the samples, and what the linear model says of the image (an array of one number), of the label
        that was explained last: the strongest one, or the last of ``labels``.
    """

    def __init__(self, image: NDArray[Any], segments: NDArray[Any]) -> None:
        self.image = image
        self.segments = segments
        self.top_labels: list[int] | None = None
        self.local_exp: dict[int, list[tuple[int, float]]] = {}
        self.intercept: dict[int, Any] = {}
        self.score: float | None = None
        self.local_pred: NDArray[Any] | None = None

    def get_image_and_mask(
        self,
        label: int,
        positive_only: bool = True,
        negative_only: bool = False,
        hide_rest: bool = False,
        num_features: int = 5,
        min_weight: float = 0.0,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return an image (H, W, C) and a mask (H, W) for ``skimage.segmentation.mark_boundaries``.

        Parameters
        ----------
        label
            A label that was explained.
        positive_only, negative_only
            Show only segments of one sign: their pixels stay as they are, and the mask is 1. With neither, those of
            weight below 0 have a mask of -1 and their first channel raised to the image's largest value, the others a
            mask of 1 and the second channel.
        hide_rest
            Leave the rest 0: black in an image of 0..255 or 0..1, gray in one of -1..1. The image is float64 then.
        num_features
            Most segments shown.
        min_weight
            Least magnitude of a weight that is shown.

        Raises
        ------
        InvalidInput
            The label was not explained (a KeyError too), or both signs are asked for alone.
        """
        if label not in self.local_exp:
            listed = ", ".join(map(str, self.local_exp))
            raise _NotExplained.of("label", f"be one that was explained, {listed}", label)
        if positive_only and negative_only:
            raise InvalidInput(
                "positive_only and negative_only must not both be True; give positive_only=False",
                setting="negative_only",
                rule="not be True with positive_only",
                value=True,
            )
        found = self.local_exp[label]
        if positive_only:
            found = [(segment, weight) for segment, weight in found if weight > max(0, min_weight)]
        elif negative_only:
            found = [(segment, weight) for segment, weight in found if weight < 0 and -weight > min_weight]
        temp = np.zeros(self.image.shape) if hide_rest else self.image.copy()
        signed = self.segments.dtype.kind == "i"
        mask = np.zeros(self.segments.shape, self.segments.dtype if signed else np.int64)
        for segment, weight in found[:num_features]:
            place = self.segments == segment
            if positive_only or negative_only:
                temp[place], mask[place] = self.image[place], 1
            elif abs(weight) >= min_weight:
                temp[place], mask[place] = self.image[place], -1 if weight < 0 else 1
                temp[place, 0 if weight < 0 else min(1, temp.shape[2] - 1)] = self.image.max()
        return temp, mask


class LimeImageExplainer:
    """Explains what made a classifier decide about an image, with lime's arguments.

    Parameters
    ----------
    kernel_width
        Reach of the kernel; None: 0.75 times the square root of the number of segments.
    kernel
        Function of distances (n,) and a ``kernel_width`` to weights (n,); None: sqrt(exp(-d^2 / kernel_width^2)).
    verbose
        Print intercept, local prediction and the classifier's own score of every label.
    feature_selection
        ``auto``, ``none``, ``forward_selection``, ``highest_weights`` or ``lasso_path``.
    random_state
        Seed or ``numpy.random.RandomState``, which is copied; None is the seed 0. Each explanation starts from it anew,
        so that what is asked twice is answered alike.

    Raises
    ------
    InvalidInput
        An argument breaks its rule.
    """

    def __init__(
        self,
        kernel_width: float | None = 0.25,
        kernel: Kernel | None = None,
        verbose: bool = False,
        feature_selection: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        if feature_selection not in SELECTIONS:
            raise InvalidInput.of("feature_selection", f"be one of {', '.join(SELECTIONS)}", feature_selection)
        if kernel_width is not None and not float(kernel_width) > 0:
            raise InvalidInput.of("kernel_width", "be above 0, or None", kernel_width)
        self.kernel_width = None if kernel_width is None else float(kernel_width)
        self.kernel = exponential if kernel is None else kernel
        self.verbose = verbose
        self.feature_selection = feature_selection
        self.random_state = as_random_state(random_state)
        self._seeded = random_state is not None

    def explain_instance(  # noqa: PLR0913, PLR0917  # lime's arguments, in lime's order
        self,
        image: Any,
        classifier_fn: Callable[..., Any],
        labels: Iterable[int] = (1,),
        hide_color: Any = None,
        top_labels: int | None = 5,
        num_features: int = 100_000,
        num_samples: int = 1000,
        batch_size: int = 10,
        segmentation_fn: Callable[..., Any] | None = None,
        distance_metric: Any = "cosine",
        model_regressor: Any = None,
        random_seed: int | None = None,
        progress_bar: bool = True,
    ) -> ImageExplanation:
        """Explain an image.

        Parameters
        ----------
        image
            (H, W, C) or gray (H, W), of any range and type of number, preprocessed or not.
        classifier_fn
            Function of images (B, H, W, C) in the range and type of ``image`` to scores (B, K): an array, a tensor or a
            list of rows. B is at most ``batch_size``; the image itself comes first, alone.
        labels
            Labels to explain, if ``top_labels`` is None or 0.
        hide_color
            What stands where a segment is replaced: one number, one a channel, or an image; None: the segment's mean.
            It is turned into the image's type, whole numbers by cutting off what is behind the point, as lime does.
        top_labels
            Explain as many labels, the strongest; None or 0: those in ``labels``.
        num_features
            Most segments of a linear model.
        num_samples
            Coalitions; one that comes again counts again, without being sent again.
        batch_size
            Most images a call.
        segmentation_fn
            Function of the image to ids (H, W); None: quickshift with kernel_size=4, max_dist=200, ratio=0.2.
        distance_metric
            Any of ``sklearn.metrics.pairwise_distances``: between coalitions and the whole image's row of ones.
        model_regressor
            Regressor with ``coef_`` whose ``fit`` takes ``sample_weight``; None: a ridge with alpha 1.
        random_seed
            Seed of the default segmentation, and of the coalitions where the explainer has no ``random_state``.
        progress_bar
            Show progress where somebody watches, on a terminal or in a notebook.

        Raises
        ------
        InvalidInput
            An argument breaks its rule; :class:`ImageError` if it is the image.
        ModelError
            The classifier answered something other than one row of finite scores an image.
        """
        pixels = _pixels(image)
        most, wanted = whole_number("num_features", num_features, 1), whole_number("num_samples", num_samples, 2)
        named = None if top_labels else [whole_number("labels", label, 0) for label in labels]
        start, seed = self._chance(random_seed)
        segments = _segmented(segmentation_fn or _quickshift(pixels.shape[2], seed), pixels)
        ids, dense = np.unique(segments, return_inverse=True)
        places = np.asarray(dense.reshape(segments.shape), dtype=np.int32)
        fill = segment_means(pixels, places) if hide_color is None else painted(hide_color, pixels)
        model = Repainted(classifier_fn, pixels, fill, places, whole_number("batch_size", batch_size, 1))
        method = CoinFlips(design="bernoulli", n_samples=wanted, start=start)
        with reporting(None if progress_bar else False, "lime") as report:
            asked = ask(model, places, method, report)

        explanation = ImageExplanation(pixels, segments)
        top = _labels(named, top_labels, asked)
        explanation.top_labels = top[::-1] if named is None else None
        weights = weights_of(asked.coalitions, distance_metric, self.kernel, self.kernel_width)
        for label in top:
            y = asked.scores[:, label].astype(np.float64)
            how = SELECTIONS[self.feature_selection]
            fitted = fit_label(asked.coalitions, y, weights, how=how, num_features=most, regressor=model_regressor)
            explanation.intercept[label] = fitted.intercept
            explanation.local_exp[label] = [(int(ids[place]), weight) for place, weight in fitted.weights]
            explanation.score, explanation.local_pred = fitted.score, fitted.local_pred
            if self.verbose:
                _tell(fitted, float(y[0]))
        return explanation

    def _chance(self, random_seed: int | None) -> tuple[np.random.RandomState, int]:
        """Return the state that coalitions are drawn from, and the seed of the segmentation."""
        start = deepcopy(self.random_state)
        if random_seed is None:
            return start, int(start.randint(0, high=1000))
        seed = whole_number("random_seed", random_seed, 0, 2**32 - 1)
        return (start if self._seeded else as_random_state(seed)), seed


def _pixels(image: Any) -> NDArray[Any]:
    """Return a copy (H, W, C) of an image; a gray one (H, W) is repeated to three channels."""
    pixels = np.array(image)
    if pixels.ndim == 3:
        check_shape(pixels.shape, "image")  # channels first, say
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    if pixels.ndim != 3 or pixels.dtype.kind not in "biuf" or 0 in pixels.shape:
        raise ImageError(
            (f"image must be an array of numbers (H, W, C) or (H, W), got shape {pixels.shape} of {pixels.dtype}"),
            setting="image",
            rule="be an array (H, W, C) or (H, W)",
            value=pixels.shape,
        )
    if not np.isfinite(pixels).all():
        raise ImageError(
            "image must hold finite numbers, got NaN or infinity", setting="image", rule="hold finite numbers"
        )
    return pixels


def _quickshift(channels: int, seed: int) -> SegmentationAlgorithm:
    """Return lime's default; what is not RGB is divided as it is, scaled as lightness in Lab."""
    settings: dict[str, Any] = {"kernel_size": 4, "max_dist": 200, "ratio": 0.2, "random_seed": seed}
    if channels != 3:
        settings |= {"ratio": 0.2 * _LAB_RANGE, "convert2lab": False}
    return SegmentationAlgorithm("quickshift", **settings)


def _segmented(segmentation_fn: Callable[..., Any], pixels: NDArray[Any]) -> NDArray[Any]:
    """Return what the segmentation gives, with its own ids."""
    if not callable(segmentation_fn):
        raise InvalidInput.of("segmentation_fn", "be a function of the image", segmentation_fn)
    found = np.asarray(segmentation_fn(pixels.copy()))
    if found.shape != pixels.shape[:2]:
        raise InvalidInput.of("segmentation_fn", f"return segment ids of shape {pixels.shape[:2]}", found.shape)
    if found.dtype.kind not in "biu" and not (found.dtype.kind == "f" and np.array_equal(found, np.rint(found))):
        raise InvalidInput.of("segmentation_fn", "give whole numbers", found.dtype)
    return found


def _labels(named: list[int] | None, top_labels: int | None, asked: Asked) -> list[int]:
    """Return the labels to explain, in the order in which lime does: the strongest last."""
    classes = asked.scores.shape[1]
    if named is None:
        count = whole_number("top_labels", top_labels, 1)
        return [int(i) for i in np.argsort(asked.scores[0], kind="stable")[-count:]]
    if any(label >= classes for label in named):
        raise InvalidInput.of("labels", f"be from 0 to {classes - 1}", max(named))
    return named


def _tell(fitted: LocalFit, right: float) -> None:
    print("Intercept", fitted.intercept)  # noqa: T201  # asked for by verbose
    print("Prediction_local", fitted.local_pred)  # noqa: T201
    print("Right:", right)  # noqa: T201
