"""A torchvision that was not built for the torch beside it: whatever needs it says so, and what to install."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from seewhy.models.torch.builds import misfit
from support.huggingface_nets import resnet, saved

SIGN = "operator torchvision::nms does not exist"
PROCESS = f"""
import importlib.abc, importlib.machinery, sys
import seewhy

class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name == "torchvision" else None

    def exec_module(self, module):
        raise RuntimeError({SIGN!r})

sys.meta_path.insert(0, Broken())
for name in sys.argv[1:]:
    try:
        seewhy.load_model(name, runtime="native")
    except seewhy.SeewhyError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("offline_hub", "torchvision_operators")
def test_every_library_that_needs_torchvision_says_that_it_does_not_fit(tmp_path):
    for library in ("torchvision", "timm"):
        if find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    names = ["torchvision:resnet18:none", "timm:resnet18:none", saved(tmp_path, resnet())]
    done = subprocess.run([sys.executable, "-c", PROCESS, *names], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(names)
    for line in lines:
        assert line.startswith("MissingExtra torchvision ")
        assert f"do not fit together: they come from different builds or versions ({SIGN})" in line
        assert line.endswith("pip install --force-reinstall torch torchvision")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (RuntimeError(SIGN), True),
        (OSError("libc10.so: undefined symbol, wanted by torchvision/_C.so"), True),
        (AttributeError("partially initialized module 'torchvision' has no attribute 'extension'"), True),
        (ModuleNotFoundError("No module named 'torchvision'"), False),
        (RuntimeError("out of memory"), False),
    ],
)
def test_it_is_told_from_other_errors_also_behind_them(error, found):
    outer = ImportError("Could not import module 'AutoImageProcessor'")
    assert (misfit(error) is not None) is found
    outer.__cause__ = error
    assert (misfit(outer) is not None) is found
