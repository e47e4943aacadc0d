"""Games with known values: a score for every coalition of a few segments, and samples of it without a model."""

from functools import cache
from itertools import combinations

import numpy as np

from seewhy.images.scene import Scene
from seewhy.sampling.designs import DESIGNS
from seewhy.sampling.samples import Answers, Samples


def every_coalition(d):
    """Row number i keeps the segments whose bits i has."""
    return (np.arange(2**d)[:, None] >> np.arange(d)) % 2 == 1


@cache
def planted(d, seed=0):
    """Scores (2 ** d,) of every coalition: single segments, pairs and triples of them."""
    rng = np.random.default_rng(seed)
    z = every_coalition(d).astype(float)
    scores = z @ rng.normal(size=d)
    for size, count in ((2, 2 * d), (3, d)):
        chosen = list(combinations(range(d), size))
        for place in rng.choice(len(chosen), count, replace=False):
            scores += rng.normal() * z[:, chosen[place]].prod(axis=1)
    scores.setflags(write=False)
    return scores


def drawn(design, d, n, seed):
    """The first ``n`` coalitions of a design."""
    blocks, held = DESIGNS[design](keep=0.5).blocks(d, seed), []
    while sum(map(len, held)) < n:
        held.append(next(blocks).coalitions)
    return np.concatenate(held)[:n]


def planted_rows(design, d, n, seed):
    """The same, with the scores that the planted function gives them."""
    kept = drawn(design, d, n, seed)
    return kept, planted(d)[kept @ 2 ** np.arange(d)]


def recorded(kept):
    """Samples of these coalitions, and a scene of one pixel a segment."""
    n, d = kept.shape
    answers = Answers.room(n, "score", (0,))
    samples = Samples(d, np.packbits(kept, axis=1), None, None, answers.take(slice(0, 1)), answers)
    pixels = np.ones((1, d, 1), np.float32)
    return samples, Scene(pixels, 0 * pixels, np.arange(d, dtype=np.int32)[None])
