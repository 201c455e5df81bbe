"""A callback's error vanishes in Jupyter unless something shows it: this does."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import ParamSpec

import ipywidgets

from iotjobs.errors import IotJobsError

P = ParamSpec("P")
_log = logging.getLogger(__name__)


def shown(output: ipywidgets.Output, callback: Callable[P, None]) -> Callable[P, None]:
    """Wrap a callback so that its error is shown in `output`, and the last one is cleared when it goes well."""

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        output.outputs = ()
        try:
            callback(*args, **kwargs)
        except IotJobsError as error:
            output.append_stderr(f"{type(error).__name__}: {error}\n")
        except Exception as error:  # noqa: BLE001 - the boundary to the person: shown, with where it happened
            _log.exception("a callback failed")
            where = "".join(traceback.format_tb(error.__traceback__)[-2:])
            output.append_stderr(f"This is a fault of the kit. {type(error).__name__}: {error}\n{where}")

    return call
