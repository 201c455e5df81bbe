"""iotjobs: find out why AWS IoT job executions are stuck, and clean up without hurting a device.

This is the public face: notebooks import from here alone.
"""

from iotjobs.delete import delete_job_execution
from iotjobs.investigation import Findings, investigate
from iotjobs.run import Run, start
from iotjobs.ui import banner, delete_panel, estate, explore, what_changed, what_to_do

__all__ = [
    "Findings",
    "Run",
    "banner",
    "delete_job_execution",
    "delete_panel",
    "estate",
    "explore",
    "investigate",
    "start",
    "what_changed",
    "what_to_do",
]
