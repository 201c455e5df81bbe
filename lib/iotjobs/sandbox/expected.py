"""What the scenario `fleet` must be diagnosed as: labels from its story, not from what the diagnosis says."""

from __future__ import annotations

_CAUSES: dict[tuple[str, str], tuple[str, ...]] = {
    ("firmware-2-4-1", "stalled"): ("pump-berlin-01", "pump-berlin-02"),
    ("firmware-2-4-1", "device_offline"): tuple(f"pump-berlin-{number:02}" for number in range(7, 13)),
    ("rotate-certificates", "blocked"): ("pump-berlin-01", "pump-berlin-02"),
    ("rotate-certificates", "not_picked_up"): ("gateway-hamburg-01", "gateway-hamburg-02"),
    ("collect-logs", "blocked"): ("pump-berlin-01", "pump-berlin-02"),
    ("collect-logs", "waiting_turn"): ("gateway-hamburg-01", "gateway-hamburg-02"),
    ("set-report-interval", "blocked"): ("pump-berlin-01",),
    ("set-report-interval", "not_picked_up"): ("007",),
    ("AFR_OTA-van-tracker-3", "device_offline"): ("tracker-van-8", "tracker-van-9"),
    ("gateway-os-12", "orphaned"): ("gateway-hamburg-05", "gateway-hamburg-06"),
    ("calibrate-meters", "timeout_pending"): ("meter-munich-01",),
    ("calibrate-meters", "not_picked_up"): ("meter-munich-03", "meter-munich-04"),
    ("long-download", "timeout_pending"): ("meter-munich-05",),
    ("long-download", "not_picked_up"): ("meter-munich-06",),
    ("winter-settings", "waiting_window"): ("meter-munich-09", "meter-munich-10", "meter-munich-11"),
    ("monthly-config", "waiting_window"): ("meter-munich-11", "meter-munich-12"),
    ("heartbeat-check", "fresh"): ("gateway-hamburg-07", "gateway-hamburg-08", "pump-berlin-04"),
}

EXPECTED_CAUSES: dict[tuple[str, str, int], str] = {
    (job_id, thing_name, 1): cause for (job_id, cause), things in _CAUSES.items() for thing_name in things
}
"""(job, thing, number) of every unfinished execution: its cause, with `stuck_after` at its default of 24 h."""
