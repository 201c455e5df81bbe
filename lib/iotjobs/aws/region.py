"""Which region is meant, where several settings name one."""

from __future__ import annotations

import os
import re

import botocore.session

from iotjobs.errors import InvalidInput


def choose_region(session: botocore.session.Session, region: str | None) -> tuple[str, str | None]:
    """The region, and what to say about the choice: the parameter, AWS_REGION, AWS_DEFAULT_REGION, the profile's.

    As the AWS CLI v2 and the other SDKs do (AWS SDKs reference guide, "AWS Region"); botocore passes AWS_REGION over.
    Raises InvalidInput when none is set or it is no name of a region.
    """
    by_variable = os.environ.get("AWS_REGION")
    by_botocore = session.get_config_variable("region")
    chosen = region or by_variable or by_botocore
    if not chosen:
        raise InvalidInput(
            "no AWS region is set: give the parameter `region`, set AWS_REGION, or name a profile that has one"
        )
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", chosen):
        raise InvalidInput(f"{chosen[:100]!r} is not the name of an AWS region")
    if region or not by_variable or by_botocore in (None, by_variable):
        return chosen, None
    return chosen, (
        f"AWS_REGION says {by_variable}, which holds as in the AWS CLI v2; AWS_DEFAULT_REGION or the profile says "
        f"{by_botocore}, which boto3 alone would take"
    )
