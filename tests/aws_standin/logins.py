"""Who may call: access keys, roles, and the services that give keys out (STS, IAM Identity Center, a container's host).

Signatures are not computed; that the key is known, its session token the right one, unexpired, its scope the host's
service and region, and its date near the service's clock, is checked as AWS does. Source: AWS STS, SSO portal and SSO
OIDC API references; IAM user guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .errors import AwsError
from .hosts import Host

_CREDENTIAL = re.compile(r"Credential=(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request")
_CLOCK_SKEW_S = 300
_SCOPES = {"iot-jobs-data": {"iot-jobs-data"}, "iot": {"iot", "execute-api"}, "sts": {"sts"}, "iam": {"iam"}}


@dataclass(frozen=True)
class Key:
    """One access key and whose it is. ``token`` None: a long-lived one."""

    access_key: str
    secret: str
    token: str | None
    arn: str
    account: str
    expires_at: float | None


@dataclass
class Role:
    """A role that may be assumed. ``assumers``: patterns of ARNs that its trust policy names."""

    arn: str
    name: str
    account: str
    assumers: str = ".*"
    lasts_s: float = 3600


@dataclass
class Logins:
    """All keys, roles and tokens. ``now``: the service's clock."""

    now: Callable[[], float]
    partition: str
    keys: dict[str, Key] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    web_tokens: dict[str, str] = field(default_factory=dict)  # token: role ARN
    sso_tokens: dict[str, float] = field(default_factory=dict)  # access token: expires_at
    refresh_tokens: set[str] = field(default_factory=set)
    container_refuses: bool = False
    issued_lasts_s: float | None = None  # how long keys that a role, SSO or container gets are good; None: the role's

    def issue(self, arn: str, account: str, *, lasts_s: float | None = None) -> Key:
        """A new access key: a user's own, or with ``lasts_s`` a temporary one."""
        temporary = lasts_s is not None
        key = Key(
            ("ASIA" if temporary else "AKIA") + secrets.token_hex(8).upper(),
            secrets.token_hex(20),
            secrets.token_urlsafe(60) if temporary else None,
            arn,
            account,
            None if lasts_s is None else self.now() + lasts_s,
        )
        self.keys[key.access_key] = key
        return key

    def revoke(self) -> None:
        """All temporary keys are expired from now on, and SSO logins too: what happens in the middle of a run."""
        for name, key in self.keys.items():
            if key.token is not None:
                self.keys[name] = Key(key.access_key, key.secret, key.token, key.arn, key.account, self.now() - 1)
        self.sso_tokens = dict.fromkeys(self.sso_tokens, self.now() - 1)

    def caller(self, host: Host, headers: Mapping[str, str]) -> Key:
        """Whose call this is. Raises AwsError as AWS does for what it does not accept."""
        signed = _CREDENTIAL.search(headers.get("authorization", ""))
        if not signed:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
        query = host.service in {"sts", "iam"}
        key = self.keys.get(signed["key"])
        if key is None or key.token != headers.get("x-amz-security-token"):
            code = "InvalidClientTokenId" if query else "UnrecognizedClientException"
            raise AwsError(code, "The security token included in the request is invalid.")
        if key.expires_at is not None and key.expires_at <= self.now():
            code = "ExpiredToken" if query else "ExpiredTokenException"
            raise AwsError(code, "The security token included in the request is expired")
        wrong = "SignatureDoesNotMatch" if query else "InvalidSignatureException"
        if signed["region"] != host.region or signed["service"] not in _SCOPES[host.service]:
            raise AwsError(wrong, f"Credential should be scoped to a valid region, not '{signed['region']}'.")
        sent = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        if abs(sent - self.now()) > _CLOCK_SKEW_S:
            text = "Signature expired: {} is now earlier than {} ({} - 5 min.)"
            if sent > self.now():
                text = "Signature not yet current: {} is still later than {} ({} + 5 min.)"
            stamps = [
                datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ") for at in (sent, self.now(), self.now())
            ]
            raise AwsError(wrong, text.format(*stamps))
        return key

    # STS.

    def sts(self, operation: str, asked: dict[str, Any], caller: Key | None) -> dict[str, Any]:
        if operation == "GetCallerIdentity" and caller:
            return {"UserId": f"AID{caller.access_key[4:]}", "Account": caller.account, "Arn": caller.arn}
        if operation == "AssumeRole" and caller:
            role = self.roles.get(asked["RoleArn"])
            if role is None or not re.fullmatch(role.assumers, caller.arn):
                raise AwsError(
                    "AccessDenied",
                    f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {asked['RoleArn']}",
                )
            return self._session(role, asked["RoleSessionName"])
        if operation == "AssumeRoleWithWebIdentity":
            token = asked["WebIdentityToken"]
            if token not in self.web_tokens:
                raise AwsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account")
            if self.web_tokens[token] != asked["RoleArn"]:
                raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
            role = self.roles[asked["RoleArn"]]
            return self._session(role, asked["RoleSessionName"]) | {"Provider": "issuer.example"}
        raise AwsError("AccessDenied", f"User is not authorized to perform: sts:{operation}")

    def _session(self, role: Role, session: str) -> dict[str, Any]:
        arn = f"arn:{self.partition}:sts::{role.account}:assumed-role/{role.name}/{session}"
        key = self.issue(arn, role.account, lasts_s=self.issued_lasts_s or role.lasts_s)
        return {
            "Credentials": {
                "AccessKeyId": key.access_key,
                "SecretAccessKey": key.secret,
                "SessionToken": key.token,
                "Expiration": _iso(key.expires_at or 0),
            },
            "AssumedRoleUser": {"AssumedRoleId": f"AROA{role.name.upper()}:{session}", "Arn": arn},
        }

    # IAM Identity Center.

    def sso(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        if operation != "GetRoleCredentials" or self.sso_tokens.get(asked["accessToken"], 0) <= self.now():
            raise AwsError("UnauthorizedException", "Session token not found or invalid")
        arn = (
            f"arn:{self.partition}:sts::{asked['accountId']}:assumed-role/"
            f"AWSReservedSSO_{asked['roleName']}_0123456789abcdef/operator"
        )
        key = self.issue(arn, asked["accountId"], lasts_s=self.issued_lasts_s or 3600)
        return {
            "roleCredentials": {
                "accessKeyId": key.access_key,
                "secretAccessKey": key.secret,
                "sessionToken": key.token,
                "expiration": int((key.expires_at or 0) * 1000),
            }
        }

    def oidc(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        if operation != "CreateToken" or asked.get("refreshToken") not in self.refresh_tokens:
            raise AwsError("InvalidGrantException", "Invalid refresh token provided")
        token = secrets.token_urlsafe(40)
        self.sso_tokens[token] = self.now() + 3600
        return {"accessToken": token, "tokenType": "Bearer", "expiresIn": 3600, "refreshToken": asked["refreshToken"]}

    # A container's credentials endpoint, on loopback.

    def container(self, arn: str, account: str) -> dict[str, Any]:
        key = self.issue(arn, account, lasts_s=self.issued_lasts_s or 3600)
        return {
            "RoleArn": arn,
            "AccessKeyId": key.access_key,
            "SecretAccessKey": key.secret,
            "Token": key.token,
            "Expiration": _iso(key.expires_at or 0),
        }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
