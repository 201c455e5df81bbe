"""The caller's credentials, as botocore finds them, and in our words when they cannot be had.

botocore's own clients (STS, SSO) get them in a session that the kit changes nothing of. Where they come from is said
in the order of botocore's providers (boto3 guide, "Credentials").
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.credentials
import botocore.exceptions as boto_errors
import botocore.session

from iotjobs.aws.concurrency import Overdue, in_time
from iotjobs.aws.masking import outside_text
from iotjobs.aws.service_errors import CLOCK, EXPIRED, clock_is_off
from iotjobs.errors import Denied, IotJobsError

_LOG_IN = "log in again (`aws sso login`, or your usual way to get credentials), then run this again"

#: botocore's METHOD of a provider: what it is called in a message, and what to do.
_SOURCES: dict[str, tuple[str, str]] = {
    "env": ("the environment (AWS_ACCESS_KEY_ID …)", "set both the key and the secret"),
    "assume-role": ("the profile's role", _LOG_IN),
    "assume-role-with-web-identity": ("the web identity token", "see that the token file is there and fresh"),
    "sso": ("the SSO login", "log in with `aws sso login{profile}`, then run this again"),
    "sso-token": ("the SSO login", "log in with `aws sso login{profile}`, then run this again"),
    "login": ("the console login", "log in with `aws login{profile}`, then run this again"),
    "shared-credentials-file": ("the shared credentials file", "check the profile there"),
    "custom-process": (
        "the profile's credential_process",
        "run its command by hand to see what it says (its output is not kept: it may hold secrets), then this again",
    ),
    "config-file": ("the AWS config file", "check the profile there"),
    "container-role": ("the container's credentials", "check AWS_CONTAINER_CREDENTIALS_FULL_URI or the task's role"),
    "iam-role": ("the instance's role", "check that the instance has a profile"),
}
_NETWORK = (boto_errors.ConnectionError, boto_errors.HTTPClientError)
#: What asking for an MFA code ends in when nobody is there; IPython's StdinNotImplementedError is the second.
_NOBODY_THERE = (EOFError, NotImplementedError, boto_errors.RefreshWithMFAUnsupportedError)


@dataclass(frozen=True, slots=True)
class Role:
    """A role to assume with the credentials that are found (API: STS AssumeRole)."""

    arn: str
    external_id: str | None = None
    session_name: str | None = None


class _NeverEnds(Exception):
    """A program that gives credentials goes on and on."""


class CallerCredentials:
    """The credentials of one botocore session, found once and refreshed by botocore; another session's provider.

    A call holds on to the ones that it began with (`held`): it is then known whose each call is, however often they are
    renewed meanwhile. ``program_s``: how long a program of the profile may take, in seconds: botocore waits for ever.
    """

    def __init__(
        self,
        session: botocore.session.Session,
        profile: str | None = None,
        *,
        role: Role | None = None,
        endpoint_url: str | None = None,
        program_s: float = 120,
    ) -> None:
        self._session = session
        self._program_s = program_s
        self._role = role
        self._endpoint_url = endpoint_url
        self._profile = profile or session.profile
        self._credentials: Any = None
        self._source = ""
        self._this = threading.local()
        #: Whether they were good once: what ends then can be had anew.
        self.established = False

    def find(self) -> None:
        """Ask botocore's providers in their order. Raises Denied, which names the one that failed, IotJobsError."""
        for provider in self._session.get_component("credential_provider").providers:
            self._source = str(provider.METHOD)
            try:
                self._credentials = self._in_time(provider.load)
            except Exception as error:  # noqa: BLE001 - each provider has failures of its own kind
                raise self._error(error) from None
            if self._credentials is not None:
                self._source = str(getattr(self._credentials, "method", self._source))
                self._assume()
                return
        raise Denied(
            "no usable AWS credentials: none in the environment, in a profile, or in this machine's role; "
            + _LOG_IN.replace("log in again", "log in")
        )

    def _assume(self) -> None:
        """Have botocore assume the role, and again before its session ends."""
        if self._role is None:
            return
        client = functools.partial(self._session.create_client, endpoint_url=self._endpoint_url)
        more = {"ExternalId": self._role.external_id, "RoleSessionName": self._role.session_name}
        fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
            client,
            self._credentials,
            self._role.arn,
            extra_args={name: value for name, value in more.items() if value is not None},
        )
        self._source = botocore.credentials.AssumeRoleProvider.METHOD
        self._credentials = botocore.credentials.DeferredRefreshableCredentials(
            method=self._source, refresh_using=fetcher.fetch_credentials
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Refresh them if need be, and hold on to them for what this thread does. Raises Denied, IotJobsError."""
        outer = getattr(self._this, "frozen", None)  # a call may need another first: who is the caller?
        try:
            self._this.frozen = outer or self._in_time(self._credentials.get_frozen_credentials)
        except Exception as error:  # noqa: BLE001 - a refresh runs programs and asks services
            raise self._error(error) from None
        try:
            yield
        finally:
            self._this.frozen = outer

    def load_credentials(self) -> CallerCredentials:
        """What a session asks its provider for (see botocore's CredentialResolver)."""
        return self

    def get_frozen_credentials(self) -> Any:
        """What botocore signs with."""
        return getattr(self._this, "frozen", None) or self._credentials.get_frozen_credentials()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_credentials"], name)  # as botocore's own

    def _error(self, error: Exception) -> IotJobsError:
        name, remedy = _SOURCES.get(self._source, (self._source, _LOG_IN))
        remedy = remedy.format(profile=f" --profile {self._profile}" if self._profile else "")
        ended = " (they were good until now)" if self.established else ""
        settings = self._settings()
        expired = self.established
        if isinstance(error, _NETWORK):
            return IotJobsError(
                f"the credentials from {name} cannot be fetched: {outside_text(error)}; check network and region"
            )
        if isinstance(error, _NOBODY_THERE) or (settings.get("mfa_serial") and isinstance(error, OSError)):
            why = "the profile's role asks for an MFA code, and nobody is there to type it"
            remedy = (
                "get a session first (`aws sts get-session-token --serial-number … --token-code …`, or a login of your "
                "own), put it into the environment or a profile, then run this again"
            )
        elif isinstance(error, boto_errors.ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
            message = str(error.response.get("Error", {}).get("Message", ""))
            expired = expired or code in EXPIRED
            role = (
                (self._role and self._role.arn)
                or settings.get("role_arn")
                or self._session.get_config_variable("role_arn")
            )
            what = f"{_action(error.operation_name)}{f' for the role {role}' if role else ''}"
            why = f"AWS refused {what} ({code}: {outside_text(message)})"
            if code in CLOCK or clock_is_off(message):
                remedy = "the clock of this host is wrong: set the clock, then run this again"
            elif "AccessDenied" in code and error.operation_name.startswith("AssumeRole"):
                remedy = "ask for that permission and for the role's trust, or use another profile"
        elif isinstance(error, _NeverEnds):
            why = str(error)
        elif self._source == "custom-process":  # the message holds all that the program wrote
            missing = isinstance(error, FileNotFoundError | PermissionError)
            why = "its program cannot be run" if missing else f"it gave none that can be used ({type(error).__name__})"
        else:
            why = outside_text(error) or type(error).__name__
        return Denied(f"no usable AWS credentials from {name}{ended}: {why}; {remedy}", expired=expired)

    def _in_time(self, ask: Callable[[], Any]) -> Any:
        """Ask botocore, in a thread that is left alone when the time is over where it runs a program of the profile.

        Only there: what asks a person for an MFA code must do so in the notebook's own thread.
        """
        if not self._runs_a_program():
            return ask()
        try:
            return in_time(ask, self._program_s, thread="iotjobs-login")
        except Overdue:
            raise _NeverEnds(f"it did not end within {self._program_s:g} s") from None

    def _runs_a_program(self) -> bool:
        """Whether the profile, or one that it builds on, has a `credential_process`, and none asks for an MFA code."""
        try:
            profiles = self._session.full_config.get("profiles", {})
        except boto_errors.BotoCoreError:
            return False
        chain: dict[str, dict[str, Any]] = {}
        name = self._profile or "default"
        while name in profiles and name not in chain:
            chain[name] = profiles[name]
            name = str(profiles[name].get("source_profile", ""))
        asks = any("mfa_serial" in each for each in chain.values())
        return any("credential_process" in each for each in chain.values()) and not asks

    def _settings(self) -> dict[str, Any]:
        try:
            return dict(self._session.get_scoped_config())
        except boto_errors.BotoCoreError:
            return {}


def _action(operation: str) -> str:
    return f"sts:{operation}" if operation.startswith(("AssumeRole", "GetSession")) else operation
