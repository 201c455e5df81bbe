"""A person's or machine's AWS settings, each a way to log in: written to a home directory, as the AWS CLI finds them.

Each function gives the environment that a client needs besides `StandIn.settings()`. Source: AWS SDKs and Tools
reference guide, "Standardized credential providers".
"""

from __future__ import annotations

import hashlib
import json
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from .logins import Key, Role
from .standin import StandIn

Environment = dict[str, str]
OPERATOR = "operator"
_SSO_START = "https://plant.awsapps.com/start"
_REFRESH, _SSO_SESSION = "refresh-token", "plant"


def static_keys(aws: StandIn, home: Path, *, lasts_s: float | None = None) -> Environment:
    """Keys in the environment; with ``lasts_s`` temporary ones, that end."""
    key = _user(aws, lasts_s=lasts_s)
    variables = {"AWS_ACCESS_KEY_ID": key.access_key, "AWS_SECRET_ACCESS_KEY": key.secret}
    return _home(aws, home, "") | variables | ({"AWS_SESSION_TOKEN": key.token} if key.token else {})


def source_profile(aws: StandIn, home: Path) -> Environment:
    """A profile with `role_arn` and `source_profile`."""
    role = _role(aws, OPERATOR)
    _keys_file(home, _user(aws))
    return _home(aws, home, f"[default]\nrole_arn = {role.arn}\nsource_profile = base\n")


def chained_role(aws: StandIn, home: Path) -> Environment:
    """A role that is assumed by a role that is assumed by a user."""
    first, last = _role(aws, "jump"), _role(aws, OPERATOR, assumers=".*assumed-role/jump/.*")
    _keys_file(home, _user(aws))
    text = (
        f"[default]\nrole_arn = {last.arn}\nsource_profile = jump\n"
        f"[profile jump]\nrole_arn = {first.arn}\nsource_profile = base\n"
    )
    return _home(aws, home, text)


def web_identity(aws: StandIn, home: Path) -> Environment:
    """A token in a file, as Kubernetes and GitHub give it, by the environment's variables."""
    role = _role(aws, OPERATOR)
    file = home / "token"
    home.mkdir(parents=True, exist_ok=True)
    file.write_text("web-token")
    aws.logins.web_tokens["web-token"] = role.arn
    return _home(aws, home, "") | {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_ROLE_ARN": role.arn,
        "AWS_ROLE_SESSION_NAME": "pod",
    }


def sso(aws: StandIn, home: Path, *, lasts_s: float = 8 * 3600, refreshable: bool = False) -> Environment:
    """An `sso-session` profile whose login is in the CLI's cache, good for ``lasts_s`` (below 0: it has ended)."""
    aws.logins.sso_tokens["sso-token"] = aws.now() + lasts_s
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    login = {
        "startUrl": _SSO_START,
        "region": aws.region,
        "accessToken": "sso-token",
        "expiresAt": _iso(aws.now() + lasts_s),
    }
    if refreshable:
        aws.logins.refresh_tokens.add(_REFRESH)
        login |= {
            "refreshToken": _REFRESH,
            "clientId": "client",
            "clientSecret": "secret",
            "registrationExpiresAt": _iso(aws.now() + 30 * 86_400),
        }
    name = hashlib.sha1(_SSO_SESSION.encode(), usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps(login))
    text = (
        f"[default]\nsso_session = {_SSO_SESSION}\nsso_account_id = {aws.account}\nsso_role_name = Operator\n"
        f"[sso-session {_SSO_SESSION}]\nsso_region = {aws.region}\nsso_start_url = {_SSO_START}\n"
        "sso_registration_scopes = sso:account:access\n"
    )
    return _home(aws, home, text)


def credential_process(aws: StandIn, home: Path, *, lasts_s: float = 3600, prints: str | None = None) -> Environment:
    """A program that prints keys; ``prints``: what it prints instead."""
    key = _user(aws, lasts_s=lasts_s)
    document = {
        "Version": 1,
        "AccessKeyId": key.access_key,
        "SecretAccessKey": key.secret,
        "SessionToken": key.token,
        "Expiration": _iso(aws.now() + lasts_s),
    }
    home.mkdir(parents=True, exist_ok=True)
    program = home / "credentials"
    text = json.dumps(document) if prints is None else prints
    program.write_text(f"#!{sys.executable}\nprint({text!r})\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return _home(aws, home, f"[default]\ncredential_process = {program}\n")


def container(aws: StandIn, home: Path) -> Environment:
    """A container's credentials endpoint on loopback."""
    return _home(aws, home, "") | {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{aws.port}/container",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-authorization-token",
    }


CHAINS: dict[str, Callable[[StandIn, Path], Environment]] = {
    "static keys": static_keys,
    "source_profile": source_profile,
    "chained role": chained_role,
    "web identity": web_identity,
    "sso": sso,
    "credential_process": credential_process,
    "container": container,
}


def _user(aws: StandIn, *, lasts_s: float | None = None) -> Key:
    return aws.logins.issue(f"arn:{aws.partition}:iam::{aws.account}:user/alice", aws.account, lasts_s=lasts_s)


def _role(aws: StandIn, name: str, *, assumers: str = ".*") -> Role:
    role = Role(f"arn:{aws.partition}:iam::{aws.account}:role/{name}", name, aws.account, assumers)
    aws.logins.roles[role.arn] = role
    return role


def _home(aws: StandIn, home: Path, config: str) -> Environment:
    folder = home / ".aws"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(config)
    return aws.settings() | {
        "HOME": str(home),
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_EC2_METADATA_DISABLED": "true",  # no machine's own role: there is no such network here
    }


def _keys_file(home: Path, key: Key) -> None:
    (home / ".aws").mkdir(parents=True, exist_ok=True)
    text = f"[base]\naws_access_key_id = {key.access_key}\naws_secret_access_key = {key.secret}\n"
    (home / ".aws" / "credentials").write_text(text)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
