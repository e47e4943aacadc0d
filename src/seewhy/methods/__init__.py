"""Methods explain. One file each; ``METHODS`` lists them by name."""

from seewhy.methods.ensemble_lime import EnsembleLime
from seewhy.methods.lime import Lime
from seewhy.methods.rise import Rise

METHODS: dict[str, type[Lime] | type[Rise] | type[EnsembleLime]] = {
    "lime": Lime,
    "rise": Rise,
    "ensemble-lime": EnsembleLime,
}

__all__ = ["METHODS", "EnsembleLime", "Lime", "Rise"]
