"""The IAM policies: known to AWS, no more than the kit calls, and named by the errors."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import botocore.session
import parliament
import pytest
from parliament.statement import get_privilege_info

from iotjobs.errors import Denied
from iotjobs.permissions import grant_of
from tests.security.policy_files import NAMES, ROOT, actions, policy, statements

_MANAGED_POLICY_CHARACTERS = 6144  # IAM quotas; white space does not count


def _privilege(action: str) -> dict[str, object]:
    service, operation = action.split(":")
    return get_privilege_info(service, operation)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("name", NAMES)
def test_the_linter_has_nothing_to_say(name: str, partition: str) -> None:
    document = json.dumps(policy(name, partition=partition))
    assert [str(finding) for finding in parliament.analyze_policy_string(document).findings] == []
    assert len("".join(document.split())) < _MANAGED_POLICY_CHARACTERS


def test_the_linter_sees_a_resource_that_is_missing() -> None:
    document = policy("operator")
    for statement in document["Statement"]:
        if "iot:DeleteJobExecution" in statement["Action"]:
            statement["Resource"] = statement["Resource"][:1]
    assert parliament.analyze_policy_string(json.dumps(document)).findings


@pytest.mark.parametrize("name", NAMES)
def test_a_star_is_granted_only_where_aws_knows_no_resource(name: str) -> None:
    assert not any("*" in action for action in actions(name))
    for statement in statements(name):
        if statement["Effect"] == "Allow" and statement["Resource"] == "*":
            for action in statement["Action"]:
                kinds = {kind["resource_type"] for kind in _privilege(action)["resource_types"]}  # type: ignore[attr-defined]
                assert kinds <= {""}, action


def test_the_investigator_changes_nothing() -> None:
    assert {_privilege(action)["access_level"] for action in actions("investigator")} <= {"List", "Read"}


def test_the_operator_can_read_what_the_investigator_can() -> None:
    assert [one for one in statements("investigator") if one not in statements("operator")] == []


def test_the_operator_never_touches_the_executions_of_a_protected_job() -> None:
    changing = [action for action in actions("operator") if _privilege(action)["access_level"] == "Write"]
    assert sorted(actions("operator", "Deny")) == sorted(changing)


def test_statements_have_names_of_their_own() -> None:
    for name in NAMES:
        sids = [one["Sid"] for one in statements(name)]
        assert len(set(sids)) == len(sids)


def _operations_called() -> Iterator[str]:
    """Every operation of AWS that is named in the kit's own code, but for the sandbox, which is a service."""
    loader = botocore.session.get_session().get_service_model
    prefixes = {"iot": "iot", "sts": "sts", "organizations": "organizations", "iot-jobs-data": "iotjobsdata"}
    for service, prefix in prefixes.items():
        known = set(loader(service).operation_names)
        for path in (ROOT / "lib" / "iotjobs").rglob("*.py"):
            if "sandbox" in path.parts or path.name == "pace.py":  # a table of quotas, which names what is not called
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and service == "iot-jobs-data":
                    if getattr(node.func, "attr", "") == "read_device_plane":
                        yield f"{prefix}:{ast.literal_eval(node.args[0])}"
                elif isinstance(node, ast.Constant) and str(node.value) in known and service != "iot-jobs-data":
                    yield f"{prefix}:{node.value!s}"


def test_the_policies_grant_what_the_kit_calls_and_no_more() -> None:
    called = set(_operations_called()) - {"sts:GetCallerIdentity"}  # which needs no permission
    only_on_the_device_plane = {"iot:GetPendingJobExecutions"}
    granted = set(actions("operator"))
    assert called - only_on_the_device_plane - set(actions("fleet")) == granted


def test_every_action_leads_to_its_statement() -> None:
    for name in reversed(NAMES):
        for statement in statements(name):
            for action in statement["Action"] if statement["Effect"] == "Allow" else ():
                grant = grant_of(action)
                assert grant is not None
                assert grant.file in {f"iam/{name}.json", "iam/investigator.json"}
                assert any(one["Sid"] == grant.sid and action in one["Action"] for one in statements(name))
    assert grant_of("iot:CreateJob") is None


def test_an_error_ends_with_the_statement_that_grants_what_is_missing() -> None:
    denied = Denied("DescribeJob was denied", action="iot:DescribeJob")
    assert str(denied).endswith("; see iam/investigator.json, statement ReadJobs")
    assert str(Denied("CreateJob was denied", action="iot:CreateJob")) == "CreateJob was denied"
