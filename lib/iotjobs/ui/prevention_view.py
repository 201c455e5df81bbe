"""Which jobs can hang again, why, and the change that prevents it; the same live and in a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.markup import View, render, visible

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

#: More jobs than this are in `result.json` only.
MOST_JOBS = 10
_MOST_NAMES = 5


def prevention(findings: Findings) -> View:
    """Show the jobs that can hang again: what each lacks, the command that changes it, what the next should have.

    Parameters
    ----------
    findings
        What `investigate` found.

    Returns
    -------
    View
        Shown by Jupyter; the same as static HTML in a report.

    """
    found = findings.preventions
    jobs, unread = found.jobs[:MOST_JOBS], found.unread[:_MOST_NAMES]
    html = render(
        "prevention.html",
        jobs=jobs,
        more=len(found.jobs) - len(jobs),
        unread=unread,
        unread_more=len(found.unread) - len(unread),
        any_job=not findings.jobs.empty,
    )
    lines = [f"{job.job_id}: {'; '.join(job.why)}" for job in jobs]
    return View(html, "\n".join(map(visible, ["Prevent the next one", *lines])))
