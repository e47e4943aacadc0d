"""Methods explain. One file each; ``METHODS`` lists them by name."""

from seewhy.methods.lime import Lime
from seewhy.methods.rise import Rise

METHODS: dict[str, type[Lime] | type[Rise]] = {"lime": Lime, "rise": Rise}

__all__ = ["METHODS", "Lime", "Rise"]
