"""The work done in this process, beside others that may be at the same run."""

from __future__ import annotations

import time
from collections.abc import Callable

from seewhy.evaluate.plan import Plan, WorkUnit
from seewhy.evaluate.store import Store
from seewhy.evaluate.work import Task, Worker

UnitReport = Callable[[WorkUnit, list[str]], None]
"""Called with a unit and the keys of it that are left."""

WAIT = 0.2
"""Seconds between two looks at what other processes have in work; a share of the lease if that is shorter."""


def work_here(plan: Plan, units: list[WorkUnit], store: Store, report: UnitReport) -> None:
    """Do what is missing of ``units``; what others have in work is waited for."""
    workers = {one.label: Worker(one.model, plan.metrics) for one in plan.models}
    left = list(units)
    while left:
        later = [unit for unit in left if not _one(plan, unit, store, workers[unit.model.label], report)]
        if len(later) == len(left):
            time.sleep(min(WAIT, store.lease / 10))
        left = later


def missing(unit: WorkUnit, store: Store) -> list[str]:
    """Return the keys of a unit that are not done: none of one whose explanation failed."""
    done = store.records(unit.keys)
    if unit.key in done and done[unit.key].state == "failed":
        return []
    return [key for key in unit.keys if key not in done]


def task_of(plan: Plan, unit: WorkUnit, store: Store) -> Task | None:
    """Return what is left to do of a unit; None: nothing."""
    if not missing(unit, store):
        return None
    return Task.of(unit, plan.seed, plan.batch_size, store.records(unit.keys), store.explanation(unit.key))


def _one(plan: Plan, unit: WorkUnit, store: Store, worker: Worker, report: UnitReport) -> bool:
    """Do one unit; False: another process has it in work, and it must be looked at again."""
    with store.claimed(unit.key) as mine:
        if not mine:
            return False
        task = task_of(plan, unit, store)  # looked at after the claim: another may just have finished it
        if task is not None:
            for record in worker.do(task):
                if not store.holds(unit.key):
                    return False
                store.put(unit.key, record)
                report(unit, missing(unit, store))
    report(unit, [])
    return True
