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

from __future__ import annotations

from typing import Self

from seewhy.core.masking import masked
from seewhy.core.text import clean, shortened, shown


class SeewhyError(Exception):
    """Base of every error raised on purpose.

    The sentence may change between versions; programs and tests should use the attributes.

    Attributes
    ----------
    setting
        The setting or file, such as ``Lime.n_samples`` or a path; None if the error is about several.
    rule
        The rule, such as ``be at least 2``; None if the sentence contains it.
    value
        The value that breaks the rule, if there is one.
    """

    def __init__(
        self, message: str = "", *, setting: str | None = None, rule: str | None = None, value: object = None
    ) -> None:
        super().__init__(shortened(masked(clean(message, keep="\n"))))  # masked before it is cut
        self.setting = None if setting is None else masked(setting)
        self.rule = rule
        self.value = masked(value) if isinstance(value, str) else value

    @classmethod
    def of(cls, setting: str, rule: str, value: object, advice: str = "") -> Self:
        """Return the usual error: "``setting`` must ``rule``, got ``value``; ``advice``"."""
        ending = f"; {advice}" if advice else ""
        return cls(f"{setting} must {rule}, got {shown(value)}{ending}", setting=setting, rule=rule, value=value)


class InvalidInput(SeewhyError, ValueError):
    """An argument or setting breaks a stated rule."""


class ImageError(InvalidInput):
    """The photo is missing, damaged, too large, or not an image."""


class ModelError(SeewhyError, RuntimeError):
    """The model is missing or damaged, or did not return finite scores (B, K)."""


class FileError(SeewhyError, ValueError):
    """A result or settings file is missing, damaged, or of another version."""


class MissingExtra(SeewhyError, ImportError):
    """An optional library is needed and not installed."""


class Cancelled(SeewhyError, RuntimeError):
    """A run was cancelled before two samples were evaluated, so there is no explanation."""
