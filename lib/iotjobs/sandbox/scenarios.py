"""The fleets to practise on: each scenario seeds its history, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from iotjobs.errors import InvalidInput
from iotjobs.sandbox.fleet import Fleet

PUMPS = [f"pump-berlin-{number:02}" for number in range(1, 13)]
GATEWAYS = [f"gateway-hamburg-{number:02}" for number in range(1, 13)]
METERS = [f"meter-munich-{number:02}" for number in range(1, 13)]
TRACKERS = ["tracker-van-7", "tracker-van-8", "tracker-van-9", "007"]


def aged_fleet(fleet: Fleet) -> None:
    """Forty things and fourteen jobs of an operator of pumps, gateways, meters and trackers."""
    _register(fleet)
    _connect_the_healthy(fleet)
    _last_quarter(fleet)
    _firmware_that_hangs(fleet)
    _offline_and_never_seen(fleet)
    _cancelled_rollout(fleet)
    _timers_and_windows(fleet)
    _number_used_again(fleet)
    _today(fleet)


def indexing_off(fleet: Fleet) -> None:
    """The same fleet in an account that never switched fleet indexing on."""
    aged_fleet(fleet)
    fleet.iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "OFF"})


def empty(fleet: Fleet) -> None:
    """An account without things and jobs."""
    fleet.index()


SCENARIOS: dict[str, Callable[[Fleet], None]] = {
    "fleet": aged_fleet,
    "indexing-off": indexing_off,
    "empty": empty,
}


def seed(fleet: Fleet, scenario: str) -> None:
    """Tell a scenario. Raises InvalidInput for one that there is not."""
    if scenario not in SCENARIOS:
        raise InvalidInput(f"there is no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    SCENARIOS[scenario](fleet)
    fleet.check()


def _register(fleet: Fleet) -> None:
    with fleet.ago(days=200):
        fleet.index()
        fleet.things("pumps", PUMPS)
        fleet.things("gateways", GATEWAYS)
        fleet.things("meters", METERS)
        fleet.things("trackers", TRACKERS)


def _connect_the_healthy(fleet: Fleet) -> None:
    with fleet.ago(days=12):
        fleet.connect(*PUMPS[:6], *GATEWAYS[:8], *METERS[:6], "tracker-van-7", "007")


def _last_quarter(fleet: Fleet) -> None:
    """Jobs that ended as jobs should, one way or the other."""
    with fleet.ago(days=95):
        fleet.job("config-2026-q3", things=METERS[:6])
    with fleet.ago(days=94):
        for name, status in zip(METERS, ["SUCCEEDED"] * 3 + ["FAILED", "REJECTED", "SUCCEEDED"], strict=False):
            fleet.report("config-2026-q3", name, status)
    with fleet.ago(days=60):
        fleet.job("self-test-2026-09", things=METERS[6:8], timeoutConfig={"inProgressTimeoutInMinutes": 60})
        fleet.report("self-test-2026-09", METERS[6])
        fleet.report("self-test-2026-09", METERS[7], "SUCCEEDED")
    fleet.iot.list_job_executions_for_job(jobId="self-test-2026-09")


def _firmware_that_hangs(fleet: Fleet) -> None:
    """A firmware job hangs on two pumps; three later jobs wait behind it."""
    with fleet.ago(days=6):
        fleet.job("firmware-2-4-1", group="pumps")
    with fleet.ago(days=5, hours=22):
        for name in PUMPS[2:6]:
            fleet.report("firmware-2-4-1", name, "SUCCEEDED")
    with fleet.ago(days=5, hours=20):
        fleet.report("firmware-2-4-1", PUMPS[0], statusDetails={"step": "download", "progress": "100%"})
        fleet.report("firmware-2-4-1", PUMPS[1], statusDetails={"step": "flash", "progress": "62%"})
    with fleet.ago(days=4, hours=12):
        fleet.report("firmware-2-4-1", PUMPS[0], statusDetails={"step": "flash", "progress": "80%"})
    with fleet.ago(days=4):
        fleet.job("rotate-certificates", things=[*PUMPS[:2], *GATEWAYS[:4]])
    with fleet.ago(days=3, hours=12):
        for name in GATEWAYS[2:4]:
            fleet.report("rotate-certificates", name, "SUCCEEDED")
    with fleet.ago(days=3):
        fleet.job("collect-logs", things=[*PUMPS[:2], *GATEWAYS[:2]])
    with fleet.ago(days=2):
        fleet.job("set-report-interval", things=[PUMPS[0], "007"])


def _offline_and_never_seen(fleet: Fleet) -> None:
    """Pumps and a van that went offline, and ones that never reported for duty."""
    with fleet.ago(days=11):
        fleet.connect(PUMPS[6], PUMPS[7], "tracker-van-8")
    with fleet.ago(days=9):
        fleet.disconnect(PUMPS[6])
        fleet.vanish(PUMPS[7])
    with fleet.ago(days=8):
        fleet.job("AFR_OTA-van-tracker-3", things=TRACKERS[:3])
    with fleet.ago(days=7, hours=20):
        fleet.report("AFR_OTA-van-tracker-3", "tracker-van-8")
        fleet.report("AFR_OTA-van-tracker-3", "tracker-van-7", "SUCCEEDED")
    with fleet.ago(days=7):
        fleet.vanish("tracker-van-8")


def _cancelled_rollout(fleet: Fleet) -> None:
    """A rollout was cancelled without force: two gateways go on with a job that is no more."""
    with fleet.ago(days=40):
        fleet.job("gateway-os-12", things=GATEWAYS[4:8])
    with fleet.ago(days=39):
        fleet.report("gateway-os-12", GATEWAYS[4])
        fleet.report("gateway-os-12", GATEWAYS[5])
    with fleet.ago(days=38):
        fleet.iot.cancel_job(jobId="gateway-os-12", comment="wrong image", reasonCode="BAD_IMAGE")


def _timers_and_windows(fleet: Fleet) -> None:
    """Executions that only look stuck: a timer will end them, or their window has not come."""
    with fleet.ago(days=3):
        fleet.job("calibrate-meters", things=METERS[:4], timeoutConfig={"inProgressTimeoutInMinutes": 7 * 1440})
        fleet.job("long-download", things=METERS[4:6])
    with fleet.ago(days=2, hours=20):
        fleet.report("calibrate-meters", METERS[0])
        fleet.report("calibrate-meters", METERS[1], "SUCCEEDED")
        fleet.report("long-download", METERS[4], stepTimeoutInMinutes=5 * 1440)
    start = (fleet.now + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    with fleet.ago(days=5):
        fleet.job("winter-settings", things=METERS[8:11], schedulingConfig={"startTime": start})
    # A day of the month that lies a fortnight ahead was last passed before the job was made.
    monthly = f"cron(0 2 {(fleet.now + timedelta(days=14)).day} * ? *)"
    windows = [{"startTime": monthly, "durationInMinutes": 90}]
    with fleet.ago(days=4, hours=6):
        fleet.job("monthly-config", things=METERS[10:12], schedulingConfig={"maintenanceWindows": windows})


def _number_used_again(fleet: Fleet) -> None:
    """A continuous job, its execution deleted, the thing taken out of the group: number 1 is back."""
    thing = GATEWAYS[9]
    with fleet.ago(days=30):
        fleet.job("onboarding", group="gateways", targetSelection="CONTINUOUS")
        for name in GATEWAYS:
            fleet.report("onboarding", name, "SUCCEEDED")
    with fleet.ago(days=20):
        fleet.iot.delete_job_execution(jobId="onboarding", thingName=thing, executionNumber=1)
    with fleet.ago(days=10):
        fleet.iot.remove_thing_from_thing_group(thingGroupName="gateways", thingName=thing)


def _today(fleet: Fleet) -> None:
    """What is on its way now and needs no one."""
    with fleet.ago(hours=3):
        fleet.job("heartbeat-check", things=[GATEWAYS[6], GATEWAYS[7], PUMPS[3]])
    with fleet.ago(minutes=20):
        fleet.report("heartbeat-check", GATEWAYS[6])
