"""The command line: flags in, the front door's answer out. No defaults of its own."""

from __future__ import annotations

import sys
import traceback

import click

from seewhy._version import __version__

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done, failure, wrong usage or input, stopped by Ctrl-C."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="seewhy")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(*, debug: bool) -> None:
    """Show which regions of a photo made an image classifier decide."""
    del debug


def _commands() -> None:
    from seewhy.cli.explain import explain
    from seewhy.cli.show import methods, models, segments

    for command in (explain, segments, models, methods):
        app.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    try:
        _commands()
        # --debug is accepted anywhere, since it is added when something has just gone wrong.
        code = app.main([a for a in given if a != "--debug"], prog_name="seewhy", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        sys.stderr.close()
        sys.exit(DONE)
    except Exception as error:  # noqa: BLE001  # the last place an error can become one line
        sys.exit(report(error, debug=debug))
    sys.exit(code if isinstance(code, int) else DONE)


def report(error: Exception, *, debug: bool, place: str = "") -> int:
    """Print an error as one line on stderr, or with its traceback, and return the exit code."""
    from seewhy.errors import FileError, InvalidInput

    if debug:
        traceback.print_exception(error)
    known = isinstance(error, InvalidInput | FileError)
    kind = "" if type(error).__module__.startswith("seewhy") else f"{type(error).__name__}: "
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
    text = " ".join(f"{kind}{error}{notes}".split())
    click.echo(f"error: {place}{text}" + ("" if known or debug else " (--debug shows more)"), err=True)
    return WRONG if known else FAILED
