"""What `iotjobs --verbose` shows: the package's log records on stderr, one line each, in the command and its kernel.

Silent by default, as a library is. Records carry facts (`extra=`), never a parameter or an answer of AWS.
"""

from __future__ import annotations

import logging
import os
import sys

#: Set by `--verbose`, so that the kernel, which is another process, does the same.
VARIABLE = "IOTJOBS_VERBOSE"
_OF_EVERY_RECORD = frozenset([*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"])


class _Line(logging.Formatter):
    """Time, logger, message, then the record's own facts as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        facts = [f"{name}={value}" for name, value in vars(record).items() if name not in _OF_EVERY_RECORD]
        line = " ".join([super().format(record), *facts])
        return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in line)


def show_if_asked() -> None:
    """Send the package's records to the process's own stderr where `VARIABLE` is set; not to a notebook's outputs."""
    logger = logging.getLogger("iotjobs")
    if os.environ.get(VARIABLE) != "1" or logger.handlers or sys.__stderr__ is None:
        return
    handler = logging.StreamHandler(sys.__stderr__)
    handler.setFormatter(_Line("%(asctime)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
