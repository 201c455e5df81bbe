"""What others wrote is kept short and without secrets, whatever it quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotjobs.aws.masking import LONGEST, address, outside_text

TOKEN = "IQoJb3JpZ2luX2VjEJr//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQDx+7hZ" * 5
KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"x-amz-security-token:{TOKEN}", TOKEN),
        ("x-amz-security-token:short-token\nhost:x", "short-token"),
        ("{'X-Amz-Security-Token': b'short-token', 'a': 1}", "short-token"),
        ('{"SessionToken": "short-token"}', "short-token"),
        ('{"SecretAccessKey": "hunter2"}', "hunter2"),
        ("aws_secret_access_key = hunter2", "hunter2"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIAX/20261125/eu/iot/aws4_request, Signature=deadbeef",
            "deadbeef",
        ),
        ("sent AWS4-HMAC-SHA256 Credential=AKIAX/2026/a, SignedHeaders=host, Signature=deadbeef", "deadbeef"),
        ("authorization: Bearer abc.def", "abc.def"),
        ("Bearer abc.def was refused", "abc.def"),
        ("https://bucket.s3.amazonaws.com/x?X-Amz-Signature=deadbeef&X-Amz-Credential=AKIA failed", "deadbeef"),
        ("GET /x?X-Amz-Security-Token=short-token&y=1", "short-token"),
        ("cannot connect to https://user:hunter2@iot.example/x", "hunter2"),
        ("Failed to parse: http://user:hunter2@[bad", "hunter2"),
        ("proxy user:hunter2@proxy.example:3128 refused", "hunter2"),
        (f"the key {KEY} is wrong", KEY),
        ("password: hunter2", "hunter2"),
    ],
)
def test_it_is_not_kept(text: str, secret: str) -> None:
    assert secret not in outside_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "User: arn:aws:sts::444455556666:assumed-role/Admin/jane@example.com is not authorized to perform: iot:ListJobs",
        "Job execution for thing pump-berlin-01 within job firmware-2-4-1 cannot be found",
        "Could not connect to the endpoint URL: https://iot.eu-central-1.amazonaws.com/jobs",
        "Signature expired: 20261125T100000Z is now earlier than 20261125T115500Z (20261125T120000Z - 5 min.)",
        "7f1c0d1e-3b5a-4c55-9a57-0a6f1f6a2b11",
    ],
)
def test_what_a_person_needs_stays(text: str) -> None:
    assert outside_text(text) == text


@given(st.text(max_size=3000))
def test_it_is_short_and_one_line(text: str) -> None:
    words = outside_text(text)
    assert len(words) <= LONGEST
    assert "\n" not in words


def test_megabytes_take_no_time() -> None:
    assert len(outside_text("a:b@" * 5_000_000)) <= LONGEST


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://iot.eu-central-1.amazonaws.com", "https://iot.eu-central-1.amazonaws.com"),
        ("http://127.0.0.1:4566/base", "http://127.0.0.1:4566/base"),
        ("http://user:hunter2@127.0.0.1:9/?token=hunter2#hunter2", "http://127.0.0.1:9/"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_without_its_user_and_query(url: str, masked: str) -> None:
    assert address(url) == masked
