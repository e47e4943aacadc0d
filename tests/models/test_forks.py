"""Models answer in forked processes, whatever their threads were doing when their parent forked."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seewhy.core import forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

TESTS = Path(__file__).parents[1]
RUNTIMES = ("native", "openvino")
HANGS = 300
"""Seconds after which a process is taken as one that hangs."""

PREAMBLE = f"""
import os, sys, threading, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {str(TESTS)!r})
os.environ["KERAS_BACKEND"], os.environ["SEEWHY_CACHE"] = "torch", "off"
import numpy as np
import seewhy


def ask(model):
    height, width = model.preprocessing.size
    pixels = np.random.default_rng(0).random((6, height, width, model.channels), dtype=np.float32)
    batch = np.stack([model.prepare(one) for one in pixels])
    return next(iter(model.stream([batch])))


def in_a_child(function):
    pid = os.fork()
    if pid == 0:
        try:
            function()
        except BaseException as error:
            print(f"{{type(error).__name__}}: {{error}}", flush=True)
            os._exit(3)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def check(model, *, asked=True):
    expected = ask(model) if asked else None

    def child():
        found = ask(model)
        if asked:
            np.testing.assert_array_equal(found, expected)

    assert in_a_child(child) == 0
    assert in_a_child(lambda: in_a_child(child) and os._exit(4)) == 0  # a child of a child
    if asked:
        np.testing.assert_array_equal(ask(model), expected)
"""

TORCH = """
import torch
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 32, 5), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3), torch.nn.AdaptiveAvgPool2d(1),
    torch.nn.Flatten(), torch.nn.Linear(32, 5),
)
options = {"preprocessing": seewhy.Preprocessing(size=(64, 64)), "head": "logits"}
"""

ONNX = """
import torch  # lays the file's own threads beside others
from pathlib import Path
import tempfile
from onnx import TensorProto, helper, numpy_helper
held = numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 3, 5, 5)).astype(np.float32), "w")
nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("GlobalAveragePool", ["c"], ["p"]),
         helper.make_node("Flatten", ["p"], ["y"])]
taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", 3, 64, 64])
given = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", 8])
made = helper.make_model(helper.make_graph(nodes, "g", [taken], [given], [held]),
                         opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
path = Path(tempfile.mkdtemp()) / "net.onnx"
path.write_bytes(made.SerializeToString())
options = {"preprocessing": "0..1", "head": "logits"}
"""

TFLITE = f"""
from pathlib import Path
place = "tflite:" + str(Path({str(TESTS)!r}) / "data" / "tiny_float.tflite")
"""

KERAS = """
from support.keras_nets import small
net = small()
options = {"preprocessing": "0..1"}
"""

OPENVINO = """
import openvino
from support.planted import SIDE
ops = openvino.opset13
taken = ops.parameter([-1, 3, SIDE, SIDE], np.float32)
weights = np.random.default_rng(0).normal(size=(8, 3, 5, 5)).astype(np.float32)
seen = ops.convolution(taken, ops.constant(weights), [1, 1], [0, 0], [0, 0], [1, 1])
net = openvino.Model([ops.softmax(ops.reduce_mean(seen, ops.constant(np.array([2, 3]))), 1)], [taken], "net")
options = {"preprocessing": "0..1"}
"""


def answered(script):
    """Run a script in a process of its own and return what it printed; it must neither fail nor hang."""
    code = PREAMBLE + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False])
def test_the_embedded_model_answers_in_a_child(asked):
    answered(f"check(seewhy.load_model(None), asked={asked})")


@pytest.mark.slow
def test_a_model_that_others_are_asking_answers_in_a_child():
    answered(
        """
        model, stopping = seewhy.load_model(None), threading.Event()
        def busy():
            while not stopping.is_set():
                ask(model)
        others = [threading.Thread(target=busy) for _ in range(2)]
        for one in others: one.start()
        try:
            for _ in range(3):
                check(model)
        finally:
            stopping.set()
            for one in others: one.join()
        """
    )


@pytest.mark.slow
def test_workers_of_a_pool_explain():
    answered(
        """
        import multiprocessing
        model = seewhy.load_model(None)
        photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        lime = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), n_samples=20)
        def explained(seed):
            return seewhy.explain(photo, model=model, method=lime, seed=seed, progress=False).values()
        here = explained(1)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            there = pool.map(explained, [1, 1, 2])
        np.testing.assert_array_equal(there[0], here)
        np.testing.assert_array_equal(there[1], here)
        """
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("needs", "making", "load"),
    [
        ("torch", TORCH, "net, **options"),
        ("onnxruntime", ONNX, "f'onnx:{path}', **options"),
        ("onnxruntime", ONNX, "__import__('onnxruntime').InferenceSession(path.read_bytes()), **options"),
        ("ai_edge_litert", TFLITE, "place, preprocessing='0..1'"),
        ("keras", KERAS, "net, **options"),
        ("openvino", OPENVINO, "net, **options"),
    ],
    ids=["torch", "onnx file", "onnx session", "tflite", "keras", "openvino"],
)
def test_models_of_each_framework_answer_in_a_child(needs, making, load):
    pytest.importorskip(needs, reason="its extra is not installed")
    answered(making + "".join(f"\ncheck(seewhy.load_model({load}, runtime={runtime!r}))" for runtime in RUNTIMES))


@pytest.mark.slow
def test_a_network_that_was_compiled_by_hand_answers_in_a_child():
    answered(OPENVINO + "\ncheck(seewhy.load_model(openvino.Core().compile_model(net, 'CPU'), **options))")


@pytest.mark.slow
def test_a_model_loaded_in_a_child_answers_there():
    pytest.importorskip("torch", reason="the extra torch is not installed")
    answered(
        TORCH
        + "\nnet(torch.rand(8, 3, 64, 64))\nassert in_a_child(lambda: ask(seewhy.load_model(net, **options))) == 0"
    )


@pytest.mark.slow
def test_a_session_of_unknown_content_says_so_at_once():
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    said = answered(
        ONNX
        + textwrap.dedent(
            """
            session = __import__("onnxruntime").InferenceSession(path)
            path.unlink()
            model = seewhy.load_model(session, **options)
            ask(model)
            assert in_a_child(lambda: ask(model)) == 3
            """
        )
    )
    assert "ModelError: onnx:session was loaded before this process was forked" in said


@pytest.mark.slow
def test_a_lock_is_free_in_a_child_whoever_held_it():
    answered(
        """
        from seewhy.core import forks
        lock, holding, done = forks.Lock(), threading.Event(), threading.Event()
        def hold():
            with lock:
                holding.set()
                done.wait()
        threading.Thread(target=hold, daemon=True).start()
        holding.wait()
        def child():
            with lock:
                pass
        assert in_a_child(child) == 0
        done.set()
        """
    )


@pytest.mark.slow
def test_a_fork_waits_for_what_is_computed_and_new_work_for_the_fork():
    answered(
        """
        from seewhy.core import forks
        inside, leave, log = threading.Event(), threading.Event(), []
        def work():
            with forks.working():
                inside.set()
                leave.wait()
                log.append("worked")
        one = threading.Thread(target=work)
        one.start()
        inside.wait()
        threading.Timer(0.3, leave.set).start()
        seen = in_a_child(lambda: os._exit(len(log)))
        assert seen == 1, seen
        one.join()
        with forks.working():
            with forks.working():
                assert in_a_child(lambda: None) == 0  # a thread does not wait for itself
        assert forks.generation() == 0
        assert in_a_child(lambda: os._exit(10 + forks.generation())) == 11
        """
    )


def test_this_process_is_the_first():
    assert forks.generation() == 0
    assert not forks.inherited("sys")
