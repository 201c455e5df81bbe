"""`iotjobs sandbox`, also as `python -m iotjobs.sandbox`: the embedded service is an optional extra."""

from __future__ import annotations

import signal
import sys

import click


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--scenario", default="fleet", show_default=True, help="The fleet to tell.")
@click.option("--port", type=int, default=None, help="The port on loopback; any free one by default.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def sandbox(scenario: str, port: int | None, command: tuple[str, ...]) -> None:
    """Run COMMAND against an embedded service with an aged fleet; without COMMAND stay up and print exports."""
    if not hasattr(signal, "SIGHUP"):
        raise click.ClickException(
            "the sandbox needs Linux or macOS, whose signals end it and what it started; on Windows use WSL. The "
            "notebooks and `iotjobs run` need no sandbox"
        )
    try:
        from iotjobs.sandbox import command as sandbox_command  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("iotjobs"):
            raise
        raise click.ClickException(
            f"the sandbox needs {error.name}: install the extra with `pip install 'iotjobs[sandbox]'`"
        ) from error
    sys.exit(sandbox_command.run(command, scenario, port))


if __name__ == "__main__":
    sandbox(prog_name="iotjobs sandbox")
