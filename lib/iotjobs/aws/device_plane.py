"""Where the jobs data plane of an account is, and how it is known that it cannot be had.

botocore's default host is one that AWS refuses ("Invalid endpoint"): an account has a host of its own, which
DescribeEndpoint names under `iot:Jobs`, or, where AWS has retired that, under `iot:Data-ATS`. Source: API
DescribeEndpoint; developer guide, "AWS IoT jobs device endpoints"; the error of the retired type says what to ask for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from iotjobs.aws.endpoints import Partition, described_url, is_generic_jobs_host
from iotjobs.aws.masking import outside_text
from iotjobs.errors import Denied, IotJobsError

_TYPES = ("iot:Jobs", "iot:Data-ATS")


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What decides where the data plane is: the control plane's URL and what the settings give for the data plane."""

    region: str
    partition: Partition
    control_url: str
    default_url: str


class DevicePlane:
    """The data plane's URL, asked for once; ``lost`` is why it is not used any more."""

    def __init__(self, settings: PlaneSettings, describe: Callable[[str], str]) -> None:
        """``describe`` asks DescribeEndpoint for a type and answers the host. Raises IotJobsError."""
        self._settings = settings
        self._describe = describe
        self._url: str | None = None
        self._finding = threading.Lock()
        self.lost: IotJobsError | None = None

    def url(self) -> str:
        """Where calls of the data plane go. Raises why it cannot be had."""
        with self._finding:  # only those wait who need it
            if self.lost is not None:
                raise self.lost
            if self._url is None:
                self._url = self._find()
            return self._url

    def lose(self, error: IotJobsError) -> None:
        """Note a failure; one that the next call would meet as well ends the use of this plane."""
        refused = isinstance(error, Denied) and "invalid endpoint" in str(error).lower()
        if refused or not (error.code or isinstance(error, Denied)):
            self.lost = error

    def doubt(self, execution: Mapping[str, object]) -> None:
        """Note that the data plane did not find what the control plane has: it is not this account's."""
        if execution.get("status") in {"QUEUED", "IN_PROGRESS"}:
            self.lost = IotJobsError(f"{self._url} does not know executions of this account: is it another's host?")

    def _find(self) -> str:
        settings = self._settings
        if not settings.partition.has(settings.default_url):
            return settings.default_url  # configured
        if not settings.partition.has(settings.control_url):
            return settings.control_url  # only that one is configured: the data plane is no other place's
        if not is_generic_jobs_host(settings.default_url):
            return settings.default_url  # configured
        if "-fips." not in settings.default_url:
            return self._described()
        try:
            described = self._described()
        except IotJobsError:
            described = ""
        self.lost = None
        return described if "-fips." in described else settings.default_url  # FIPS is kept, and may be refused

    def _described(self) -> str:
        settings = self._settings
        types = _TYPES if settings.default_url.endswith(settings.partition.suffixes[0]) else _TYPES[::-1]
        for endpoint_type in types:  # dual stack: AWS names iot:Data-ATS for it
            try:
                host = self._describe(endpoint_type)
            except IotJobsError as error:
                if error.code == "InvalidRequestException" and endpoint_type != types[-1]:
                    continue
                self.lose(error)
                if error.code == "InvalidRequestException" or (isinstance(error, Denied) and error.action):
                    self.lost = error
                raise
            url = described_url(host, settings.partition, settings.region)
            if url is None:
                self.lost = IotJobsError(
                    f"DescribeEndpoint named {outside_text(host, longest=100)} for {endpoint_type}, which is no "
                    f"host of AWS in {settings.region}: nothing is sent there"
                )
                raise self.lost
            return url
        raise AssertionError("there is a last type")
