"""The arguments of a benchmark: its own, and ``--smoke``, which shows that all its parts work and measures nothing."""

from __future__ import annotations

import argparse
from typing import Any


class Arguments(argparse.ArgumentParser):
    """A parser whose ``--smoke`` replaces the defaults; what is named beside it stays as it is given.

    ``tiny``: the values under ``--smoke``, by name of the argument. They let the script end within seconds, on inputs
    that it makes itself.
    """

    def __init__(self, description: str | None, **tiny: object) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.tiny = tiny
        self.add_argument("--smoke", action="store_true", help="tiny inputs: everything runs, nothing is measured")

    def parse_args(self, args: Any = None, namespace: Any = None) -> argparse.Namespace:
        """Return the arguments, with the tiny values where ``--smoke`` is given."""
        asked = super().parse_args(args, namespace)
        if not asked.smoke:
            return asked
        unknown = sorted(set(self.tiny) - set(vars(asked)))
        if unknown:
            raise ValueError(f"tiny values must be of arguments, got {', '.join(unknown)}")
        self.set_defaults(**self.tiny)
        return super().parse_args(args, namespace)
