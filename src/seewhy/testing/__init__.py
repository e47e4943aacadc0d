"""What every part must do, as checks that your own tests can call: models, methods, metrics, segmentations, fills.

Each raises AssertionError with the first rule that is broken. seewhy's own parts pass the same checks.

>>> import seewhy
>>> from seewhy.testing import check_model
>>> check_model(seewhy.FunctionModel(lambda batch: batch.mean(axis=(1, 2)), input_size=8))
"""

from seewhy.testing.fills import check_fill
from seewhy.testing.methods import check_method
from seewhy.testing.metrics import check_metric
from seewhy.testing.models import check_model
from seewhy.testing.segmenters import check_segmenter

__all__ = ["check_fill", "check_method", "check_metric", "check_model", "check_segmenter"]
