"""The same work on the machines of a Ray cluster: workers compute, this process plans, stores and hands out.

Workers may die: Ray starts them again, and what they had in work is done once more.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from seewhy.errors import InvalidInput, ModelError
from seewhy.evaluate.here import WAIT, Report, missing, task_of
from seewhy.evaluate.plan import EXPLANATION, Plan, Unit
from seewhy.evaluate.store import Record, Store
from seewhy.evaluate.work import Task, Worker, reason
from seewhy.metrics import METRICS, Metric
from seewhy.models import load_model
from seewhy.models.extras import need

_DEATHS = 3
"""Deaths of workers at one task before it is recorded as failed."""


class Hands:
    """What a worker process holds: each model is loaded once, when it is first needed."""

    def __init__(self, sources: Mapping[str, tuple[object, str]], metrics: tuple[str, ...], paths: list[str]) -> None:
        sys.path += [path for path in paths if path not in sys.path]
        self._sources = sources
        self._metrics: dict[str, Metric] = {name: METRICS[name] for name in metrics}
        self._workers: dict[str, Worker] = {}

    def do(self, model: str, task: Task) -> list[Record]:
        """Return everything that a task asks."""
        if model not in self._workers:
            source, fingerprint = self._sources[model]
            found = load_model(source)
            if found.fingerprint != fingerprint:
                raise ModelError(
                    f"model {model} must be the same on every machine, {fingerprint}, got {found.fingerprint}"
                )
            self._workers[model] = Worker(found, self._metrics)
        return list(self._workers[model].do(task))


def work_on_ray(plan: Plan, units: list[Unit], store: Store, report: Report, address: str) -> None:
    """Do what is missing of ``units`` on the cluster at ``address``; ``local`` starts one on this machine.

    Raises
    ------
    InvalidInput
        A metric is none of seewhy's own, so that workers do not know it; or there is no cluster.
    MissingExtra
        Ray is not installed.
    """
    own = [name for name, metric in plan.metrics.items() if METRICS.get(name) is not metric]
    if own:
        raise InvalidInput(f"metrics must be seewhy's own on Ray, where workers know them by name, got {own[0]}")
    ray = need("ray", "ray")
    with _cluster(ray, address), ExitStack() as actors:
        hands = _hired(ray, plan)
        actors.callback(lambda: [ray.kill(one) for one in hands])
        _Crew(ray, plan, store, report, hands).work(units)


@contextmanager
def _cluster(ray: Any, address: str) -> Iterator[None]:
    """Connect, unless somebody has done so already, and leave afterwards."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError) as error:
        raise InvalidInput(f"ray must be the address of a cluster, or 'local', got {address!r}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _hired(ray: Any, plan: Plan) -> list[Any]:
    """Return a worker for each GPU, or for each CPU where there is none."""
    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0))
    sources = {one.label: (one.source, one.model.fingerprint) for one in plan.models}
    names = [one.source.get("name") if isinstance(one.source, dict) else one.source for one in plan.models]
    paths = [str(Path.cwd())] if any(str(name).startswith("py:") for name in names) else []
    hands = ray.remote(Hands).options(
        num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=-1, max_task_retries=_DEATHS - 1
    )
    return [hands.remote(sources, tuple(plan.metrics), paths) for _ in range(gpus or max(1, int(there.get("CPU", 1))))]


class _Crew:
    """Hands out tasks, one a worker at a time, so that it is known which one a worker died of."""

    def __init__(self, ray: Any, plan: Plan, store: Store, report: Report, hands: list[Any]) -> None:
        self._ray, self._plan, self._store, self._report = ray, plan, store, report
        self._free = list(hands)
        self._in_work: dict[Any, tuple[Unit, Any, ExitStack]] = {}

    def work(self, units: list[Unit]) -> None:
        """Work until nothing is left, by us or others."""
        left = list(units)
        try:
            while left or self._in_work:
                later: list[Unit] = []
                for unit in left:
                    while not self._free:
                        self._collect(None)
                    if not self._begun(unit):
                        later.append(unit)
                self._collect(WAIT)
                left = later
        finally:
            for _, _, claim in self._in_work.values():
                claim.close()

    def _begun(self, unit: Unit) -> bool:
        """Hand out a unit if anything of it is missing; False: another process has it in work."""
        with ExitStack() as claim:
            if not claim.enter_context(self._store.claimed(unit.key)):
                return False
            task = task_of(self._plan, unit, self._store)
            if task is None:
                self._report(unit, 0)
                return True
            worker = self._free.pop(0)
            self._in_work[worker.do.remote(unit.model.label, task)] = (unit, worker, claim.pop_all())
        return True

    def _collect(self, timeout: float | None) -> None:
        """Store what has been finished; wait for one piece of work, or until ``timeout``."""
        if not self._in_work:  # all that is left is in work elsewhere
            time.sleep(timeout or WAIT)
            return
        finished, _ = self._ray.wait(list(self._in_work), num_returns=1, timeout=timeout)
        for one in finished:
            unit, worker, claim = self._in_work.pop(one)
            self._free.append(worker)
            with claim:
                for record in self._answer(unit, one):
                    if self._store.holds(unit.key):
                        self._store.put(unit.key, record)
            self._report(unit, missing(unit, self._store))

    def _answer(self, unit: Unit, one: Any) -> list[Record]:
        errors = self._ray.exceptions
        try:
            found: list[Record] = self._ray.get(one)
        except errors.RayTaskError as error:  # what the worker itself raised, such as a library that it lacks
            raise error.cause from error
        except errors.RayActorError as error:
            why = f"workers died {_DEATHS} times at it: {reason(error)}"
            return [Record(unit.key, EXPLANATION, "failed", reason=why)]
        return found
