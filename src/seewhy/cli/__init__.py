"""The command line: flags in, the front door's answer out. No defaults of its own."""

from __future__ import annotations

import io
import os
import sys

import click

from seewhy._version import __version__
from seewhy.cli import signals
from seewhy.cli.exit import DONE, WRONG, report
from seewhy.cli.terminal import say
from seewhy.cli.usage import usage


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="seewhy")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(*, debug: bool) -> None:
    """Show which regions of a photo made an image classifier decide."""
    del debug


def _commands() -> None:
    from seewhy.cli.again import compare, refit, resume
    from seewhy.cli.check import check
    from seewhy.cli.evaluate import evaluate
    from seewhy.cli.explain import explain
    from seewhy.cli.info import info
    from seewhy.cli.reporting import report as report_
    from seewhy.cli.show import methods, models, segments
    from seewhy.cli.study import study
    from seewhy.cli.sweep import sweep
    from seewhy.cli.tune import tune

    for command in (
        explain,
        refit,
        resume,
        compare,
        report_,
        check,
        evaluate,
        tune,
        study,
        sweep,
        segments,
        models,
        methods,
        info,
    ):
        app.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest, debug = _without_debug(given)
    _print_anything()
    os.environ["MPLBACKEND"] = "agg"  # figures go to files here, whatever a notebook has left in the environment
    try:
        _commands()
        with signals.handled():
            code = app.main(rest, prog_name="seewhy", standalone_mode=False, obj=debug)
    except (click.exceptions.Abort, KeyboardInterrupt):
        say("interrupted", err=True)
        sys.exit(signals.exit_code())
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(WRONG)
    except click.ClickException as error:
        say(usage(error, rest, app.commands), err=True)
        sys.exit(WRONG)
    except Exception as error:  # noqa: BLE001  # the last place an error can become one line
        sys.exit(report(error, debug=debug))
    sys.exit(code if isinstance(code, int) else DONE)


def _without_debug(given: list[str]) -> tuple[list[str], bool]:
    """Take ``--debug`` out: it is accepted anywhere, since it is added when something has just gone wrong."""
    end = given.index("--") if "--" in given else len(given)
    rest = [word for word in given[:end] if word != "--debug"]
    return rest + given[end:], len(rest) < end


def _print_anything() -> None:
    """Names may hold what the terminal's encoding does not; they must not stop the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
