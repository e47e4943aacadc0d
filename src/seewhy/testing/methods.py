"""What every method must do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.api import explain
from seewhy.core.settings import fields_of
from seewhy.core.types import Batch, Scores
from seewhy.engine.protocols import Method
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.loading import load
from seewhy.methods import METHODS, as_concrete
from seewhy.models.function import FunctionModel
from seewhy.testing.must import must

_HEIGHT, _WIDTH = 40, 48
_OF_CHANCE = ("tolerance", "max_evaluations", "until", "n_samples")


def check_method(method: Method) -> None:
    """Check that a method keeps the contract of :class:`seewhy.engine.protocols.Method`.

    Parameters
    ----------
    method
        Settings of a method; explains small photos for planted models, with some thousand evaluations in all. Where
        it takes ``n_samples``, give a few hundred.

    Raises
    ------
    AssertionError
        Names the first rule that is broken, and how.
    """
    before = repr(method)
    _check_facts(method)
    first = _explained(method, _corner)
    _check_rows(method, first)
    _check_values(method, first)
    _check_kept(method, first)
    must(repr(method) == before, "a run must not change the settings")


def _check_facts(method: Method) -> None:
    names = set(fields_of(method))
    must(bool(getattr(method, "source", "")), "source must name the paper or code that the method comes from")
    must(method.name in METHODS, f"name must be a key of METHODS, got {method.name!r}: give it an entry point")
    must(method.amounts <= names, f"amounts must be settings, got {sorted(method.amounts - names)}")
    must(method.fits <= names, f"fits must be settings, got {sorted(method.fits - names)}")
    must(
        method.chance or not names & set(_OF_CHANCE),
        ("a method without random sampling must have no tolerance and no n_samples"),
    )
    again = as_concrete(method.to_dict())
    must(again == method, f"settings must survive to_dict(), got {again!r}")


def _check_rows(method: Method, explained: Explanation) -> None:
    """Rows become masks in 0..1, the unmasked image one of ones, and block i depends on the seed and i alone."""
    scene = method.scene(explained.image, explained.view, 0)
    masks = method.masks(scene)
    block = next(method.rows(masks, 0))
    made = masks(block)
    must(made.shape == (len(block.coalitions), _HEIGHT, _WIDTH), f"masks must be (B, H, W), got {made.shape}")
    must(made.dtype == np.float32, f"masks must be float32, got {made.dtype}")
    must(bool((made >= 0).all() and (made <= 1 + 1e-6).all()), "masks must lie in 0..1")
    must(block.coalitions.shape[1] == masks.d, f"rows must have {masks.d} columns, got {block.coalitions.shape[1]}")
    again = next(method.rows(method.masks(method.scene(explained.image, explained.view, 0)), 0))
    must(np.array_equal(block.coalitions, again.coalitions), "the same seed must draw the same rows")


def _check_values(method: Method, explained: Explanation) -> None:
    """A planted corner is found, a constant model gives nothing, an added constant changes nothing."""
    evidence = explained.changes()
    inside, outside = evidence[: _HEIGHT // 2, : _WIDTH // 2], evidence[_HEIGHT // 2 :, _WIDTH // 2 :]
    must(
        float(inside.mean()) > float(np.abs(outside).mean()),
        ("the deciding region must have a larger value than the rest"),
    )
    flat = _explained(method, lambda pictures: np.full(len(pictures), 0.4, np.float32)).changes()
    must(float(np.abs(flat).max()) < 1e-6, f"a constant score must give no evidence, got {flat.max():.2g}")
    raised = _explained(method, lambda pictures: _corner(pictures) + 1).changes()
    off = float(np.abs(raised - evidence).max()) / max(float(np.abs(evidence).max()), 1e-9)
    must(off < 1e-3, f"a constant that is added to the score must change no evidence, it is {off:.2g} off")
    alone = _explained(method, _corner, batch_size=1)
    off = float(np.abs(alone.changes() - evidence).max()) / max(float(np.abs(evidence).max()), 1e-9)
    must(off < 1e-4, f"the batch size must change no evidence, it is {off:.2g} off")
    gives = "segments" if explained.segments is not None else "map"
    must(method.gives == gives, f"gives must be {gives!r}, got {method.gives!r}")
    must(method.chance or explained.error == 0, f"without chance the error must be 0, got {explained.error}")


def _check_kept(method: Method, explained: Explanation) -> None:
    """A result that is saved and opened again, or refitted with nothing changed, is the same."""
    with tempfile.TemporaryDirectory() as folder:
        opened = load(explained.save(Path(folder) / "result.seewhy"))
    same = np.array_equal(opened.heatmap(), explained.heatmap())
    must(same, "a saved result must be the same when it is opened again")
    refitted = explained.refit(unit=explained.method.unit)
    must(np.array_equal(refitted.heatmap(), explained.heatmap()), "a refit that changes nothing must change nothing")
    same_seed = _explained(method, _corner)
    must(np.array_equal(same_seed.heatmap(), explained.heatmap()), "the same seed must give the same result")


def _explained(method: Method, function: Any, batch_size: int | None = None) -> Explanation:
    photo = np.random.default_rng(0).integers(64, 256, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    model = FunctionModel(function, kind="score", name="planted")
    return explain(
        photo,
        model=model,
        method=method,
        targets=[0],
        batch_size=batch_size,
        progress=False,
        preflight=False,
        verdict=False,
    )


def _corner(pictures: Batch) -> Scores:
    """Read the upper left quarter alone."""
    return np.asarray(pictures[:, : _HEIGHT // 2, : _WIDTH // 2].mean(axis=(1, 2, 3)), dtype=np.float32)
