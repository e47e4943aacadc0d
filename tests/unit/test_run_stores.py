"""Stores of runs that are damaged, strange or claimed by the dead: work goes on, or one line names the file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from functools import partialmethod

import pytest

from seewhy.core.errors import FileError
from seewhy.evaluate import database
from seewhy.evaluate import store as stores
from seewhy.evaluate.store import Store
from seewhy.study import study
from support.graded import LIME, asked, folder, model
from support.patience import PATIENCE
from support.tuning import OBJECT, only_free, plain

NAMES = {"evaluate": "cells.sqlite", "study": "cells.sqlite", "tune": "tune.sqlite"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("place"), 1)


def run(command, place, out):
    if command == "tune":
        return only_free(truth=OBJECT, out=out)
    if command == "study":
        menu = {"sampling": {"lime": LIME}, "free": {"num_features": [None, 2]}}
        return study(place / "photos", model=model(), menu=menu, n_samples=40, out=out, progress=False)
    return asked(place, out=out, metrics=["iou"], baselines=["center"])


def changed(path, *statements):
    with closing(sqlite3.connect(path)) as held, held:
        for statement in statements:
            held.execute(*statement)


# --- claims -------------------------------------------------------------------------------------------------

HOUR = 3600.0
FUTURE = {
    "an hour ahead": ("dead", HOUR),
    "without end": ("dead", float("inf")),
    "as text": ("dead", "tomorrow"),
    "of another host": ("other-host-1234", HOUR),
    "of this process's number": (f"{os.getpid()}-0", HOUR),
}


@pytest.mark.parametrize("claim", FUTURE.values(), ids=FUTURE)
def test_a_claim_that_nobody_renews_is_taken_over_whenever_it_says_it_ends(claim, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "LEASE", 0.05)
    owner, ahead = claim
    until = ahead if isinstance(ahead, str) else time.time() + ahead
    with Store(tmp_path, lease=0.05) as store:
        changed(tmp_path / "cells.sqlite", ("INSERT INTO claims VALUES ('unit', ?, ?)", (owner, until)))
        looks, mine = 0, False
        while not mine:
            with store.claimed("unit") as mine:
                looks += 1
        assert looks > 1  # it might have been alive


def test_an_evaluation_gets_past_a_claim_of_the_future(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "LEASE", 0.05)
    place = folder(tmp_path, 1)
    asked(place, metrics=["iou"], baselines=())
    unit = asked(place, metrics=["iou"], baselines=()).rows[0].explanation.key
    changed(
        place / "run" / "cells.sqlite",
        ("DELETE FROM cells",),
        ("INSERT INTO claims VALUES (?, 'dead', ?)", (unit, time.time() + HOUR)),
    )

    found = asked(place, metrics=["iou"], baselines=(), lease=0.05)

    assert found.complete
    assert found.rows[0].value("iou") is not None


def test_a_living_process_keeps_its_claim_whatever_the_clocks_say(tmp_path, monkeypatch):
    start = time.time()
    clock = [start]
    monkeypatch.setattr(stores.time, "time", lambda: clock[0])
    with Store(tmp_path, lease=0.05) as one, Store(tmp_path, lease=0.05) as other, one.claimed("unit") as mine:
        assert mine
        clock[0] -= HOUR  # set back: what it wrote lies in the future now
        seen = set()
        while len(seen) < 5:
            seen.add(one._rows("SELECT until FROM claims", ())[0][0])
            clock[0] = start - HOUR + 1e-3 * len(seen)
            with other.claimed("unit") as taken:
                assert not taken


# --- files that are no store --------------------------------------------------------------------------------


def a_folder(path):
    path.mkdir()


def a_pipe(path):
    os.mkfifo(path)


def text(path):
    path.write_bytes(b"this is no database, but it is long enough to be looked at as one" * 200)


def a_header_alone(path):
    path.write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 20)


def another_database(path):
    changed(path, ("CREATE TABLE mine (x)",), ("INSERT INTO mine VALUES (1)",))


@pytest.mark.parametrize("command", NAMES)
@pytest.mark.parametrize("strange", [a_folder, a_pipe, text, a_header_alone, another_database])
def test_what_is_no_store_is_named_and_left_alone(command, strange, place, tmp_path):
    path = tmp_path / NAMES[command]
    strange(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(FileError) as told:
        run(command, place, tmp_path)

    assert told.value.setting == str(path)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 600
    assert before is None or path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMES)
def test_a_store_cut_short_is_named_or_does_its_work_again(command, place, tmp_path):
    path = tmp_path / NAMES[command]
    run(command, place, tmp_path)
    changed(path, ("PRAGMA wal_checkpoint(TRUNCATE)",))
    whole = path.read_bytes()

    for size in (0, 7, 100, 4096, 5000, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:size])
        try:
            run(command, place, tmp_path)
        except FileError as error:
            assert error.setting == str(path)  # noqa: PT017
        else:
            assert size == 0 or size >= 4096


def test_a_store_of_another_version_is_named(place, tmp_path):
    run("evaluate", place, tmp_path)
    changed(tmp_path / "cells.sqlite", ("PRAGMA user_version = 99",))

    with pytest.raises(FileError) as told:
        run("evaluate", place, tmp_path)

    assert "version 99" in str(told.value)


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMES)
def test_a_store_that_another_program_holds_is_named(command, place, tmp_path, monkeypatch):
    run(command, place, tmp_path)
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with closing(sqlite3.connect(tmp_path / NAMES[command], isolation_level=None)) as held:
        held.execute("PRAGMA journal_mode = DELETE")
        held.execute("BEGIN EXCLUSIVE")

        with pytest.raises(FileError) as told:
            run(command, place, tmp_path)

    assert "in use by another program" in str(told.value)
    assert told.value.setting == str(tmp_path / NAMES[command])


def test_a_folder_that_is_a_file_is_named(place, tmp_path):
    (tmp_path / "out").write_text("")
    for command in NAMES:
        with pytest.raises(FileError) as refused:
            run(command, place, tmp_path / "out")
        assert str(refused.value.setting).startswith((str(tmp_path / "out"), "out"))


# --- values that no run stores ------------------------------------------------------------------------------

DAMAGE = {
    "text for a value": "UPDATE cells SET value = 'much'",
    "a value without end": "UPDATE cells SET value = 9e999",
    "a value as large as can be": "UPDATE cells SET value = 1e308",
    "bytes for a value": "UPDATE cells SET value = x'ff00'",
    "an unknown state": "UPDATE cells SET state = 'half'",
    "bytes for a reason": "UPDATE cells SET reason = x'ff00'",
    "text that is not UTF-8": "UPDATE cells SET reason = CAST(x'ff00' AS TEXT)",
    "no JSON": "UPDATE cells SET facts = 'nothing'",
    "a list for an object": "UPDATE cells SET facts = '[1]'",
    "an empty object": "UPDATE cells SET facts = '{}'",
    "JSON as deep as can be": "UPDATE cells SET facts = replace(printf('%.100000c', '['), '\"', '')",
    "a number of 10,000 digits": "UPDATE cells SET facts = '{\"calls\": 1' || printf('%.10000c', '0') || '}'",
    "not a number": 'UPDATE cells SET facts = \'{"calls": NaN, "area": NaN, "chosen": NaN, "digest": ""}\'',
    "a class of text": 'UPDATE cells SET facts = replace(facts, \'"class": \', \'"class": "x", "was": \')',
    "seconds of text": 'UPDATE cells SET facts = replace(facts, \'"seconds": \', \'"seconds": "x", "was": \')',
    "no such column": "ALTER TABLE cells RENAME COLUMN value TO worth",
    "no table of claims": "DROP TABLE claims",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("command", ["evaluate", "study"])
def test_a_value_that_no_run_stores_is_named(command, damage, place, tmp_path):
    first = run(command, place, tmp_path)
    changed(tmp_path / "cells.sqlite", (damage,))

    if command == "study" and "seconds" in damage:
        assert run(command, place, tmp_path).to_dict() == first.to_dict()  # a study stores none
        return
    with pytest.raises(FileError) as told:
        run(command, place, tmp_path)

    assert str(tmp_path / "cells.sqlite") in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 800


GRADES = '{"explaining": %s, "metrics": 1, "grades": [[%s, {"x": %s}, ""]]}'
LOOKS = [GRADES % held for held in (("1", "NaN", "1"), ("1", "1", "1e999"), ("-5", "1", "1"), ("1e999", "1", "1"))]
LOOKS += ["nothing", "[1]", "{}", "[" * 100_000, "NaN", '{"explaining": "x", "metrics": 1, "grades": []}', "9" * 10_000]


@pytest.fixture(scope="module")
def tuned(place, tmp_path_factory):
    """A tuning and the folder of its store."""
    out = tmp_path_factory.mktemp("tuned")
    return run("tune", place, out), out


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS, ids=range(len(LOOKS)))
def test_a_damaged_look_of_a_tuning_is_taken_again(look, tuned, place, tmp_path):
    first, out = tuned
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    changed(tmp_path / "tune.sqlite", ("UPDATE looks SET look = ?", (look,)))

    again = run("tune", place, tmp_path)

    assert plain(again) == plain(first)


def test_rows_of_what_is_not_asked_are_left_alone(place, tmp_path):
    first = run("evaluate", place, tmp_path)
    row = ("other", "other", "x", "half", "text", "", "", "", "", 0)
    changed(tmp_path / "cells.sqlite", ("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row))

    assert run("evaluate", place, tmp_path).to_dict() == first.to_dict()


def test_files_that_are_gone_beside_the_store_cost_only_work(place, tmp_path):
    first = run("evaluate", place, tmp_path)
    for ending in ("-wal", "-shm"):
        (tmp_path / f"cells.sqlite{ending}").unlink(missing_ok=True)
    for file in (tmp_path / "explanations").iterdir():
        file.unlink()
        os.mkfifo(file)

    assert run("evaluate", place, tmp_path).to_dict() == first.to_dict()


def test_the_thread_that_renews_claims_survives_a_store_that_is_damaged(tmp_path, monkeypatch):
    failed, tries = [], threading.Semaphore(0)

    class Broken:
        def execute(self, *_):
            tries.release()
            msg = "database disk image is malformed"
            raise sqlite3.DatabaseError(msg)

        def close(self):
            pass

    monkeypatch.setattr(threading, "excepthook", failed.append)
    with monkeypatch.context() as broken:
        broken.setattr(Store, "_beat", partialmethod(_beats_on, Store._beat, Broken()))
        with Store(tmp_path, lease=0.02):
            for _ in range(3):
                assert tries.acquire(timeout=PATIENCE)
    assert failed == []


def _beats_on(store, beat, connection):
    """Renew claims on a connection of ours."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stores, "connected", lambda _: connection)
        beat(store)
