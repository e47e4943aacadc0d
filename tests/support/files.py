"""Result files, opened by hand and closed again with something else inside."""

import hashlib
import json
from contextlib import suppress

import pytest
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

import seewhy
from seewhy.core.errors import FileError
from seewhy.sampling.samples import packed


class Files(dict):
    def __repr__(self):
        return "the bytes of two files"


def opened(data):
    """Return header and arrays of a result file."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["seewhy"])
    return header, read_tensors(data)


def closed(header, arrays):
    """Return a file of these, for which nobody can say that its coalitions are not those that were asked."""
    with suppress(LookupError, ValueError):
        asked = packed(arrays["bits"], arrays.get("shifts"), arrays.get("parts"))
        if "asked" in header:
            header = header | {"asked": hashlib.sha256(asked.tobytes()).hexdigest()}
    return write_tensors(arrays, metadata={"seewhy": json.dumps(header)})


def check_refused(tmp_path, data):
    path = tmp_path / "damaged.seewhy"
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"damaged\.seewhy") as caught:
        seewhy.load(path)
    assert "\n" not in str(caught.value)
