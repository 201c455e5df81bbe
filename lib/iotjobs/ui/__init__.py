"""The person's end: views of plain tables. Knows widgets, knows no AWS, and never fetches."""

from iotjobs.ui.banner import banner
from iotjobs.ui.changes_view import what_changed
from iotjobs.ui.delete_panel import delete_panel
from iotjobs.ui.estate_view import estate
from iotjobs.ui.explorer import explore
from iotjobs.ui.steps_view import what_to_do

__all__ = ["banner", "delete_panel", "estate", "explore", "what_changed", "what_to_do"]
