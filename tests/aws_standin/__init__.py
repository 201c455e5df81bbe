"""A stand-in for AWS under AWS's own host names. See README.md."""

from .chains import CHAINS, Environment
from .errors import AwsError, NotInTheModel
from .fleet import GREENGRASS, Execution, Fleet, Job, Thing
from .script import AWS_QUOTAS, Fault
from .standin import Call, StandIn

__all__ = [
    "AWS_QUOTAS",
    "CHAINS",
    "GREENGRASS",
    "AwsError",
    "Call",
    "Environment",
    "Execution",
    "Fault",
    "Fleet",
    "Job",
    "NotInTheModel",
    "StandIn",
    "Thing",
]
