"""`iotjobs run`, `report`, `restore` and `sandbox`: the kit from a shell and from a scheduler."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from iotjobs.errors import IotJobsError
from iotjobs.model import Outcome
from iotjobs.run import notebook_runner as runbook
from iotjobs.run.report import heading, write_report
from iotjobs.sandbox.__main__ import sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Find out why AWS IoT job executions are stuck, and clean up without hurting a device."""


class _Notebook(click.Command):
    """One notebook's command: of `--force` and `--no-force` only one can be meant, as in the AWS CLI."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        for option in self.params:
            both = [*option.opts, *option.secondary_opts]
            if option.secondary_opts and set(both) <= set(arguments):
                raise click.UsageError(f"{' and '.join(both)}: only one of them can be meant", context)
        return super().parse_args(context, arguments)


class _Notebooks(click.Group):
    """`iotjobs run NOTEBOOK`: each notebook is a command, its options read from its own parameters cell."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(runbook.notebooks())

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        path = runbook.find(name)
        if path is None:
            there = ", ".join(sorted(runbook.notebooks())) or "none beside the package: give the path of an .ipynb"
            raise click.UsageError(f"there is no notebook {name!r}; there are {there}")
        options: list[click.Parameter] = [_option(parameter) for parameter in runbook.parameters_of(path)]

        def run(**given: Any) -> None:
            meant = {name: value for name, value in given.items() if value is not None}
            sys.exit(runbook.run(path, meant))

        return _Notebook(
            path.stem,
            params=options,
            callback=run,
            help=f"{heading(path)}: run {path.name} with papermill; its options are the notebook's parameters.",
            short_help=heading(path),
        )


cli.add_command(_Notebooks("run", help="Run one notebook headlessly, as a runbook."))


@cli.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path), required=False)
def report(notebook: Path, out: Path | None) -> None:
    """Make one HTML page of an executed NOTEBOOK, without code and for reading offline; beside it by default."""
    target = out or notebook.with_suffix(".html")
    try:
        write_report(notebook, target)
    except (OSError, ValueError, AttributeError) as error:  # nbformat's errors of what is no notebook are these
        raise click.ClickException(f"{notebook} cannot be made a report: {error}") from error
    click.echo(str(target))


@cli.command()
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where to; RUN_DIR/restore by default.")
@click.option("--also-ended", is_flag=True, help="Queue again what had ended as well: its devices do it once more.")
def restore(run_dir: Path, out: Path | None, *, also_ended: bool) -> None:
    """Show what the run in RUN_DIR removed, and write the create-job requests that queue it again.

    Creates nothing and asks nothing of AWS. Exits 3 when something that was waiting is in no request.
    """
    from iotjobs.deletion.restore import restoration  # noqa: PLC0415 - slow to import

    found = restoration(run_dir, out=out, also_ended=also_ended)
    click.echo(repr(found))
    sys.exit(0 if found.complete else Outcome.PARTIAL.exit_code)


cli.add_command(sandbox)


def main() -> None:
    """The entry point: usage errors exit 2, and a usage error of a run is on record where `--run-dir` says."""
    try:
        with runbook.ending_is_an_interrupt():
            cli.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        runbook.record_early_end(sys.argv[1:], Outcome.INTERRUPTED, "the run was stopped before it began")
        sys.exit(Outcome.INTERRUPTED.exit_code)
    except click.ClickException as error:
        error.show()
        runbook.record_early_end(sys.argv[1:], Outcome.INVALID, error.format_message())
        sys.exit(error.exit_code)
    except IotJobsError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(error.outcome.exit_code)


def _whole_number(value: str) -> int | str:
    """A whole number as one; anything else goes on as text, so that the notebook itself says what is wrong."""
    return int(value) if re.fullmatch(r"-?[0-9]{1,30}", value) else value


def _number(value: str) -> float | str:
    """A plain number as one; anything else goes on as text, so that the notebook itself says what is wrong."""
    return float(value) if re.fullmatch(r"[0-9]*\.?[0-9]+", value) else value


def _option(parameter: runbook.Parameter) -> click.Option:
    name = parameter.name.replace("_", "-")
    shown = "" if parameter.default == "None" else f" [default: {parameter.default.strip(chr(34))}]"
    if parameter.type_name == "bool":
        flags = [f"--{name}/--no-{name}", parameter.name]
        return click.Option(flags, default=None, help=parameter.comment + shown)
    more = dict(_TYPES.get(parameter.type_name, {}))
    if parameter.bare_value is not None:
        more |= {"is_flag": False, "flag_value": parameter.bare_value}
    return click.Option([f"--{name}", parameter.name], default=None, help=parameter.comment + shown, **more)


_TYPES: dict[str, dict[str, Any]] = {
    "int": {"type": _whole_number, "metavar": "INTEGER"},
    "float": {"type": _number, "metavar": "NUMBER"},
}


if __name__ == "__main__":
    main()
