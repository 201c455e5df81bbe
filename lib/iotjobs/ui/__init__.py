"""The person's end: views of plain tables. Knows widgets, knows no AWS, and never fetches."""

import os

os.environ.setdefault("ITABLES_CONFIG", "")  # or itables reads the pyproject.toml of wherever a notebook runs

from iotjobs.ui.banner import banner
from iotjobs.ui.changes_view import what_changed
from iotjobs.ui.delete_panel import delete_panel
from iotjobs.ui.estate_view import estate
from iotjobs.ui.explorer import explore
from iotjobs.ui.fleet_report import fleet_report
from iotjobs.ui.steps_view import what_to_do
from iotjobs.ui.sweep_panel import sweep_panel
from iotjobs.ui.sweep_view import sweep_report

__all__ = [
    "banner",
    "delete_panel",
    "estate",
    "explore",
    "fleet_report",
    "sweep_panel",
    "sweep_report",
    "what_changed",
    "what_to_do",
]
