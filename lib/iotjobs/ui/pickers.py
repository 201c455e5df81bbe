"""Searchable fields for a job and a thing by name."""

from __future__ import annotations

from typing import Any

import ipywidgets

from iotjobs.ui.callbacks import shown
from iotjobs.ui.model import Selection, choose_job, choose_thing

#: A browser completes no more names than this without delay; any other name may still be typed whole.
_MOST_OPTIONS = 2000


class Pickers(ipywidgets.HBox):
    """Two fields that complete names, and a button back to all jobs; views of a `Selection`."""

    def __init__(self, findings: Any, selection: Selection, output: ipywidgets.Output) -> None:
        self._findings, self._selection = findings, selection
        self.job = _field("Job", "all jobs: type to search", findings.jobs["job_id"])
        things = [*findings.executions["thing_name"], *findings.queues["thing_name"]]
        self.thing = _field("Thing", "type to search", things)
        self.everything = ipywidgets.Button(description="All jobs", icon="list")
        self.notice = ipywidgets.HTML()
        self._known_jobs, self._known_things = set(findings.jobs["job_id"]), set(things)
        super().__init__([self.job, self.thing, self.everything, self.notice])
        self._show()
        selection.observe(shown(output, self._show), ["job_id", "thing_name"])
        self.job.observe(shown(output, self._pick_job), "value")
        self.thing.observe(shown(output, self._pick_thing), "value")
        self.everything.on_click(shown(output, self._pick_all))

    def _show(self, _change: Any = None) -> None:
        self.job.value = self._selection.job_id or ""
        self.thing.value = self._selection.thing_name or ""
        self.notice.value = ""

    def _pick_job(self, change: Any) -> None:
        wanted = change["new"].strip()
        if wanted == (self._selection.job_id or ""):
            return
        if wanted and wanted not in self._known_jobs:
            self.notice.value = "No such job in these findings."
            return
        choose_job(self._selection, self._findings, wanted or None)

    def _pick_thing(self, change: Any) -> None:
        wanted = change["new"].strip()
        if not wanted or wanted == self._selection.thing_name:
            return
        if wanted not in self._known_things:
            self.notice.value = "No such thing in these findings."
            return
        choose_thing(self._selection, self._findings, wanted)

    def _pick_all(self, _button: Any) -> None:
        choose_job(self._selection, self._findings, None)


def _field(label: str, placeholder: str, names: Any) -> ipywidgets.Combobox:
    return ipywidgets.Combobox(
        description=label,
        placeholder=placeholder,
        options=tuple(sorted(list(dict.fromkeys(str(name) for name in names))[:_MOST_OPTIONS])),
        continuous_update=False,
        layout=ipywidgets.Layout(width="330px"),
    )
