"""Methods explain. One file each; ``METHODS`` lists them by name."""

from seewhy.methods.auto import Auto
from seewhy.methods.ensemble_lime import EnsembleLime
from seewhy.methods.lime import Lime
from seewhy.methods.rise import Rise

METHODS: dict[str, type[Lime] | type[Rise] | type[EnsembleLime] | type[Auto]] = {
    "lime": Lime,
    "rise": Rise,
    "ensemble-lime": EnsembleLime,
    "auto": Auto,
}
"""By name; ``auto`` chooses settings of another one for each photo."""

__all__ = ["METHODS", "Auto", "EnsembleLime", "Lime", "Rise"]
