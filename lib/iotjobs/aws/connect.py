"""From the standard AWS settings to a connection: profile, region, credentials, endpoints, and who that is."""

from __future__ import annotations

from functools import cache

import botocore.exceptions as boto_errors
import botocore.session
from botocore.loaders import Loader, create_loader

from iotjobs import project_file
from iotjobs.aws import endpoints
from iotjobs.aws.connection import Connection
from iotjobs.aws.credentials import CallerCredentials, Role
from iotjobs.aws.masking import address, outside_text
from iotjobs.aws.pace import shared_paces
from iotjobs.aws.region import choose_region
from iotjobs.aws.transport import BotoTransport, Limits
from iotjobs.errors import (
    InvalidInput,
)
from iotjobs.project_file import Project


def connect(
    *,
    profile: str | None = None,
    region: str | None = None,
    run_id: str | None = None,
    limits: Limits | None = None,
    role: Role | None = None,
    endpoint_url: str | None = None,
    project: Project | None = None,
) -> Connection:
    """Connect by the standard AWS settings and ask who we are (STS GetCallerIdentity).

    ``run_id`` stands in the user agent of every call. ``role`` is assumed with the credentials that are found;
    ``endpoint_url`` goes before the endpoints of the settings, for every service. ``project``: the project file in
    force, by default that of the working directory. Raises InvalidInput for an unknown profile, no region or an
    endpoint that is no URL, Refused for another place than is pinned, Denied for missing or refused credentials,
    IotJobsError for an endpoint out of reach.
    """
    project = project_file.in_force() if project is None else project
    limits = limits or Limits()
    try:
        own = _session(profile)  # botocore's, for the clients that fetch credentials
        chosen, warning = choose_region(own, region)
        project.require(region=chosen)
        own.set_config_variable("region", chosen)
        credentials = CallerCredentials(own, profile, role=role, endpoint_url=endpoint_url, program_s=limits.program_s)
        credentials.find()
        session = _session(profile)
        session.register_component("credential_provider", credentials)
        transport = BotoTransport(
            session, credentials, region=chosen, run_id=run_id, limits=limits, endpoint_url=endpoint_url
        )
        project.require(endpoint=address(transport.endpoint("iot")))  # before anything signed goes there
        partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
        connection = Connection(
            transport,
            profile=profile,
            partition=endpoints.partition_of(chosen, partitions),
            warnings=[warning] if warning else [],
            project=project,
        )
    except boto_errors.BotoCoreError as error:
        raise _unusable(error) from None
    credentials.established = True
    transport.paces = shared_paces(
        connection.account, connection.region, connection.endpoint, limited=not connection.sandbox
    )
    return connection


def _unusable(error: boto_errors.BotoCoreError) -> InvalidInput:
    """What is wrong with the settings, and what to do about it."""
    if not isinstance(error, boto_errors.ProfileNotFound):
        return InvalidInput(f"the AWS configuration cannot be read: {outside_text(error)}")
    if not error.kwargs["profile"]:
        return InvalidInput("AWS_PROFILE is set and empty: unset it, or name a profile")
    hint = "`aws configure list-profiles` lists those there are; the parameter is `profile`"
    return InvalidInput(f"{outside_text(error)}: {hint}")


def _session(profile: str | None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _service_models(session.get_config_variable("data_path")))
    return session


@cache
def _service_models(data_path: str | None) -> Loader:
    """Botocore's descriptions of the services: megabytes of JSON, read once a process and not once a connection."""
    return create_loader(data_path)
