"""Every error seewhy raises on purpose, each also its builtin kind.

    SeewhyError
    ├── InvalidInput (ValueError)     what was handed in breaks a stated rule
    │   └── ImageError                the picture cannot be read or used
    ├── ModelError (RuntimeError)     the model is missing, damaged or answered nonsense
    ├── FileError (ValueError)        a result or settings file cannot be read
    ├── Cancelled (RuntimeError)      a run was stopped before there was anything to explain
    └── MissingExtra (ImportError)    an optional library is not installed

A model's own exception keeps its type; seewhy only adds a note that says where it happened.
"""


class SeewhyError(Exception):
    """Base of every error raised on purpose."""


class InvalidInput(SeewhyError, ValueError):
    """An argument or setting breaks a stated rule."""


class ImageError(InvalidInput):
    """The picture is missing, broken, too large, or not a picture."""


class ModelError(SeewhyError, RuntimeError):
    """The model is missing or damaged, or answered something other than finite scores (B, K)."""


class FileError(SeewhyError, ValueError):
    """A result or settings file is missing, damaged, or of another version."""


class MissingExtra(SeewhyError, ImportError):
    """An optional library is needed and not installed."""


class Cancelled(SeewhyError, RuntimeError):
    """A run was cancelled before two samples were scored, so there is nothing to explain."""
