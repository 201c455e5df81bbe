"""iotjobs: find out why AWS IoT job executions are stuck, and clean up without hurting a device.

This is the public face: notebooks import from here alone. Each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.run.start import start
    from iotjobs.targets.workflow import FleetSweep, fleet, fleet_sweep
    from iotjobs.ui.banner import banner
    from iotjobs.ui.changes_view import what_changed
    from iotjobs.ui.delete_panel import delete_panel
    from iotjobs.ui.deletion_view import deletion_report
    from iotjobs.ui.fleet_overview import fleet_overview
    from iotjobs.ui.fleet_report import fleet_report
    from iotjobs.ui.prevention_view import prevention
    from iotjobs.ui.restoration_view import removed
    from iotjobs.ui.screens import explore, investigate
    from iotjobs.ui.steps_view import what_to_do
    from iotjobs.ui.sweep_panel import sweep_panel
    from iotjobs.ui.sweep_view import sweep_report
    from iotjobs.workflows.delete import cancel_job_execution, delete_job_execution
    from iotjobs.workflows.investigate import Findings
    from iotjobs.workflows.sweep import Sweep, sweep

__all__ = [
    "Findings",
    "FleetSweep",
    "Run",
    "Sweep",
    "banner",
    "cancel_job_execution",
    "delete_job_execution",
    "delete_panel",
    "deletion_report",
    "explore",
    "fleet",
    "fleet_overview",
    "fleet_report",
    "fleet_sweep",
    "investigate",
    "prevention",
    "removed",
    "start",
    "sweep",
    "sweep_panel",
    "sweep_report",
    "what_changed",
    "what_to_do",
]

__version__ = metadata.version("iotjobs")

#: Where a name lies; the views, all that is not named here, are in `ui`.
_MODULES = {
    "FleetSweep": "iotjobs.targets.workflow",
    "Findings": "iotjobs.workflows.investigate",
    "Run": "iotjobs.run.run",
    "Sweep": "iotjobs.workflows.sweep",
    "cancel_job_execution": "iotjobs.workflows.delete",
    "delete_job_execution": "iotjobs.workflows.delete",
    "fleet": "iotjobs.targets.workflow",
    "fleet_sweep": "iotjobs.targets.workflow",
    "start": "iotjobs.run.start",
    "sweep": "iotjobs.workflows.sweep",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES.get(name, "iotjobs.ui")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
