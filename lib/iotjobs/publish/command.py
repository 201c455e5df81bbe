"""`iotjobs publish` and `iotjobs prune`: what a schedule does with runs that have ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iotjobs.errors import InvalidInput, IotJobsError, Refused
from iotjobs.model import Outcome
from iotjobs.run.process import echo

if TYPE_CHECKING:
    from iotjobs.aws.connection import Connection


@click.command()
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--when", metavar="OUTCOMES", help="Only for these outcomes, comma-separated: denied,error,partial.")
@click.option("--command", "commands", multiple=True, help="Run this, with the summary as JSON on its standard input.")
@click.option("--webhook", "webhooks", multiple=True, envvar="IOTJOBS_WEBHOOK", help="Post the summary as JSON here.")
@click.option("--sns-topic", "topics", multiple=True, metavar="ARN", help="Publish the summary to this SNS topic.")
@click.option("--prometheus", type=click.Path(dir_okay=False, path_type=Path), help="Write a Prometheus text file.")
@click.option("--emf", is_flag=True, help="Print the figures in CloudWatch's embedded metric format.")
@click.option("--s3", metavar="URI", help="Copy the run directory below s3://BUCKET/PREFIX.")
@click.option("--profile", help="Profile of your AWS configuration, for SNS and S3.")
@click.option("--region", help="AWS region, for SNS and S3.")
def publish(
    run_dir: Path,
    *,
    when: str | None,
    commands: tuple[str, ...],
    webhooks: tuple[str, ...],
    topics: tuple[str, ...],
    prometheus: Path | None,
    emf: bool,
    s3: str | None,
    profile: str | None,
    region: str | None,
) -> None:
    """Tell how the run in RUN_DIR ended: notify, measure, copy away.

    The summary has the outcome, the reason and the counts; no parameter, path or credential. Each way is tried, also
    when another fails; exits 1 when one failed.
    """
    from iotjobs.publish import archive, metrics, notify  # noqa: PLC0415 - slow to import
    from iotjobs.publish.summary import read_summary  # noqa: PLC0415

    if s3 is not None:
        archive.split(s3)
    outcomes = _outcomes(when)
    summary = read_summary(run_dir)
    ways: list[Callable[[], object]] = []
    if prometheus is not None:  # figures are of every run, or a gauge would tell of an older one
        ways.append(lambda: metrics.write_prometheus(summary, prometheus))
    if emf:
        ways.append(lambda: click.echo(metrics.embedded_metrics(summary)))
    if summary.outcome in outcomes:
        ways += [lambda command=command: notify.run_command(summary, command) for command in commands]  # type: ignore[misc]
        ways += [lambda url=url: notify.post(summary, url) for url in webhooks]  # type: ignore[misc]
        ways += [
            lambda topic=topic: _connect(profile, region).publish_message(  # type: ignore[misc]
                topic, subject=f"iotjobs {summary.notebook}: {summary.outcome}", message=str(summary)
            )
            for topic in topics
        ]
    if s3 is not None:
        ways.append(lambda: archive.copy_to_s3(_connect(profile, region), run_dir, s3))
    failed = [error for way in ways if (error := _tried(way)) is not None]
    for error in failed:
        echo(f"{type(error).__name__}: {error}", err=True)
    if failed:
        sys.exit(Outcome.ERROR.exit_code)


def _tried(way: Callable[[], object]) -> IotJobsError | None:
    try:
        way()
    except IotJobsError as error:
        return error
    return None


def _connect(profile: str | None, region: str | None) -> Connection:
    from iotjobs.aws.connect import connect  # noqa: PLC0415 - slow to import

    return connect(profile=profile, region=region)


def _outcomes(when: str | None) -> set[str]:
    if when is None:
        return {outcome.value for outcome in Outcome}
    events = {part.strip() for part in when.split(",") if part.strip()}
    unknown = sorted(events - {outcome.value for outcome in Outcome})
    if unknown or not events:
        raise InvalidInput(f"--when has {', '.join(unknown) or 'nothing'}; there are {', '.join(Outcome)}")
    return events


@click.command()
@click.argument("runs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--keep", required=True, metavar="DURATION", help="Keep what ended since: 30d, 24h.")
@click.option("--dry-run", is_flag=True, help="Only name what would be removed.")
def prune(runs: Path, *, keep: str, dry_run: bool) -> None:
    """Remove the run directories below RUNS that ended longer than --keep ago; anything else is left alone.

    So is one that a run is at work in.
    """
    from iotjobs import parameter_values  # noqa: PLC0415 - slow to import
    from iotjobs.publish.retention import old_runs, remove  # noqa: PLC0415

    age, now = parameter_values.duration(keep, name="keep"), datetime.now(UTC)
    for path in old_runs(runs, keep=age, now=now):
        if not dry_run:
            try:
                remove(path, keep=age, now=now)
            except Refused as error:
                echo(f"left alone: {error}", err=True)
                continue
            except OSError as error:
                raise IotJobsError(f"{path} cannot be removed: {error}") from error
        echo(str(path))
