"""A long listing read into a table: plain boto3, the kit, and the lower bound, by turns on one stub service."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pandas as pd
from stub_service import JOB, PAGE_ROWS, running

from iotjobs.aws import executions as fetch
from iotjobs.aws.connect import connect

_FAST = (
    importlib.util.find_spec("orjson") is not None
)  # the lower bound is what the quickest reader needs, where it is there
loads: Callable[[bytes], Any] = importlib.import_module("orjson" if _FAST else "json").loads
READER = f"http.client + {'orjson' if _FAST else 'json'}, nothing kept"
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


def listing(rows: int, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of each round by the way of reading, and the bytes a row that the kit's table takes."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    with running(rows) as endpoint_url:
        os.environ.update(_SETTINGS | {"AWS_ENDPOINT_URL": endpoint_url})
        connection = connect()
        ways: dict[str, Callable[[], int]] = {
            "plain boto3": lambda: len(plain_boto3()),
            "iotjobs": lambda: len(fetch.job_executions(connection, JOB)),
            "lower bound": lambda: lower_bound(endpoint_url),
        }
        took: dict[str, list[float]] = {way: [] for way in ways}
        fetch.job_executions(connection, JOB)  # until the pace knows that nothing limits it
        for _ in range(rounds):  # by turns: a machine that others use is slow for all of them alike
            for way, read in ways.items():
                began = time.perf_counter()
                count = read()
                took[way].append(time.perf_counter() - began)
                if count != rows:
                    raise AssertionError(f"{way} read {count} rows of {rows}")
        table = fetch.job_executions(connection, JOB)
    return took, float(table.memory_usage(deep=True).sum()) / rows


def plain_boto3() -> pd.DataFrame:
    """Read as one does without the kit: paginator, a list of dicts, a DataFrame with times."""
    pages = boto3.client("iot").get_paginator("list_job_executions_for_job")
    found = [
        {"thingName": item["thingArn"].split("/")[-1], **item["jobExecutionSummary"]}
        for page in pages.paginate(jobId=JOB, PaginationConfig={"PageSize": PAGE_ROWS})
        for item in page["executionSummaries"]
    ]
    return pd.DataFrame(found)


def lower_bound(endpoint_url: str) -> int:
    """Read and parse every page, and keep nothing."""
    connection = http.client.HTTPConnection(urlsplit(endpoint_url).netloc)
    rows, token = 0, ""
    while True:
        connection.request("GET", f"/jobs/{JOB}/things?maxResults={PAGE_ROWS}{token}")
        answer = loads(connection.getresponse().read())
        rows += len(answer["executionSummaries"])
        if not answer.get("nextToken"):
            return rows
        token = f"&nextToken={answer['nextToken']}"


if __name__ == "__main__":  # in a process of its own: what others have imported is no part of it
    import sys

    took, memory = listing(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"took": took, "memory": memory, "reader": READER}))
