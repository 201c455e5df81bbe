"""The person's end: views of plain values. Knows widgets, knows no AWS, and never fetches."""

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

__all__ = [
    "banner",
    "delete_panel",
    "deletion_report",
    "explore",
    "fleet_overview",
    "fleet_report",
    "investigate",
    "prevention",
    "removed",
    "sweep_panel",
    "sweep_report",
    "what_changed",
    "what_to_do",
]
