"""The model that a text on the command line names."""

from __future__ import annotations

import sys
from pathlib import Path

from seewhy.models import load_model
from seewhy.protocols import Model


def named_model(name: str | None) -> Model:
    """Load a model by name; a Python module may also lie in the folder one stands in."""
    here = str(Path.cwd())
    if name is not None and name.startswith("py:") and here not in sys.path:
        sys.path.append(here)  # last, so that nothing installed is hidden
    return load_model(name)
