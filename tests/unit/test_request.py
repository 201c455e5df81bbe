"""The reference's request: every sentence of it, without any call."""

from __future__ import annotations

import json
from pathlib import Path

import botocore.session
import pytest
from botocore.utils import ArgumentGenerator

from iotjobs.deletion import request
from iotjobs.errors import InvalidInput

NAMES = {"job_id": "j", "thing_name": "t", "execution_number": 1}
AS_JSON = {"jobId": "j", "thingName": "t", "executionNumber": 1}


def test_arguments_override_the_json() -> None:
    source = json.dumps({**AS_JSON, "force": True})
    merged = request.build(cli_input_json=source, thing_name="other", force=False)
    assert (merged.job_id, merged.thing_name, merged.force) == ("j", "other", False)


def test_force_of_the_json_holds_when_no_argument_is_given() -> None:
    assert request.build(cli_input_json=json.dumps({**AS_JSON, "force": True}), force=None).force is True


def test_the_default_is_no_force() -> None:
    assert request.build(**NAMES).force is False


def test_strings_of_the_json_are_taken_literally() -> None:
    with pytest.raises(InvalidInput, match="file://name"):
        request.build(cli_input_json=json.dumps({**AS_JSON, "thingName": "file://name"}))


def test_the_json_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(AS_JSON))
    assert request.build(cli_input_json=f"file://{file}").key.thing_name == "t"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())  # as editors on Windows write it
    assert request.build(cli_input_json=f"file://{file}").key.thing_name == "t"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_file_of_powershell_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(json.dumps(AS_JSON).encode(encoding))
    assert request.build(cli_input_json=f"file://{file}").key.thing_name == "t"


def test_a_path_without_its_scheme_is_told_how_to_write_it() -> None:
    with pytest.raises(InvalidInput, match=r"write file://request\.json"):
        request.build(cli_input_json="request.json")


def test_the_input_skeleton_is_the_one_of_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("iot").operation_model("DeleteJobExecution")
    assert ArgumentGenerator().generate_skeleton(model.input_shape) == request.INPUT_SKELETON
    assert model.output_shape is None


def test_a_filled_skeleton_is_a_request() -> None:
    filled = {**request.INPUT_SKELETON, "jobId": "j", "thingName": "t", "executionNumber": 1}
    assert request.build(cli_input_json=json.dumps(filled)) == request.DeleteRequest("j", "t", 1, force=True)


def test_the_skeleton_as_it_is_printed_is_not() -> None:
    with pytest.raises(InvalidInput, match="job_id"):
        request.build(cli_input_json=json.dumps(request.INPUT_SKELETON))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{"jobId":', "not JSON"),
        ("[1]", "takes an object"),
        ("", "not JSON"),
        (json.dumps({**AS_JSON, "jobID": "x"}), "unknown members: jobID"),
        (json.dumps({**AS_JSON, "executionNumber": "1"}), "executionNumber"),
        (json.dumps({**AS_JSON, "executionNumber": 1.0}), "executionNumber"),
        (json.dumps({**AS_JSON, "executionNumber": True}), "executionNumber"),
        (json.dumps({**AS_JSON, "force": "true"}), "force"),
        (json.dumps({**AS_JSON, "force": None}), "force"),
        ('{"jobId": "a", "jobId": "b"}', "twice"),
        ("file:///does/not/exist.json", "cannot be read"),
        ("file://~nobody-of-this-name/x.json", "cannot be read"),
        ("file://a\x00b", "cannot be read"),
        ("file://", "without a path"),
        ("fileb:///tmp/r.json", "write file:///tmp/r.json"),
        ("FILE:///tmp/r.json", "write file:///tmp/r.json"),
        ("file:/tmp/r.json", "write file:///tmp/r.json"),
        ("C:\\r.json", r"write file://C:\\r.json"),
        ("https://host/r.json", "is not fetched: save it"),
        ('{"executionNumber": ' + "1" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (json.dumps({**AS_JSON, "executionNumber": float("nan")}), "executionNumber"),
        (json.dumps({"jobId": "j"}), "missing: --thing-name, --execution-number"),
    ],
)
def test_json_that_cannot_be_meant(source: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        request.build(cli_input_json=source)


@pytest.mark.parametrize(
    "bad",
    [
        {"job_id": "a/b"},
        {"job_id": "x" * 65},
        {"job_id": ""},
        {"job_id": 7},
        {"job_id": "job\n"},
        {"thing_name": "a b"},
        {"thing_name": "x" * 129},
        {"thing_name": float("nan")},
        {"thing_name": True},
        {"execution_number": 0},
        {"execution_number": -1},
        {"execution_number": 1.5},
        {"execution_number": "abc"},
        {"execution_number": "1.0"},
        {"execution_number": True},
        {"execution_number": 2**63},
        {"force": "maybe"},
        {"namespace_id": "a b"},
    ],
    ids=str,
)
def test_values_that_cannot_be_meant(bad: dict) -> None:
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        request.build(**{**NAMES, **bad})


def test_a_number_that_papermill_made_of_a_name_points_to_r() -> None:
    with pytest.raises(InvalidInput, match="-r thing_name"):
        request.build(**{**NAMES, "thing_name": 7})


def test_a_number_may_come_as_its_digits() -> None:
    assert request.build(**{**NAMES, "execution_number": "12"}).execution_number == 12


def test_an_empty_namespace_of_the_json_counts_as_not_given() -> None:
    assert request.build(cli_input_json=json.dumps({**AS_JSON, "namespaceId": ""})).namespace_id is None


def test_a_name_that_the_request_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown: jobid"):
        request.build(**NAMES, jobid="j")
