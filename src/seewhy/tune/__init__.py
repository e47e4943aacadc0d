"""Settings found for photos and a model, with the reason, and a score that they were not chosen on.

>>> from seewhy.tune import tune
>>> found = tune("photo.jpg", calls=5000)  # doctest: +SKIP
"""

from seewhy.tune.facts import Setting
from seewhy.tune.result import Tuning
from seewhy.tune.tuning import tune

__all__ = ["Setting", "Tuning", "tune"]
