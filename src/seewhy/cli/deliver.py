"""What a command does with an explanation: save it, then draw it, then print it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

from seewhy.cli import signals
from seewhy.cli.exit import DONE, report
from seewhy.cli.output import emit
from seewhy.cli.terminal import say
from seewhy.cli.writer import Wanted, Writer, Written
from seewhy.core.types import JsonObject
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.smallest import SmallestRegion
from seewhy.render.display import Display

Smallest = Mapping[int, SmallestRegion]


@dataclass(frozen=True)
class Delivery:
    """How results are written and printed."""

    writer: Writer
    asked: JsonObject
    display: Display
    wanted: Wanted
    as_json: bool
    quiet: bool
    debug: bool = False

    def give(
        self,
        photo: str,
        explanation: Explanation,
        *,
        before: float = 0.0,
        later: bool = False,
        smallest: Callable[[Explanation], Smallest] | None = None,
    ) -> int:
        """Write and print one explanation and return the exit code.

        Once the result is saved, nothing that goes wrong costs what the model answered.

        Parameters
        ----------
        photo
            As the writer knows it.
        explanation
            What was found.
        before
            Seconds spent on it that it does not count itself.
        later
            Whether others were printed before it.
        smallest
            Asks the model for the smallest regions.
        """
        started = perf_counter()
        try:
            written = self.writer.save(photo, explanation, self.asked, self.display)
        except Exception as error:  # noqa: BLE001  # the answer can be shown nevertheless
            written = Written("", faults=[error])
        found: Smallest = {}
        try:
            if smallest is not None:
                found = self._smallest(explanation, smallest, written)
            if written.name:
                self.writer.draw(written, explanation, self.display, self.wanted, found)
        finally:  # after Ctrl-C too
            seconds = (explanation.seconds or 0.0) + before + perf_counter() - started
            explanation = replace(explanation, seconds=seconds)
            self._show(photo, explanation, written, found, later=later)
        code = DONE if explanation.complete else signals.exit_code()
        return max(code, self._fault(photo, written))

    @staticmethod
    def _smallest(explanation: Explanation, ask: Callable[[Explanation], Smallest], written: Written) -> Smallest:
        try:
            return ask(explanation)
        except Exception as error:  # noqa: BLE001  # a model that fails now has answered before
            written.faults.append(error)
            return {}

    def _show(self, photo: str, explanation: Explanation, written: Written, smallest: Smallest, *, later: bool) -> None:
        emit(
            explanation,
            written.files,
            self.display,
            as_json=self.as_json,
            quiet=self.quiet,
            later=later,
            smallest=smallest,
            notes=written.notes,
        )
        if self.quiet and not self.as_json:
            for note in written.notes:
                say(f"note: {note}", err=True)
            if not explanation.complete:
                say(
                    f"interrupted; {photo}: the partial result is in {written.files[0]}"
                    if written.files
                    else "interrupted",
                    err=True,
                )

    def _fault(self, photo: str, written: Written) -> int:
        """Say in one line what could not be written or drawn, and that the result is safe."""
        if not written.faults:
            return DONE
        first = written.faults[0]
        if len(written.faults) > 1:
            first.add_note(f"{len(written.faults) - 1} more files could not be written")
        if written.files:
            first.add_note(f"the result is in {written.files[0]}")
        return report(first, debug=self.debug, place="" if str(first).startswith(photo) else f"{photo}: ")
