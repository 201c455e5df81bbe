"""iotjobs: find out why AWS IoT job executions are stuck, and clean up without hurting a device.

This is the public face: notebooks import from here alone.
"""

from iotjobs.deletion.restore import removed
from iotjobs.fleet.workflow import FleetSweep, fleet, fleet_sweep
from iotjobs.run.run import Run, start
from iotjobs.ui import (
    banner,
    delete_panel,
    estate,
    explore,
    fleet_report,
    sweep_panel,
    sweep_report,
    what_changed,
    what_to_do,
)
from iotjobs.workflows.delete import delete_job_execution
from iotjobs.workflows.investigate import Findings, investigate
from iotjobs.workflows.sweep import Sweep, sweep

__all__ = [
    "Findings",
    "FleetSweep",
    "Run",
    "Sweep",
    "banner",
    "delete_job_execution",
    "delete_panel",
    "estate",
    "explore",
    "fleet",
    "fleet_report",
    "fleet_sweep",
    "investigate",
    "removed",
    "start",
    "sweep",
    "sweep_panel",
    "sweep_report",
    "what_changed",
    "what_to_do",
]
