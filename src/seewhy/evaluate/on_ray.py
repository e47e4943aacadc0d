"""The same work on the machines of a Ray cluster: workers compute, this process plans, stores and hands out.

Each piece of work is stored as soon as a worker has finished it. Workers may die: Ray starts them again, and the piece
that they had in work is done once more.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seewhy.api import loaded
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.evaluate.here import WAIT, UnitReport, missing, task_of
from seewhy.evaluate.plan import EXPLANATION, Plan, WorkUnit
from seewhy.evaluate.store import Record, Store
from seewhy.evaluate.work import Task, Worker, reason
from seewhy.metrics import METRICS, Metric
from seewhy.models.extras import need

_DEATHS = 3
"""Deaths of workers at one piece of work before it is recorded as failed."""


class _Lost(Exception):
    """A worker has been started again since, and knows nothing of the task."""


class Hands:
    """What a worker process holds: each model is loaded once, when it is first needed."""

    def __init__(self, sources: Mapping[str, tuple[object, str]], metrics: tuple[str, ...], paths: list[str]) -> None:
        sys.path += [path for path in paths if path not in sys.path]
        self._sources = sources
        self._metrics: dict[str, Metric] = {name: METRICS[name] for name in metrics}
        self._workers: dict[str, Worker] = {}
        self._records: Iterator[Record] | None = None

    def ready(self) -> bool:
        """Answer, which only a worker does that has found its place."""
        return True

    def begin(self, model: str, task: Task) -> Record | None:
        """Begin a task, in place of the one before; return the first piece of it."""
        if model not in self._workers:
            source, fingerprint = self._sources[model]
            found, _ = loaded(source, task.batch_size)
            if found.fingerprint != fingerprint:
                raise ModelError.of(f"model {model}", f"be the same on every machine, {fingerprint}", found.fingerprint)
            self._workers[model] = Worker(found, self._metrics)
        self._records = self._workers[model].do(task)
        return next(self._records, None)

    def go_on(self) -> Record | None:
        """Return the next piece of the task; None: it is done."""
        if self._records is None:
            raise _Lost
        return next(self._records, None)


def work_on_ray(plan: Plan, units: list[WorkUnit], store: Store, report: UnitReport, address: str) -> None:
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
        raise InvalidInput.of("metrics", "be seewhy's own on Ray, where workers know them by name", own[0])
    ray = need("ray", "ray")
    with _cluster(ray, address), ExitStack() as actors:
        hands = _hired(ray, plan)
        actors.callback(lambda: [ray.kill(one) for one in hands])
        _Crew(ray, plan, store, report, hands).work(units)


@contextmanager
def _cluster(ray: Any, address: str) -> Iterator[None]:
    """Connect, unless somebody has done so already, and leave afterwards."""
    if ray.is_initialized():
        there = ray.get_runtime_context().gcs_address
        if address not in {"auto", "local", there}:
            raise InvalidInput.of(
                "ray",
                f"be 'auto' or {there}, the cluster that this process is connected to",
                address,
                "call ray.shutdown() first to use another cluster",
            )
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError) as error:
        raise InvalidInput(
            f"ray must be the address of a cluster, or 'local', got {address!r}: {error}",
            setting="ray",
            rule="be the address of a cluster, or 'local'",
            value=address,
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _hired(ray: Any, plan: Plan) -> list[Any]:
    """Ask for a worker for each GPU, or for each CPU where there is none; others may hold some of them."""
    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0))
    sources = {one.label: (one.source, one.model.fingerprint) for one in plan.models}
    names = [one.source.get("name") if isinstance(one.source, dict) else one.source for one in plan.models]
    paths = [str(Path.cwd())] if any(str(name).startswith("py:") for name in names) else []
    hands = ray.remote(Hands).options(num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=-1)
    return [hands.remote(sources, tuple(plan.metrics), paths) for _ in range(gpus or max(1, int(there.get("CPU", 1))))]


@dataclass(frozen=True, eq=False)
class _Job:
    """A unit that a worker has in work."""

    unit: WorkUnit
    claim: ExitStack


class _Crew:
    """Hands out tasks, one a worker at a time, so that it is known which one a worker died of.

    A worker gets work once it has answered: one that waits for a free CPU, or is started again, does not.
    """

    def __init__(self, ray: Any, plan: Plan, store: Store, report: UnitReport, hands: list[Any]) -> None:
        self._ray, self._plan, self._store, self._report = ray, plan, store, report
        self._free: list[Any] = []
        self._asked: dict[Any, tuple[Any, _Job | None]] = {}
        """The worker behind each answer that is waited for, and its job; None: it is asked whether it is ready."""
        self._again: list[WorkUnit] = []
        self._deaths: Counter[str] = Counter()
        for worker in hands:
            self._greet(worker)

    def work(self, units: list[WorkUnit]) -> None:
        """Work until nothing is left, by us or others."""
        left = list(units)
        try:
            while left or self._at_work():
                later: list[WorkUnit] = []
                for unit in left:
                    while not self._free:
                        self._hear(None)
                    if not self._begun(unit):
                        later.append(unit)
                self._hear(WAIT)
                left, self._again = later + self._again, []
        finally:
            for _, job in self._asked.values():
                if job is not None:
                    job.claim.close()

    def _at_work(self) -> bool:
        return any(job is not None for _, job in self._asked.values())

    def _greet(self, worker: Any) -> None:
        self._asked[worker.ready.options(max_task_retries=-1).remote()] = worker, None

    def _begun(self, unit: WorkUnit) -> bool:
        """Hand out a unit if anything of it is missing; False: another process has it in work."""
        with ExitStack() as claim:
            if not claim.enter_context(self._store.claimed(unit.key)):
                return False
            task = task_of(self._plan, unit, self._store)
            if task is None:
                self._report(unit, [])
                return True
            worker = self._free.pop(0)
            self._asked[worker.begin.remote(unit.model.label, task)] = worker, _Job(unit, claim.pop_all())
        return True

    def _hear(self, timeout: float | None) -> None:
        """Take the next answers of workers; wait for one, or until ``timeout``."""
        if not self._asked and timeout is not None:  # all that is left is in work elsewhere
            time.sleep(timeout)
            return
        for one in self._ray.wait(list(self._asked), num_returns=1, timeout=timeout)[0]:
            worker, job = self._asked.pop(one)
            errors = self._ray.exceptions
            try:
                record = self._ray.get(one)
            except errors.RayTaskError as error:  # what the worker itself raised, such as a library that it lacks
                if isinstance(error.cause, _Lost):
                    self._died(worker, job, error)
                    continue
                if job is not None:
                    job.claim.close()
                raise error.cause from error
            except errors.RayActorError as error:
                self._died(worker, job, error)
            else:
                self._heard(worker, job, record)

    def _heard(self, worker: Any, job: _Job | None, record: Record | None) -> None:
        """Store a piece of work and let the worker go on; or let it be free."""
        if job is None:
            self._free.append(worker)
        elif record is not None and self._store.holds(job.unit.key):
            self._store.put(job.unit.key, record)
            self._report(job.unit, missing(job.unit, self._store))
            self._asked[worker.go_on.remote()] = worker, job
        else:
            job.claim.close()
            self._free.append(worker)
            self._again.append(job.unit)  # nothing is left of it, or another process has taken it over

    def _died(self, worker: Any, job: _Job | None, error: Exception) -> None:
        """Let what a worker had in work be done once more, unless it has killed several."""
        if job is None:  # it did not come to life, and never will
            if not self._asked and not self._free:
                raise ModelError(
                    f"no worker could be started on the cluster: {reason(error)}", setting="ray", rule="start a worker"
                ) from error
            return
        self._greet(worker)
        self._again.append(job.unit)
        with job.claim:
            left = missing(job.unit, self._store)
            self._deaths.update(left[:1])
            if left and self._deaths[left[0]] >= _DEATHS and self._store.holds(job.unit.key):
                names = {key: name for name, key in job.unit.cells.items()}
                why = f"{_DEATHS} workers died while computing it: {reason(error)}"
                self._store.put(job.unit.key, Record(left[0], names.get(left[0], EXPLANATION), "failed", reason=why))
