"""Pictures for the planted model behind a server of the Open Inference Protocol, and how it is loaded and asked."""

import numpy as np
import pytest

from seewhy.core.errors import ModelError
from seewhy.models import load_model
from support.served_planted import HEIGHT, WIDTH

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'seewhy[http]'")
pytest.importorskip("orjson", reason="orjson is not installed: pip install 'seewhy[http]'")

RNG = np.random.default_rng(0)
PICTURES = RNG.random((5, HEIGHT, WIDTH, 3), dtype=np.float32)
NCHW = np.ascontiguousarray(PICTURES.transpose(0, 3, 1, 2))
PHOTO = RNG.integers(60, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def load(server, **options):
    return load_model(f"kserve:{server.url}", **{"preprocessing": "0..1", "head": "regression"} | options)


def ask(model, *batches):
    return list(model.stream(batches or [NCHW]))


def fails(model, *, error=ModelError):
    """Return the text of the failure."""
    with pytest.raises(error) as failure:
        ask(model)
    assert "\n" not in str(failure.value)
    return str(failure.value)
