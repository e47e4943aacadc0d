"""Converted networks, kept on disk: converting takes seconds, reading what was converted takes a fraction of one.

What is found here is still held against the original on every photo, so a wrong or stale entry costs speed, never a
wrong answer.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from seewhy.core.errors import InvalidInput
from seewhy.models.compiled.openvino_runtime import import_openvino

_FOLDER, _LIMIT = "SEEWHY_CACHE", "SEEWHY_CACHE_MB"
"""Environment variables: where conversions are kept (``off``: nowhere), and how many megabytes at most."""
_USUAL_LIMIT = 2000
_NETWORK, _WEIGHTS, _SEAL = "network.xml", "network.bin", "sha256"
_ENTRY = re.compile("[0-9a-f]{64}")
_NEW = ".seewhy-new-"
_ABANDONED = 24 * 3600
"""Seconds after which what is being written has no writer any more."""


def converted(key: str, make: Callable[[], Any]) -> Any:
    """Return the ``openvino.Model`` of ``key``: from disk, or made now and kept.

    Whole entries appear at once, under a name made of their key; an entry that does not fit its seal is made again. The
    entries that were not used for longest go when there are more than SEEWHY_CACHE_MB megabytes. Where nothing can be
    written, nothing is kept.

    Parameters
    ----------
    key
        All that the network depends on.
    make
        Converts it.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    limit = _limit()
    openvino = import_openvino()
    entry = folder / hashlib.sha256(f"{key} {openvino.__version__}".encode()).hexdigest()
    if _is_whole(entry):
        with suppress(OSError):  # read-only: then nothing is removed either
            os.utime(entry)
        try:
            return openvino.Core().read_model(entry / _NETWORK)
        except RuntimeError:  # another process made room of it just now; or it was sealed by somebody else
            shutil.rmtree(entry, ignore_errors=True)
    model = make()
    _keep(model, entry, limit)
    return model


def _limit() -> float:
    """Return the most bytes to keep."""
    given = os.environ.get(_LIMIT) or str(_USUAL_LIMIT)
    try:
        limit = float(given)
    except ValueError:
        limit = math.nan
    if not limit >= 0:  # nan too
        raise InvalidInput.of(_LIMIT, "be a number of megabytes, at least 0", given)
    return limit * 1e6


def cache_folder() -> Path | None:
    """Return where conversions are kept, which need not exist; None: nowhere."""
    place = os.environ.get(_FOLDER) or platformdirs.user_cache_dir("seewhy", appauthor=False)
    return None if place.lower() == "off" else Path(place).expanduser()


def _keep(model: Any, entry: Path, limit: float) -> None:
    """Write an entry beside its place, then move it there; of two processes that do, the first wins."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix=_NEW, dir=entry.parent) as name:
            new = Path(name) / "entry"
            new.mkdir()
            import_openvino().serialize(model, str(new / _NETWORK), str(new / _WEIGHTS))
            (new / _SEAL).write_bytes(_seal(new))
            if not _is_whole(entry):  # else another was quicker, and may be reading it by now
                shutil.rmtree(entry, ignore_errors=True)
                new.rename(entry)
        _make_room(entry, limit)
    except Exception:  # noqa: BLE001  # full, read-only: the model in hand is as good
        return


def _is_whole(entry: Path) -> bool:
    try:
        return (entry / _SEAL).read_bytes() == _seal(entry)
    except OSError:
        return False


def _seal(entry: Path) -> bytes:
    found = hashlib.sha256()
    for name in (_NETWORK, _WEIGHTS):
        with (entry / name).open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest().encode()


def _make_room(newest: Path, limit: float) -> None:
    """Remove the entries that were not used for longest, until the rest fits; the newest stays.

    Whatever else is in the folder is somebody else's and not touched.
    """
    found = [one for one in newest.parent.iterdir() if one.is_dir() and not one.is_symlink()]
    for new in found:
        if new.name.startswith(_NEW) and time.time() - new.stat().st_mtime > _ABANDONED:
            shutil.rmtree(new, ignore_errors=True)
    entries = sorted(_entries(found), key=lambda one: (one != newest, -one.stat().st_mtime))
    used = 0
    for entry in entries:
        used += _bytes(entry)
        if used > limit and entry != newest:
            shutil.rmtree(entry, ignore_errors=True)


def cache_size(folder: Path) -> tuple[int, int]:
    """Return how many conversions a folder keeps, and their bytes.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    entries = _entries(folder.iterdir()) if folder.exists() else []
    return len(entries), sum(_bytes(entry) for entry in entries)


def _entries(found: Iterable[Path]) -> list[Path]:
    """Return which of the things in a folder are whole conversions."""
    return [one for one in found if _ENTRY.fullmatch(one.name) and not one.is_symlink() and (one / _SEAL).is_file()]


def _bytes(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.iterdir())
