"""The kit from a shell and from a scheduler. Imports what is slow where it is used, so that `--help` is quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

import iotjobs
from iotjobs import logs
from iotjobs.errors import IotJobsError
from iotjobs.model import Outcome
from iotjobs.parameter_values import Parameter
from iotjobs.publish.command import prune, publish
from iotjobs.run import notebooks as kit
from iotjobs.run.process import echo, ending_is_an_interrupt, flush_or_drop, open_closed_streams
from iotjobs.sandbox.__main__ import sandbox

_LAB_FOLDER = Path("iotjobs-notebooks")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="iotjobs", prog_name="iotjobs", version=iotjobs.__version__)
@click.option("--verbose", is_flag=True, help="Say on stderr what is done: each call, and how a run ended.")
def cli(*, verbose: bool) -> None:
    """Find out why AWS IoT job executions are stuck, and clean up without hurting a device."""
    if verbose:
        os.environ[logs.VARIABLE] = "1"
        logs.show_if_asked()


class _Notebook(click.Command):
    """One notebook's command: of `--force` and `--no-force` only one can be meant, as in the AWS CLI."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        for option in self.params:
            both = [*option.opts, *option.secondary_opts]
            if option.secondary_opts and set(both) <= set(arguments):
                raise click.UsageError(f"{' and '.join(both)}: only one of them can be meant", context)
        return super().parse_args(context, arguments)


class _Notebooks(click.Group):
    """`iotjobs run NOTEBOOK`: each notebook is a command, its options are the notebook's parameters."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(kit.notebooks())

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        path = kit.find(name)
        if path is None:
            listed = ", ".join(sorted(kit.notebooks()))
            raise click.UsageError(f"there is no notebook {name!r}; there are {listed}")
        options: list[click.Parameter] = [_option(parameter) for parameter in kit.parameters_of(path)]

        def run(**values: Any) -> None:
            from iotjobs.run import notebook_runner  # noqa: PLC0415 - slow to import

            options = {name: value for name, value in values.items() if value is not None}
            sys.exit(notebook_runner.run(path, options))

        return _Notebook(
            path.stem,
            params=options,
            callback=run,
            help=f"{kit.title(path)}: run {path.name} with papermill; its options are the notebook's parameters.",
            short_help=kit.title(path),
        )


cli.add_command(_Notebooks("run", help="Run one notebook headlessly, as a runbook."))


@cli.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path), required=False)
def report(notebook: Path, out: Path | None) -> None:
    """Make one HTML page of an executed NOTEBOOK, without code and for reading offline; beside it by default.

    Its head is that of the `result.json` that lies beside the notebook.
    """
    from iotjobs.run.files import last_result  # noqa: PLC0415 - slow to import
    from iotjobs.run.report import write_report  # noqa: PLC0415

    target = out or notebook.with_suffix(".html")
    try:
        result = last_result(notebook.parent)  # of another notebook it says nothing about this one
        write_report(notebook, target, result if result.get("notebook") == notebook.stem else None)
    except (OSError, ValueError, AttributeError) as error:  # nbformat's errors of what is no notebook are these
        raise click.ClickException(f"{notebook} cannot be made a report: {error}") from error
    echo(str(target))


@cli.command()
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where to; RUN_DIR/restore by default.")
@click.option("--also-ended", is_flag=True, help="Queue again what had ended as well: its devices do it once more.")
def restore(run_dir: Path, out: Path | None, *, also_ended: bool) -> None:
    """Show what the run in RUN_DIR removed or cancelled, and write the create-job requests that queue it again.

    Creates nothing and asks nothing of AWS. Exits 3 when something that was waiting is in no request.
    """
    from iotjobs.deletion.restore import restoration  # noqa: PLC0415 - slow to import

    requests = restoration(run_dir, out=out, also_ended=also_ended)
    echo(repr(requests))
    sys.exit(0 if requests.complete else Outcome.PARTIAL.exit_code)


@cli.command("notebooks")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def copy_notebooks(folder: Path) -> None:
    """Put copies of the kit's notebooks into DIR, for a hub, a scheduler or your own changes."""
    for copy in kit.copy_to(folder):
        echo(str(copy))


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--sandbox", "in_sandbox", is_flag=True, help="On the embedded service with its made-up fleet.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[JUPYTERLAB OPTIONS]")
def lab(*, in_sandbox: bool, options: tuple[str, ...]) -> None:
    """Open JupyterLab on the kit's notebooks; installed from a wheel, on copies in ./iotjobs-notebooks."""
    folder = kit.FOLDER.resolve()
    if not kit.FOLDER.is_symlink():  # what is installed is nobody's to change
        folder = _LAB_FOLDER.resolve()
        if not folder.is_dir():
            kit.copy_to(folder)
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}"]
    command += [f"--LabApp.default_url=/lab/tree/{kit.START}"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *options]
    if in_sandbox:
        command = [sys.executable, "-m", "iotjobs.sandbox", "--", *command]
    sys.exit(subprocess.run(command, check=False).returncode)


cli.add_command(publish)
cli.add_command(prune)
cli.add_command(sandbox)


def main() -> None:
    """The entry point: usage errors exit 2, and a usage error of a run is on record where `--run-dir` says."""
    open_closed_streams()
    sys.exit(flush_or_drop(_exit_code))


def _exit_code() -> int:
    try:
        with ending_is_an_interrupt():
            cli.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _early_end(Outcome.INTERRUPTED, "the run was stopped before it began", Outcome.INTERRUPTED.exit_code)
    except click.ClickException as error:
        echo(f"Error: {error.format_message()}", err=True)
        if isinstance(error, click.UsageError) and error.ctx is not None:
            echo(f"Try '{error.ctx.command_path} --help'.", err=True)
        return _early_end(Outcome.INVALID, error.format_message(), error.exit_code)
    except IotJobsError as error:
        echo(f"{type(error).__name__}: {error}", err=True)
        return error.outcome.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0


def _early_end(outcome: Outcome, why: str, exit_code: int) -> int:
    from iotjobs.run import notebook_runner  # noqa: PLC0415 - slow to import

    notebook_runner.record_early_end(sys.argv[1:], outcome, why)
    return exit_code


def _option(parameter: Parameter) -> click.Option:
    name = parameter.name.replace("_", "-")
    default = "" if parameter.default is None else f" [default: {parameter.default}]"
    words = parameter.help + default
    if parameter.type is bool:
        return click.Option([f"--{name}/--no-{name}", parameter.name], default=None, help=words)
    bare: dict[str, Any] = {} if parameter.bare is None else {"is_flag": False, "flag_value": parameter.bare}
    metavar = {int: "INTEGER", float: "NUMBER"}.get(parameter.type, "TEXT")
    return click.Option([f"--{name}", parameter.name], default=None, help=words, metavar=metavar, **bare)


if __name__ == "__main__":
    main()
