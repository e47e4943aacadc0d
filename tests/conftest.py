"""What every test may rely on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in a shell's background: processes that tests start inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports keras
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # workers share the cores, and threads on small matrices wait for each other

hypothesis.settings.register_profile("seewhy", deadline=None)  # a busy machine is not a failure
hypothesis.settings.load_profile("seewhy")

os.environ.setdefault("SEEWHY_CACHE", "off")  # what tests convert is not worth keeping

collect_ignore = ["data/make_tflite.py", "support/real_server.py"]  # scripts for other environments


@pytest.fixture(autouse=True)
def _no_preflight(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the check of a model before it is first explained: most tests count the pictures it is sent.

    Tests of the check itself, marked ``preflight``, and those that start a process of their own do without this.
    """
    if "preflight" not in request.keywords:
        monkeypatch.setattr("seewhy.models.preflight.preflight", lambda *_: ())
        monkeypatch.setattr("seewhy.explanation.first_run.answered_alone", lambda *_: ())


@pytest.fixture(autouse=True)
def _no_check_of_the_region(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the images that a verdict takes, for the same reason; tests marked ``verdict`` do with them."""
    if "verdict" not in request.keywords:
        monkeypatch.setattr("seewhy.explanation.verdict.with_check", lambda explanation, *_, **__: explanation)


@pytest.fixture(scope="session")
def torchvision_operators() -> Iterator[None]:
    """Let torchvision be imported beside a torch that it was not compiled for: its detection operators are named only.

    Classifiers do not use them.
    """
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield
    del library
