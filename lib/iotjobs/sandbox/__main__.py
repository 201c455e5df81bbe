"""`python -m iotjobs.sandbox -- COMMAND`, the same as `iotjobs sandbox`."""

from iotjobs.cli import sandbox

if __name__ == "__main__":
    sandbox(prog_name="iotjobs sandbox")
