"""Metrics against other implementations of the same definitions: Quantus and captum, on the same inputs."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from seewhy.metrics import METRICS, Candidate, Question
from seewhy.models import FunctionModel

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

SIDE = 16
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(1, 256, (SIDE, SIDE, 1), dtype=np.uint8)
PIXELS = (PHOTO / 255).astype(np.float32)
FILLS = {
    "black": np.zeros_like(PIXELS),
    "blur": gaussian_filter(PIXELS, (SIDE / 12, SIDE / 12, 0), mode="reflect"),
}
HEATMAP = RNG.permutation(SIDE * SIDE).reshape(SIDE, SIDE).astype(np.float32) - 100  # no ties
TRUTH = np.zeros((SIDE, SIDE), bool)
TRUTH[3:11, 5:12] = True


class Net(torch.nn.Module):
    """Two layers, two classes, in double precision: nothing of the arithmetic is in the way."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(4 * (SIDE - 2) ** 2, 2)
        ).double()

    def forward(self, batch):
        return torch.softmax(3 * self.layers(batch.double()), dim=1)


@pytest.fixture(scope="module")
def net():
    return Net().eval()


@pytest.fixture(scope="module")
def quantus():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        return pytest.importorskip("quantus", reason="quantus is not installed")


@pytest.fixture
def asked(net):
    def answer(batch):
        with torch.no_grad():
            return net(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy()

    return Question.of(PHOTO, model=FunctionModel(answer), truth=TRUTH, target=0)


def candidate(asked, heatmap=HEATMAP, share=0.2):
    return Candidate.of_map("map", asked, heatmap, share)


BATCH = PIXELS.transpose(2, 0, 1)[None].astype(np.float64)
"""(1, 1, H, W)"""
QUIET = {"disable_warnings": True, "display_progressbar": False, "abs": False, "normalise": False}


def called(metric, net, heatmap, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = metric(
            model=net, x_batch=BATCH, y_batch=np.array([0]), a_batch=heatmap[None, None], softmax=False, device="cpu",
            **more,
        )  # fmt: skip
    return np.asarray(found)[0]


@pytest.mark.parametrize("fill", FILLS)
def test_removal_curves_are_quantus_pixel_flipping(quantus, net, asked, fill):
    """It removes eight of 256 pixels a step, 32 steps, and does not ask for the whole picture.

    It knows no blur, so pixels are replaced by a function of ours; the least relevant go first in the negated map.
    """
    behind = FILLS[fill].astype(np.float64).reshape(1, -1)

    def replaced(arr, indices, **_):
        arr = arr.copy()
        arr[:, indices[0]] = behind[:, indices[0]]
        return arr

    flipping = quantus.PixelFlipping(features_in_step=8, perturb_func=replaced, **QUIET)
    most, least = (called(flipping, net, sign * HEATMAP) for sign in (1, -1))

    found = METRICS["srg"].measure(asked, candidate(asked))

    np.testing.assert_allclose(found.curves[f"deletion {fill}"][1:], most, atol=1e-6)
    np.testing.assert_allclose(found.curves[f"insertion {fill}"][::-1][1:], least, atol=1e-6)
    assert np.ptp(most) > 0.05
    whole = found.curves[f"deletion {fill}"][0]
    gain = (np.trapezoid([whole, *least]) - np.trapezoid([whole, *most])) / 32
    assert found.parts[fill] == pytest.approx(gain, abs=1e-6)


def subsets(net):
    """The 200 pictures of the subsets, in order, as the model was shown them, and the drops."""
    shown = []

    def answer(batch):
        shown.extend(batch.copy())
        with torch.no_grad():
            return net(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy()

    asked = Question.of(PHOTO, model=FunctionModel(answer), target=0)
    shown.clear()
    found = METRICS["infidelity"].measure(asked, candidate(asked, DENSE))
    return found, np.stack(shown).transpose(0, 3, 1, 2).astype(np.float64)


DENSE = (RNG.normal(size=(SIDE, SIDE)) + 2).astype(np.float32)


def weights_of(density):
    """What a map that is multiplied with the change of the picture must hold, to add up as a density does."""
    change = (PIXELS - FILLS["blur"])[..., 0].astype(np.float64)
    assert np.abs(change).min() > 1e-6
    return density / change


def drops_of(net, pictures):
    with torch.no_grad():
        return (net(torch.from_numpy(BATCH)) - net(torch.from_numpy(pictures)))[:, 0].numpy()


def best_scale(sums, drops):
    return (sums @ drops) / (sums @ sums)


def test_infidelity_is_captums_normalized_one_over_the_squares_of_the_drops(net):
    """Captum multiplies maps with the change of the picture and scales them at best, as Yeh et al. have it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captum = pytest.importorskip("captum.metrics", reason="captum is not installed")
    found, pictures = subsets(net)
    drops = drops_of(net, pictures)

    def perturbed(inputs):
        del inputs
        return torch.from_numpy(BATCH - pictures), torch.from_numpy(pictures)

    theirs = captum.infidelity(
        lambda batch: net(batch)[:, 0],
        perturbed,
        torch.from_numpy(BATCH),
        torch.from_numpy(weights_of(DENSE))[None, None],
        n_perturb_samples=len(pictures),
        normalize=True,
    )

    assert found.value == pytest.approx(float(theirs) / np.mean(drops**2), abs=1e-6)
    assert 0.01 < found.value < 0.99


def test_infidelity_is_that_of_quantus_on_the_same_subsets(quantus, net):
    """It removes patches and does not scale maps: one patch over all is handed the next subset, and a scaled map."""
    found, pictures = subsets(net)
    drops = drops_of(net, pictures)
    sums = ((BATCH - pictures)[:, 0] * weights_of(DENSE)).sum(axis=(1, 2))
    following = iter(pictures)

    def next_subset(arr, indices, **_):
        del arr, indices
        return next(following).reshape(1, -1)

    metric = quantus.Infidelity(
        perturb_patch_sizes=[SIDE], n_perturb_samples=len(pictures), perturb_func=next_subset, **QUIET
    )
    theirs = called(metric, net, best_scale(sums, drops) * weights_of(DENSE))

    assert next(following, None) is None, "every subset was used once"
    assert found.value == pytest.approx(float(theirs) / np.mean(drops**2), abs=1e-6)


def test_energy_is_quantus_relevance_mass_accuracy(quantus, net, asked):
    """It adds up what is negative too, so it gets the positive part."""
    metric = quantus.RelevanceMassAccuracy(**QUIET)

    theirs = called(metric, net, np.maximum(HEATMAP, 0), s_batch=TRUTH[None, None])

    assert METRICS["energy"].measure(asked, candidate(asked)).value == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize("k", [20, 56, 120])
def test_overlap_follows_from_quantus_top_k_intersection(quantus, net, asked, k):
    """It is the share of the k strongest pixels inside; with the sizes known, that is an IoU."""
    metric = quantus.TopKIntersection(k=k, **QUIET)

    inside = float(called(metric, net, HEATMAP, s_batch=TRUTH[None, None])) * k

    shown = candidate(asked, share=(k - 0.5) / HEATMAP.size)
    assert shown.region.sum() == k
    assert METRICS["iou"].measure(asked, shown).value == pytest.approx(inside / (k + TRUTH.sum() - inside), abs=1e-6)
    assert METRICS["best-iou"].measure(asked, shown).value >= inside / (k + TRUTH.sum() - inside)


def test_pointing_is_quantus_pointing_game(quantus, net, asked):
    metric = quantus.PointingGame(**QUIET)
    for place in ((5, 6), (12, 2)):
        heatmap = HEATMAP.copy()
        heatmap[place] = 1000

        theirs = called(metric, net, heatmap, s_batch=TRUTH[None, None])

        assert METRICS["pointing"].measure(asked, candidate(asked, heatmap)).value == float(theirs)


def test_complexity_is_the_exponential_of_quantus_entropy(quantus, net, asked):
    metric = quantus.Complexity(**QUIET)

    entropy = float(called(metric, net, np.abs(HEATMAP)))

    found = METRICS["complexity"].measure(asked, candidate(asked)).value
    assert found == pytest.approx(np.exp(entropy) / HEATMAP.size, abs=1e-6)
