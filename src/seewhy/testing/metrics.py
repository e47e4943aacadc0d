"""What every metric must do."""

from __future__ import annotations

import math

import numpy as np

from seewhy.api import explain
from seewhy.core.types import Batch, Scores
from seewhy.methods.lime import Lime
from seewhy.metrics import Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question
from seewhy.models.function import FunctionModel
from seewhy.testing.must import must

_SIZE = 32


def check_metric(metric: Metric) -> None:
    """Check that a metric keeps the contract of :class:`seewhy.metrics.Metric`.

    Parameters
    ----------
    metric
        Measured on a small photo with a mask, for an explanation by LIME and for a bare map. It may answer
        :class:`seewhy.metrics.NotMeasured` with a reason.

    Raises
    ------
    AssertionError
        Names the first rule that is broken, and how.
    """
    _check_facts(metric)
    for batch_size in (None, 1):
        question, candidates = _question(batch_size)
        for candidate in candidates:
            before = candidate.on_view.copy(), candidate.region.copy()
            values = [_measured(metric, question, candidate) for _ in range(2)]
            must(values[0] == values[1], f"the same map must have the same value, got {values[0]}, then {values[1]}")
            unchanged = np.array_equal(before[0], candidate.on_view) and np.array_equal(before[1], candidate.region)
            must(unchanged, "a metric must not change the map that it judges")
    one, other = (_measured(metric, *_first(batch_size)) for batch_size in (None, 1))
    numbers = isinstance(one, float) and isinstance(other, float)
    alike = math.isclose(float(one), float(other), abs_tol=1e-5) if numbers else one == other
    must(alike, f"a value must not depend on the batch size, got {one} and {other}")


def _check_facts(metric: Metric) -> None:
    facts = metric.facts
    for name in ("name", "title", "unit", "source", "calls", "misleads"):
        must(bool(str(getattr(facts, name)).strip()), f"Facts.{name} must say something")
    must(facts.better in {"higher", "lower", ""}, f"Facts.better must be higher, lower or empty, got {facts.better!r}")
    must(facts.version >= 1, f"Facts.version must be at least 1, got {facts.version}")


def _measured(metric: Metric, question: Question, candidate: Candidate) -> float | str:
    """Return the value, or why there is none."""
    calls = question.calls
    try:
        value = metric.measure(question, candidate).value
    except NotMeasured as reason:
        must(bool(str(reason).strip()), "NotMeasured must say why")
        return str(reason)
    must(math.isfinite(value), f"a value must be finite, or NotMeasured must be raised, got {value}")
    must(metric.facts.calls != "0" or question.calls == calls, "Facts.calls is 0, but the model was evaluated")
    return value


def _first(batch_size: int | None) -> tuple[Question, Candidate]:
    question, candidates = _question(batch_size)
    return question, candidates[0]


def _question(batch_size: int | None) -> tuple[Question, list[Candidate]]:
    """Return the question of a photo whose upper left quarter decides, an explanation, and a map."""
    photo = np.random.default_rng(0).integers(0, 256, (_SIZE, _SIZE, 3), dtype=np.uint8)
    model = FunctionModel(_quarter, kind="probability", name="upper left quarter")
    truth = np.zeros((_SIZE, _SIZE), dtype=bool)
    truth[: _SIZE // 2, : _SIZE // 2] = True
    question = Question.of(photo, model=model, target=0, truth=truth, batch_size=batch_size)
    method = Lime(segmentation={"name": "grid", "rows": 4, "columns": 4}, fill="black", n_samples=64)
    explained = explain(photo, model=model, method=method, targets=[0], progress=False, preflight=False, verdict=False)
    heatmap = np.random.default_rng(1).random((_SIZE, _SIZE)).astype(np.float32)
    return question, [Candidate.of(explained), Candidate.of_map("noise", question, heatmap)]


def _quarter(pictures: Batch) -> Scores:
    bright = 0.1 + 0.8 * pictures[:, : _SIZE // 2, : _SIZE // 2].mean(axis=(1, 2, 3))
    return np.stack([bright, 1 - bright], axis=1).astype(np.float32)
