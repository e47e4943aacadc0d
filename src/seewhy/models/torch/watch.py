"""Whether a torch module still has the weights that it was loaded with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from seewhy.core.errors import ModelError
from seewhy.models.extras import need

_LOOKED_AT = 64
"""Numbers of a tensor, at least, that are compared; or all, where it has fewer."""
_own: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""Buffers that a module writes itself, whichever of its models asked it."""


class Watch:
    """Notices weights that are written, replaced, moved or cast after a model was made of their module.

    Torch counts the writes to a tensor, but not those through ``.data``; numbers spread over each tensor are therefore
    compared too. What a module itself writes while it is asked, such as a count of calls, is let be and watched no
    longer.

    Parameters
    ----------
    module
        As it is loaded.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._known = _state(module)
        self._own = _own.setdefault(module, set())
        self._tried = False
        self._buffers = {name for name, _ in module.named_buffers()}

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Hold the weights against those that were loaded, before and after the module is asked.

        Raises
        ------
        ModelError
            They are others: what was compiled of them, and their hash, are of another network.
        """
        self._check(_state(self._module))
        try:
            yield
        finally:
            now = _state(self._module)
            buffers = {name for name, _ in self._module.named_buffers()} | self._buffers
            # When it is first tried nobody else is at work: what changes then, weights that it normalizes itself
            # among them, is its own.
            self._own.update(name for name in self._changed(now) if name in buffers or not self._tried)
            self._tried = True
        self._check(now)

    def _changed(self, now: dict[str, tuple[object, ...]]) -> list[str]:
        changed = [name for name in {**self._known, **now} if self._known.get(name) != now.get(name)]
        return [name for name in changed if name not in self._own]

    def _check(self, now: dict[str, tuple[object, ...]]) -> None:
        if changed := self._changed(now):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            module = getattr(self._module, "_orig_mod", self._module)  # of a compiled one
            raise ModelError(
                (
                    f"the weights of {type(module).__name__} changed since the model was loaded: {changed[0]}"
                    f"{more}; load the model again"
                ),
                setting="model",
                rule="keep its weights",
                value=changed[0],
            )


def _state(module: Any) -> dict[str, tuple[object, ...]]:
    """Return what tells a module's tensors from others, by name."""
    held = [*module.named_parameters(), *module.named_buffers()]
    torch = need("torch", "torch")
    plain = {torch.Tensor, torch.nn.Parameter}
    numbers = _numbers({name: one for name, one in held if type(one) in plain and _has_numbers(one, torch)})
    return {
        name: (
            None if one.is_inference() else one._version,  # noqa: SLF001  # there is no other way to see it
            tuple(one.shape),
            one.dtype,
            one.device,
            numbers.get(name),
        )
        for name, one in held
    }


def _has_numbers(held: Any, torch: Any) -> bool:
    return held.layout == torch.strided and not held.is_quantized and held.numel() > 0


def _numbers(held: dict[str, Any]) -> dict[str, bytes]:
    """Return a few numbers of each tensor, fetched from a device all at once."""
    torch = need("torch", "torch")
    alike: dict[object, dict[str, Any]] = defaultdict(dict)
    for name, one in held.items():
        alike[one.device, one.dtype][name] = _spread(one.detach())
    found = {}
    for group in alike.values():
        fetched = torch.cat([*group.values()]).cpu().view(torch.uint8).numpy()
        place = 0
        for name, part in group.items():
            size = part.numel() * part.element_size()
            found[name] = fetched[place : place + size].tobytes()
            place += size
    return found


def _spread(held: Any) -> Any:
    """Return numbers from all over a tensor, in the order of memory, whatever its layout."""
    extent = 1 + sum((length - 1) * stride for length, stride in zip(held.shape, held.stride(), strict=True))
    step = max(1, extent // _LOOKED_AT)
    return held.as_strided(((extent - 1) // step + 1,), (step,))
