"""Bars where somebody watches; streams that are missing, closed or bare stop nothing."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import seewhy
from seewhy.core.progress import is_terminal, is_watched, reporting

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=3), n_samples=20)


class Bare:
    def write(self, text: str) -> None:
        pass


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {"none": lambda: None, "bare": Bare, "closed": closed, "full": Full, "object": object}


def model(batch: np.ndarray) -> np.ndarray:
    return batch.mean(axis=(1, 2))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("progress", [None, True, False])
def test_a_run_does_not_need_a_stream(name: str, progress: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stderr", "stdout"):
        monkeypatch.setattr(sys, stream, STREAMS[name]())

    assert seewhy.explain(PHOTO, model=model, method=LIME, progress=progress).complete
    assert len(list(seewhy.explain_many([PHOTO], model=model, method=LIME, progress=progress))) == 1


@pytest.mark.parametrize("name", STREAMS)
def test_only_a_terminal_is_one(name: str) -> None:
    assert not is_terminal(STREAMS[name]())
    assert is_terminal(Terminal())


def test_somebody_watches_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert is_watched()
    monkeypatch.setattr(sys, "stderr", None)
    assert not is_watched()


def test_a_label_gives_the_terminal_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with reporting(None, "cat\x1b]0;PWNED\x07.png") as report:
        report(1, 10)

    assert "\x1b]0" not in stream.getvalue()
    assert "cat\\x1b]0;PWNED\\x07.png" in stream.getvalue()


@pytest.mark.parametrize("progress", [None, False, True])
def test_many_photos_take_what_one_takes(progress: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)

    for photos in ([PHOTO] * 3, (PHOTO for _ in range(3))):
        assert len(list(seewhy.explain_many(photos, model=model, method=LIME, progress=progress))) == 3

    assert ("photos" in stream.getvalue()) == (progress is True)


@pytest.mark.parametrize("progress", ["yes", 1, 0, 2.5, [print]])
def test_other_progress_is_refused_before_the_work(progress: object) -> None:
    with pytest.raises(seewhy.InvalidInput) as caught:
        seewhy.explain_many([PHOTO], model=model, method=LIME, progress=progress)  # type: ignore[arg-type]

    assert (caught.value.setting, caught.value.value) == ("progress", progress)
